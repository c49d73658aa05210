//! Policies by action, principal and resource of their scope: deciding walks ancestors, never the list of policies.

use super::entities::Known;
use super::network::suffixes;
use super::peers::above;
use super::rule::{Rule, Scope};
use super::vocabulary::{Names, Vocabulary, id_of};
use super::walk::{Map, hash, prefixes};
use airssys_osl::Resource;
use cedar_policy_core::ast::{EntityType, EntityUID};
use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

/// Numbers of rules, in the order they were loaded.
pub(crate) type Found = Vec<u32>;

/// For each action, the tables of those principals that scopes name.
#[derive(Debug, Default)]
pub(crate) struct Index {
    components: Vec<ByPrincipal>,
    operators: Vec<ByPrincipal>,
}

#[derive(Debug, Default)]
struct ByPrincipal {
    any: Arc<Table>,
    named: HashMap<EntityUID, Arc<Table>>,
}

/// The policies of one action and one principal of a scope, by resource.
#[derive(Debug, Default)]
pub(crate) struct Table {
    any: Found,
    same: Map<Found>,
    within: Map<Found>,
    named: BTreeSet<Box<str>>,
}

impl Index {
    pub(crate) fn new(rules: &[Rule], words: &Vocabulary) -> Index {
        let of = |kind: &EntityType| by_action(rules, words, kind);
        Index { components: of(&words.component), operators: of(&words.operator) }
    }

    /// The tables that can speak about a principal, per action: its own, its publisher's, its groups', everyone's.
    pub(crate) fn tables(&self, names: &Names, words: &Vocabulary) -> Vec<Vec<Arc<Table>>> {
        let of = |by: &ByPrincipal| {
            let mut seen = BTreeSet::new();
            let named = names.all().filter(|uid| seen.insert(*uid)).filter_map(|uid| by.named.get(uid));
            named.chain([&by.any]).filter(|table| !table.is_empty()).cloned().collect()
        };
        let is_operator = *names.own.entity_type() == words.operator;
        if is_operator { &self.operators } else { &self.components }.iter().map(of).collect()
    }
}

/// For each action, the policies that can speak about principals of that type.
fn by_action(rules: &[Rule], words: &Vocabulary, kind: &EntityType) -> Vec<ByPrincipal> {
    let mut building: Vec<_> = words.all_actions().map(|_| Building::default()).collect();
    for (number, rule) in (0_u32..).zip(rules) {
        for (action, into) in words.all_actions().zip(&mut building) {
            let covered = words.action(action).is_some_and(|entity| rule.actions.cover(entity));
            if covered && let Some(table) = into.table(&rule.principal, kind) {
                table.add(number, &rule.resource, words.kind_of(action).unwrap_or_default(), words);
            }
        }
    }
    building.into_iter().map(Building::finish).collect()
}

#[derive(Default)]
struct Building {
    any: Table,
    named: HashMap<EntityUID, Table>,
}

impl Building {
    /// The table for a principal's scope; none when nobody of that type can be in it.
    fn table(&mut self, scope: &Scope, asks: &EntityType) -> Option<&mut Table> {
        match scope {
            Scope::Any => Some(&mut self.any),
            Scope::Is(kind) => (kind == asks).then_some(&mut self.any),
            // Nothing lies in a component or an operator but itself, so `==` and `in` are one look-up.
            Scope::Equals(uid) => {
                (uid.entity_type() == asks).then(|| self.named.entry(uid.clone()).or_default())
            }
            Scope::In(uid) => Some(self.named.entry(uid.clone()).or_default()),
            Scope::IsIn(kind, uid) => (kind == asks).then(|| self.named.entry(uid.clone()).or_default()),
        }
    }

    fn finish(self) -> ByPrincipal {
        let named = self.named.into_iter().map(|(uid, table)| (uid, Arc::new(table))).collect();
        ByPrincipal { any: Arc::new(self.any), named }
    }
}

impl Table {
    fn is_empty(&self) -> bool {
        self.any.is_empty() && self.same.is_empty() && self.within.is_empty()
    }

    fn add(&mut self, number: u32, scope: &Scope, kind: &str, words: &Vocabulary) {
        let Some(asked) = words.resource_type(kind) else { return };
        let named = |uid: &EntityUID| (uid.entity_type() == asked).then(|| id_of(uid).to_owned());
        // An endpoint lies in hosts; no text is the name of both. A component lies in its publisher and in groups, an
        // embedder's things in things of any type: those by type and name.
        let holding = |uid: &EntityUID| {
            if !asked.name().is_unqualified() || [&words.component, &words.function].contains(&asked) {
                return Some(uid.to_string());
            }
            let by_host = *asked == words.endpoint && *uid.entity_type() == words.host;
            (by_host || uid.entity_type() == asked).then(|| id_of(uid).to_owned())
        };
        match scope {
            Scope::Any => self.any.push(number),
            Scope::Is(other) if other == asked => self.any.push(number),
            Scope::Equals(uid) => self.add_same(number, named(uid)),
            Scope::In(uid) => self.add_within(number, holding(uid)),
            Scope::IsIn(other, uid) if other == asked => self.add_within(number, holding(uid)),
            Scope::Is(_) | Scope::IsIn(..) => {}
        }
    }

    fn add_same(&mut self, number: u32, id: Option<String>) {
        if let Some(id) = id {
            self.same.update(&id, |found| found.push(number));
            self.named.insert(id.into());
        }
    }

    fn add_within(&mut self, number: u32, id: Option<String>) {
        if let Some(id) = id {
            self.within.update(&id, |found| found.push(number));
            self.named.insert(id.into());
        }
    }

    /// Every policy of the table, whatever its resource.
    pub(crate) fn everything(&self) -> impl Iterator<Item = u32> + '_ {
        self.any.iter().copied().chain(self.named.iter().flat_map(|id| self.naming(id)))
    }

    /// The policies whose scope names a path strictly beneath another, `==` as well as `in`.
    pub(crate) fn beneath(&self, path: &str) -> impl Iterator<Item = u32> + '_ {
        strictly_beneath(&self.named, path).flat_map(|id| self.naming(id))
    }

    fn naming(&self, id: &str) -> impl Iterator<Item = u32> + use<'_> {
        [self.same.find(id), self.within.find(id)].into_iter().flatten().flatten().copied()
    }
}

/// The policies whose scope covers a resource, in the order they were loaded.
pub(crate) fn candidates(
    tables: &[Arc<Table>],
    resource: &Resource,
    known: &Known,
    words: &Vocabulary,
) -> Found {
    let mut found = of_everything(tables);
    match resource {
        Resource::Path(path) => path_candidates(tables, path.as_str(), known, &mut found),
        Resource::Host(host) => {
            own_candidates(tables, host.as_str(), &mut found);
            host_candidates(tables, suffixes(host.as_str()).skip(1), &mut found);
        }
        Resource::Endpoint(endpoint) => {
            own_candidates(tables, endpoint.as_str(), &mut found);
            let hosts = endpoint.hosts().iter().flat_map(|host| suffixes(host.as_str()));
            host_candidates(tables, hosts, &mut found);
        }
        Resource::EnvVar(_)
        | Resource::Stdio(_)
        | Resource::Clock(_)
        | Resource::Random(_)
        | Resource::Process(_)
        | Resource::Runtime(_) => own_candidates(tables, resource.id(), &mut found),
        Resource::Topic(topic) => path_candidates(tables, topic.as_str(), &Known::default(), &mut found),
        Resource::Component(_) | Resource::Function(_) | Resource::Own(_) => {
            if let Some(uid) = words.resource(resource) {
                // What an embedder's thing lies in is what entity files say.
                let above = above(resource, words).unwrap_or_else(|| known.above(&uid, words));
                holders_candidates(tables, &uid, above.iter().chain([&uid]), &mut found);
            }
        }
    }
    in_order(found)
}

/// The policies whose scope covers a path.
pub(crate) fn candidates_on_path(tables: &[Arc<Table>], path: &str, known: &Known) -> Found {
    let mut found = of_everything(tables);
    path_candidates(tables, path, known, &mut found);
    in_order(found)
}

fn of_everything(tables: &[Arc<Table>]) -> Found {
    tables.iter().flat_map(|table| &table.any).copied().collect()
}

/// A path can be in a set twice, by two ways through an entity file; an endpoint in a host, by two names.
fn in_order(mut found: Found) -> Found {
    if found.len() > 1 {
        found.sort_unstable();
        found.dedup();
    }
    found
}

fn own_candidates(tables: &[Arc<Table>], id: &str, found: &mut Found) {
    let own = hash(id);
    for table in tables {
        take(found, table.same.get(own, id));
        take(found, table.within.get(own, id));
    }
}

/// By what a resource lies in, whatever its types: the key is type and name.
fn holders_candidates<'a>(
    tables: &[Arc<Table>],
    own: &EntityUID,
    above: impl Iterator<Item = &'a EntityUID>,
    found: &mut Found,
) {
    for table in tables {
        take(found, table.same.find(id_of(own)));
    }
    for holding in above {
        let key = holding.to_string();
        for table in tables {
            take(found, table.within.find(&key));
        }
    }
}

fn host_candidates<'a>(tables: &[Arc<Table>], hosts: impl Iterator<Item = &'a str>, found: &mut Found) {
    for host in hosts {
        let hash = hash(host);
        for table in tables {
            take(found, table.within.get(hash, host));
        }
    }
}

fn path_candidates(tables: &[Arc<Table>], path: &str, known: &Known, found: &mut Found) {
    let mut own = 0;
    for (hash, prefix) in prefixes(path) {
        own = hash;
        for table in tables {
            take(found, table.within.get(hash, prefix));
        }
        if !known.is_plain() {
            beyond_candidates(tables, known.beyond(hash, prefix), found);
        }
    }
    for table in tables {
        take(found, table.same.get(own, path));
    }
}

fn beyond_candidates(tables: &[Arc<Table>], beyond: &[EntityUID], found: &mut Found) {
    for uid in beyond {
        for table in tables {
            take(found, table.within.find(id_of(uid)));
        }
    }
}

fn take(found: &mut Found, more: Option<&Found>) {
    if let Some(more) = more {
        found.extend_from_slice(more);
    }
}

/// The paths of an ordered set that lie strictly beneath another.
pub(crate) fn strictly_beneath<'a>(
    paths: &'a BTreeSet<Box<str>>,
    path: &str,
) -> impl Iterator<Item = &'a str> + use<'a> {
    let prefix = if path == "/" { "/".to_owned() } else { format!("{path}/") };
    let from = (Bound::Excluded(prefix.as_str()), Bound::Unbounded);
    paths.range::<str, _>(from).map(|p| &**p).take_while(move |p| p.starts_with(&prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beneath_is_by_component_and_never_the_path_itself() {
        let paths = ["/", "/data", "/data/in", "/data/in/x", "/data-old", "/data.d", "/database"];
        let set: BTreeSet<Box<str>> = paths.iter().map(|p| (*p).into()).collect();
        let at = |path| strictly_beneath(&set, path).collect::<Vec<_>>();
        assert_eq!(at("/data/in/x"), Vec::<&str>::new());
        assert_eq!(at("/data"), ["/data/in", "/data/in/x"]);
        assert_eq!(at("/").len(), 6);
        assert_eq!(at("/dat"), Vec::<&str>::new());
    }
}
