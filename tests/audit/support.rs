//! Subjects, verdicts and logs to test with.

use airssys_osl::{
    ActionId, Ask, Authorizer, Decision, Entry, Principal, Reasons, RecordError, Recorder, Resource, Subject,
    Verdict,
};
use airssys_wasm::audit::{Finding, Hash, Head, Limits, Load, Log, PolicySet, Record, Report, query, verify};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

pub(crate) const IMPORT: &str = "wasi:filesystem/types@0.2.8#[method]descriptor.open-at";

pub(crate) fn subject(instance: u64) -> Subject {
    let principal = Principal {
        name: "acme/thumb".to_owned(),
        publisher: "acme".to_owned(),
        digest: "5a".repeat(32),
        version: (1, 2, 3),
        release: 7,
        dev: false,
        groups: vec!["image-tools".to_owned()],
    };
    Subject::new(principal, instance)
}

pub(crate) fn policy_set() -> PolicySet {
    PolicySet { policies: "01".repeat(32), entities: "02".repeat(32), schema: "03".repeat(32) }
}

pub(crate) fn load(log: &Log, subject: &Subject) -> Result<(), RecordError> {
    let limits = Limits { memory_mib: Some(64), cpu_ms: Some(1000), ..Limits::default() };
    let (key_id, file_digest, policy_set) = ("0a1b2c3d4e5f60718293a4b5", "5b".repeat(32), policy_set());
    log.load(subject, &Load { key_id, file_digest: &file_digest, policy_set: &policy_set, epoch: 1, limits })
}

pub(crate) fn allow(policy: &str) -> Verdict {
    Verdict::Allow(Arc::new(Reasons { policies: vec![policy.into()], errors: Vec::new() }))
}

pub(crate) fn deny() -> Verdict {
    Verdict::Deny(Arc::new(Reasons::default()))
}

pub(crate) fn decide(
    log: &Log,
    subject: &Subject,
    action: ActionId,
    resource: &Resource,
    verdict: &Verdict,
) -> Result<(), RecordError> {
    let ask = Ask { subject, action, resource, import: IMPORT };
    log.decision(&Entry { ask, verdict, epoch: 1, delegated: None })
}

pub(crate) fn read_path(log: &Log, path: &str) -> Result<(), RecordError> {
    let resource = Resource::parse("Path", path).unwrap();
    decide(log, &subject(1), ActionId::FsRead, &resource, &allow("thumb-reads"))
}

/// The bytes of a log of `count` records: `open`, reads of different paths, `close`.
pub(crate) fn sample(count: usize) -> Vec<u8> {
    let (log, memory) = Log::in_memory();
    (2..count).for_each(|n| read_path(&log, &format!("/data/{n}")).unwrap());
    log.close().unwrap();
    memory.bytes()
}

pub(crate) fn lines(log: &[u8]) -> Vec<Vec<u8>> {
    log.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect()
}

pub(crate) fn records(log: &[u8]) -> Vec<Record<'static>> {
    query(log, Default::default()).map(Result::unwrap).collect()
}

pub(crate) fn head_of(log: &[u8]) -> Head {
    let last = records(log).pop().unwrap();
    Head { seq: last.seq, hash: last.hash.unwrap() }
}

pub(crate) fn report(log: &[u8]) -> Report {
    verify(log, None).unwrap()
}

pub(crate) fn finding(lines: &[Vec<u8>]) -> Finding {
    report(&lines.concat()).finding.expect("a finding")
}

/// The line with `from` replaced by `to` and its own hash made right again, as a forger would.
pub(crate) fn forge(line: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(line.to_vec()).unwrap();
    let (body, _) = text.split_once(",\"hash\":").unwrap();
    assert!(body.contains(from), "`{from}` is not in {body}");
    let body = format!("{}}}", body.replacen(from, to, 1));
    let hash = Hash::of(body.as_bytes());
    format!("{},\"hash\":\"{hash}\"}}\n", body.strip_suffix('}').unwrap()).into_bytes()
}

/// Answers everything with one verdict.
pub(crate) struct Always(pub(crate) Verdict, pub(crate) Arc<AtomicU64>);

impl Always {
    pub(crate) fn allow() -> Arc<Always> {
        Arc::new(Always(allow("all"), Arc::new(AtomicU64::new(1))))
    }
}

impl Authorizer for Always {
    fn decide(&self, _: &Ask<'_>) -> Decision {
        Decision { verdict: self.0.clone(), epoch: 1, reusable: true }
    }

    fn epoch(&self) -> &Arc<AtomicU64> {
        &self.1
    }

    fn names_beneath(&self, _: &airssys_osl::GuestPath) -> bool {
        true
    }

    fn visible(&self, _: &Subject, _: &airssys_osl::GuestPath) -> bool {
        false
    }
}

/// Whether the log is taken for sound. One of a format that is not known is refused as a whole.
pub(crate) fn passes(log: &[u8]) -> bool {
    verify(log, None).is_ok_and(|report| report.is_sound())
}
