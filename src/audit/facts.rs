//! What the rest of the program tells the log, and how much of it is kept.

use crate::audit::record::{Exceeded, Kind, Lent, Link, Loaded, Record, Reuse, Target, Version};
use airssys_osl::{ActionId, Caller, Chain, Delegated, Entry, Party, Principal, Resource, Subject};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What a component was loaded with.
#[derive(Debug, Clone, Copy)]
pub struct Load<'a> {
    /// Id of the key that signed it.
    pub key_id: &'a str,
    /// Hexadecimal SHA-256 of the whole file.
    pub file_digest: &'a str,
    /// The policies in force.
    pub policy_set: &'a PolicySet,
    /// Their epoch.
    pub epoch: u64,
    /// The limits in force for it.
    pub limits: Limits,
}

/// Digests of what verdicts rest on: hexadecimal SHA-256, as the policy layer makes them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySet {
    /// Of all policies.
    pub policies: String,
    /// Of all entities.
    pub entities: String,
    /// Of the schema.
    pub schema: String,
}

/// The limits, by the keys of `[limits]`. Whoever fills it in does not compile unless the keys are the same.
macro_rules! limits {
    ($($key:ident),* $(,)?) => {
        /// Limits in force, each in the unit that its name says; one that is not set is left out.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(missing_docs, reason = "each is what the manifest's key of the same name is")]
        pub struct Limits {
            $(#[serde(skip_serializing_if = "Option::is_none")] pub $key: Option<u64>,)*
        }
    };
}

limits!(
    memory_mib,
    table_elements,
    instances,
    tables,
    memories,
    handles,
    open_files,
    sockets,
    host_call_bytes,
    stack_kib,
    cpu_ms,
    wall_ms,
    output_bytes_per_second,
    random_bytes_per_call,
    read_bytes_total,
    write_bytes_total,
);

/// A component that was refused before it ran.
#[derive(Debug, Clone, Copy)]
pub struct Refused<'a> {
    /// The name it claims, where it could be read. Not verified.
    pub claimed: Option<&'a str>,
    /// Hexadecimal SHA-256 of the whole file.
    pub file_digest: Option<&'a str>,
    /// The import that is not offered, when that is the reason.
    pub import: Option<&'a str>,
    /// Why, in one sentence.
    pub reason: &'a str,
}

/// Longest name, id of a policy, digest or version.
const NAME: usize = 256;
/// Longest id of a resource: a path's own limit.
const ID: usize = airssys_osl::GuestPath::MAX_BYTES;
/// Longest sentence.
const TEXT: usize = 1024;
/// Most bytes of a list.
const LIST: usize = 64 * 1024;

impl<'a> Record<'a> {
    /// A record about a live instance.
    pub(super) fn about(kind: Kind, subject: &'a Subject) -> Record<'a> {
        let (name, digest, groups) = match subject.party() {
            Party::Component(principal) => {
                (cut(&principal.name, NAME), Some(cut(&principal.digest, NAME)), None)
            }
            Party::Operator(operator) => {
                let groups = operator.groups().iter().map(|group| cut(group, NAME)).collect();
                (subject.party().name().into(), None, Some(groups))
            }
        };
        Record { subject: Some(name), instance: Some(subject.instance()), digest, groups, ..Record::of(kind) }
    }

    pub(super) fn decision(entry: &'a Entry<'_>) -> Record<'a> {
        let reasons = entry.verdict.reasons();
        let (policies, more_policies) = list(reasons.policies.iter().map(|id| &**id), NAME);
        let (errors, more_errors) = list(reasons.errors.iter().map(String::as_str), TEXT);
        Record {
            action: Some(entry.ask.action.name().into()),
            resource: Some(resource(entry.ask.resource)),
            import: Some(cut(entry.ask.import, TEXT)),
            verdict: Some(entry.verdict.outcome().into()),
            policies: Some(policies),
            more_policies,
            errors: Some(errors),
            more_errors,
            epoch: Some(entry.epoch),
            chain: chain(&entry.ask.subject.chain()),
            delegation: entry.delegated.map(lent),
            ..Record::about(Kind::Decision, entry.ask.subject)
        }
    }

    pub(super) fn revoke(subject: Option<&'a Subject>, text: &'a str) -> Record<'a> {
        let record =
            subject.map_or_else(|| Record::of(Kind::Revoke), |subject| Record::about(Kind::Revoke, subject));
        Record { text: Some(cut(text, TEXT)), ..record }
    }

    /// True when something a verdict rests on was too long for the record: then the question cannot be asked again.
    pub fn is_cut(&self) -> bool {
        let long = |text: &Option<Cow<'_, str>>, most| text.as_ref().is_some_and(|text| text.len() > most);
        // What was cut is longer than what never was, by its mark.
        long(&self.subject, NAME)
            || long(&self.digest, NAME)
            || long(&self.import, TEXT)
            || self.resource.as_ref().is_some_and(|resource| resource.id.len() > ID)
    }

    pub(super) fn note(subject: &'a Subject, import: &'a str, text: &'a str) -> Record<'a> {
        let (import, text) = (Some(cut(import, TEXT)), Some(cut(text, TEXT)));
        Record { import, text, ..Record::about(Kind::Note, subject) }
    }

    /// A note on a component of which nothing lives yet.
    pub(super) fn remark(name: &'a str, digest: &'a str, text: &'a str) -> Record<'a> {
        let (subject, digest) = (Some(cut(name, NAME)), Some(cut(digest, NAME)));
        Record { subject, digest, text: Some(cut(text, TEXT)), ..Record::of(Kind::Note) }
    }

    pub(super) fn summary(subject: &'a Subject, reused: &[(ActionId, u64)]) -> Record<'a> {
        let reused =
            reused.iter().map(|(action, times)| Reuse { action: action.name().into(), times: *times });
        Record { reused: Some(reused.collect()), ..Record::about(Kind::Summary, subject) }
    }

    pub(super) fn load(subject: &'a Subject, load: &Load<'a>) -> Record<'a> {
        Record {
            epoch: Some(load.epoch),
            component: subject.component().map(|principal| loaded(principal, load)),
            policy_set: Some(load.policy_set.clone()),
            ..Record::about(Kind::Load, subject)
        }
    }

    pub(super) fn refused(refused: &Refused<'a>) -> Record<'a> {
        Record {
            subject: refused.claimed.map(|name| cut(name, NAME)),
            digest: refused.file_digest.map(|digest| cut(digest, NAME)),
            import: refused.import.map(|import| cut(import, TEXT)),
            text: Some(cut(refused.reason, TEXT)),
            ..Record::of(Kind::Refused)
        }
    }

    pub(super) fn limit(
        subject: &'a Subject,
        import: Option<&'a str>,
        exceeded: (&'a str, u64),
        text: &'a str,
    ) -> Record<'a> {
        let (name, allowed) = exceeded;
        let limit = Some(Exceeded { name: cut(name, NAME), allowed });
        let import = import.map(|import| cut(import, TEXT));
        Record { import, limit, text: Some(cut(text, TEXT)), ..Record::about(Kind::Limit, subject) }
    }

    pub(super) fn swap(epoch: u64, policy_set: &PolicySet) -> Record<'static> {
        Record { epoch: Some(epoch), policy_set: Some(policy_set.clone()), ..Record::of(Kind::Swap) }
    }
}

fn loaded<'a>(principal: &'a Principal, load: &Load<'a>) -> Loaded<'a> {
    let (major, minor, patch) = principal.version;
    let groups = principal.groups.iter().map(|group| target("Group", group));
    Loaded {
        publisher: cut(&principal.publisher, NAME),
        version: Version { major, minor, patch },
        release: principal.release,
        dev: principal.dev,
        parents: std::iter::once(target("Publisher", &principal.publisher)).chain(groups).collect(),
        key_id: cut(load.key_id, NAME),
        file_digest: cut(load.file_digest, NAME),
        limits: load.limits,
    }
}

fn target<'a>(kind: &'static str, id: &'a str) -> Target<'a> {
    Target { kind: kind.into(), id: cut(id, ID), parents: Vec::new(), instance: None }
}

fn resource(resource: &Resource) -> Target<'_> {
    let parents = match resource {
        // A session remembers few look-ups, and a host is short: all of them fit.
        Resource::Endpoint(endpoint) => {
            endpoint.hosts().iter().map(|host| target("Host", host.as_str())).collect()
        }
        _ => Vec::new(),
    };
    let instance = match resource {
        Resource::Component(peer) => peer.instance(),
        Resource::Function(function) => function.peer().instance(),
        _ => None,
    };
    Target { parents, instance, ..target(resource.kind(), resource.id()) }
}

/// The chain, if anybody is in it.
fn chain(chain: &Chain) -> Option<Vec<Link<'static>>> {
    let links: Vec<_> = chain.callers().iter().map(link).collect();
    (!links.is_empty()).then_some(links)
}

fn lent(delegated: &Delegated) -> Lent<'static> {
    Lent { id: delegated.id, lenders: delegated.lenders.iter().map(link).collect() }
}

fn link(caller: &Caller) -> Link<'static> {
    let component = Cow::Owned(cut(&caller.principal.name, NAME).into_owned());
    Link { component, instance: caller.instance }
}

/// As many items as fit into [`LIST`] bytes, each cut to `each`, and how many were left out.
fn list<'a>(items: impl Iterator<Item = &'a str>, each: usize) -> (Vec<Cow<'a, str>>, Option<u64>) {
    let (mut kept, mut more, mut room) = (Vec::new(), 0, LIST);
    for item in items {
        let item = cut(item, each);
        match room.checked_sub(item.len().saturating_add(3)) {
            Some(left) if more == 0 => {
                room = left;
                kept.push(item);
            }
            Some(_) | None => more += 1,
        }
    }
    (kept, (more > 0).then_some(more))
}

/// The text, or its beginning with a mark that says how many bytes are missing.
/// How the log names a resource: its type and its id, which is cut where it is too long.
pub(crate) fn named(of: &Resource) -> (&'static str, Cow<'_, str>) {
    (of.kind(), resource(of).id)
}

fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let (kept, rest) = text.split_at_checked(text.floor_char_boundary(most)).unwrap_or(("", text));
    Cow::Owned(format!("{kept}…(+{} bytes)", rest.len()))
}

#[cfg(test)]
mod tests {
    use super::{LIST, cut, list};

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_how_much_is_missing() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "abc…(+1 bytes)");
        assert_eq!(cut("aéb", 2), "a…(+3 bytes)");
    }

    #[test]
    fn a_long_list_is_cut_and_counted() {
        let items = vec!["x".repeat(1000); 100];
        let (kept, more) = list(items.iter().map(String::as_str), 1024);
        assert_eq!(kept.len() as u64 + more.unwrap(), 100);
        assert_eq!(kept.len(), LIST / 1003);
        assert_eq!(list(["a", "b"].into_iter(), 8).1, None);
    }
}
