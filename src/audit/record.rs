//! One line of the log as a value. The order of the fields here is their order on the line.

use crate::audit::facts::{Limits, PolicySet};
use crate::audit::value::{Hash, Time};
use airssys_osl::{ActionId, Outcome, Resource};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Version of the format described in `docs/audit-format.md`; stands in each `open` record.
pub const FORMAT: u32 = 1;

/// One record.
///
/// A field that a kind of record does not have is left out of its line; `docs/audit-format.md` says which kind has
/// which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Record<'a> {
    /// Place in the log, from 0 without gaps.
    pub seq: u64,
    /// When it was written.
    pub time: Time,
    /// What kind of record it is.
    pub kind: Kind,
    /// Who: the principal's name, such as `acme/thumb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Cow<'a, str>>,
    /// Which live instance of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<u64>,
    /// The subject's signed hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Cow<'a, str>>,
    /// What was asked for, such as `fs:read`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Cow<'a, str>>,
    /// On what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<Target<'a>>,
    /// Through which import; part of the context the policies saw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import: Option<Cow<'a, str>>,
    /// The answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Word>,
    /// Ids of the policies that determined the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policies: Option<Vec<Cow<'a, str>>>,
    /// How many more there were than fit on the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_policies: Option<u64>,
    /// Errors met while deciding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<Cow<'a, str>>>,
    /// How many more there were than fit on the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_errors: Option<u64>,
    /// Epoch of the policies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// On whose behalf the subject asked, the nearest caller first; part of the context. Each has its own `load` record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<Vec<Link<'a>>>,
    /// On whose authority it was allowed, when that was not the subject's own. Each lender has its own `load` record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegation: Option<Lent<'a>>,
    /// Of an operator, the groups that the configuration grants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<Cow<'a, str>>>,
    /// In `load`: the principal's other attributes, its parents, and what it was loaded with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<Loaded<'a>>,
    /// In `load` and `swap`: what the verdicts from here on rest on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_set: Option<PolicySet>,
    /// In `summary`: how often verdicts were used again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reused: Option<Vec<Reuse<'a>>>,
    /// In `limit`: which one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Exceeded<'a>>,
    /// In `note`, `refused` and `limit`: a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Cow<'a, str>>,
    /// In `open`: what the log is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<Opened<'a>>,
    /// Hash of the record before; 64 zeros in the first.
    pub prev: Hash,
    /// SHA-256 of this record's line without this field. Absent only before the record is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<Hash>,
}

impl Record<'_> {
    /// A record of that kind with nothing in it. Place, time and hashes are given by the chain.
    pub(super) fn of(kind: Kind) -> Record<'static> {
        Record {
            seq: 0,
            time: Time::from(jiff::Timestamp::UNIX_EPOCH),
            kind,
            subject: None,
            instance: None,
            digest: None,
            action: None,
            resource: None,
            import: None,
            verdict: None,
            policies: None,
            more_policies: None,
            errors: None,
            more_errors: None,
            epoch: None,
            chain: None,
            delegation: None,
            groups: None,
            component: None,
            policy_set: None,
            reused: None,
            limit: None,
            text: None,
            open: None,
            prev: Hash::ZERO,
            hash: None,
        }
    }

    /// What a process begins with, who found so many bytes to cut off and so many records to put down.
    pub(super) fn opened(torn_bytes: u64, recovered: u64) -> Record<'static> {
        let program = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));
        let told = |number: u64| (number > 0).then_some(number);
        let (torn_bytes, recovered) = (told(torn_bytes), told(recovered));
        let open = Opened { format: FORMAT, program: program.into(), torn_bytes, recovered };
        Record { open: Some(open), ..Record::of(Kind::Open) }
    }

    /// A note that so many records before it could not be written.
    pub(super) fn lost(records: u64) -> Record<'static> {
        let text = format!("{records} records could not be written before this one");
        Record { text: Some(text.into()), ..Record::of(Kind::Note) }
    }

    /// The action, when it is one this program knows.
    pub fn action_id(&self) -> Option<ActionId> {
        self.action.as_deref().and_then(ActionId::parse)
    }

    /// The resource as the gate knows it.
    ///
    /// # Errors
    /// A sentence when the record has none or its name is not one of this program.
    pub fn resource_value(&self) -> Result<Resource, String> {
        let target = self.resource.as_ref().ok_or_else(|| format!("record {} has no resource", self.seq))?;
        let resource = Resource::parse(&target.kind, &target.id)?;
        if target.parents.is_empty() {
            return Ok(resource);
        }
        let hosts = target.parents.iter().map(|parent| match Resource::parse(&parent.kind, &parent.id)? {
            Resource::Host(host) => Ok(host),
            other => Err(format!("no resource lies in {other}")),
        });
        let hosts = hosts.collect::<Result<Vec<_>, String>>()?;
        match resource {
            Resource::Endpoint(endpoint) => Ok(endpoint.looked_up_as(hosts, 0).into()),
            other => Err(format!("{other} lies in no host")),
        }
    }
}

/// What kinds of records there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Kind {
    /// The log was begun or continued by a process.
    Open,
    /// A component was loaded.
    Load,
    /// A verdict was taken.
    Decision,
    /// Something that is told and never denied, such as an exit.
    Note,
    /// How often verdicts were used again.
    Summary,
    /// A component was refused before it ran.
    Refused,
    /// A limit was exceeded.
    Limit,
    /// The policies were replaced.
    Swap,
    /// The host took permissions back: of an instance, or of everything that a key signed.
    Revoke,
    /// The process is done with the log.
    Close,
}

impl Kind {
    /// Every kind.
    pub const ALL: &'static [Kind] = &[
        Kind::Open,
        Kind::Load,
        Kind::Decision,
        Kind::Note,
        Kind::Summary,
        Kind::Refused,
        Kind::Limit,
        Kind::Swap,
        Kind::Revoke,
        Kind::Close,
    ];

    /// The word on the line.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Open => "open",
            Kind::Load => "load",
            Kind::Decision => "decision",
            Kind::Note => "note",
            Kind::Summary => "summary",
            Kind::Refused => "refused",
            Kind::Limit => "limit",
            Kind::Swap => "swap",
            Kind::Revoke => "revoke",
            Kind::Close => "close",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Kind> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// A verdict as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// Permitted.
    Allow,
    /// Not permitted.
    Deny,
    /// Could not be decided, which denies.
    Fault,
}

impl Word {
    /// The word on the line.
    pub const fn name(self) -> &'static str {
        match self {
            Word::Allow => "allow",
            Word::Deny => "deny",
            Word::Fault => "fault",
        }
    }

    /// The verdict of that name.
    pub fn parse(name: &str) -> Option<Word> {
        [Word::Allow, Word::Deny, Word::Fault].into_iter().find(|word| word.name() == name)
    }
}

impl From<Outcome> for Word {
    fn from(outcome: Outcome) -> Word {
        match outcome {
            Outcome::Allow => Word::Allow,
            Outcome::Deny => Word::Deny,
            Outcome::Fault => Word::Fault,
        }
    }
}

/// An entity: type and id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target<'a> {
    /// Its type, such as `Path`.
    #[serde(rename = "type")]
    pub kind: Cow<'a, str>,
    /// Its id, such as `/data/in`.
    pub id: Cow<'a, str>,
    /// What it is in that does not follow from its id: of an endpoint, the hosts it was judged as.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<Target<'a>>,
    /// Of a component or its function: which live instance was judged, if there was one. Its `load` record says the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<u64>,
}

/// A component on whose behalf something was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link<'a> {
    /// Its name.
    pub component: Cow<'a, str>,
    /// Which live instance.
    pub instance: u64,
}

/// What a verdict rests on that was lent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lent<'a> {
    /// The delegation's number.
    pub id: u64,
    /// Who lent it, the nearest first. The last is the one whom the policies permit it.
    pub lenders: Vec<Link<'a>>,
}

/// What a `load` record says of the component beyond `subject`, `instance` and `digest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loaded<'a> {
    /// Whose key signed it.
    pub publisher: Cow<'a, str>,
    /// Its version.
    pub version: Version,
    /// Its release number.
    pub release: u64,
    /// Signed in memory by a development key.
    pub dev: bool,
    /// The principal's parents: its publisher, then the groups the trust file grants.
    pub parents: Vec<Target<'a>>,
    /// Id of the key that signed it.
    pub key_id: Cow<'a, str>,
    /// SHA-256 of the whole file.
    pub file_digest: Cow<'a, str>,
    /// The limits in force for it.
    pub limits: Limits,
}

/// A version as policies see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// First number.
    pub major: u64,
    /// Second number.
    pub minor: u64,
    /// Third number.
    pub patch: u64,
}

/// How often verdicts of one action were used again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reuse<'a> {
    /// The action.
    pub action: Cow<'a, str>,
    /// How often.
    pub times: u64,
}

/// A limit that was met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exceeded<'a> {
    /// The key under `[limits]`, such as `memory_mib`.
    pub name: Cow<'a, str>,
    /// Its value.
    pub allowed: u64,
}

/// What an `open` record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opened<'a> {
    /// Version of the format.
    pub format: u32,
    /// What wrote it.
    pub program: Cow<'a, str>,
    /// Bytes of an unfinished line that a crash had left and that were cut off before this record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub torn_bytes: Option<u64>,
    /// Records before this one that a process which died had put down in its journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<u64>,
}
