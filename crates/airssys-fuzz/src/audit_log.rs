//! The log: whatever is done to it is found, and a crash is never called tampering.
//!
//! Logs are made here by a second writer of the format, which knows of it what docs/audit-format.md says; the times in
//! them are made up, so that a log is always the same bytes.

use crate::choices::Choices;
use airssys_osl::{
    ActionId, Ask, Entry, EnvName, GuestPath, Principal, Reasons, Recorder as _, Resource, Subject, Verdict,
};
use airssys_wasm::audit::{Filter, Finding, Hash, Head, Log, Report, Tail, query, show, verify};
use std::sync::Arc;

/// What is judged: it reads a log, and may be told the head that was noted.
pub type Verifier = dyn Fn(&[u8], Option<Head>) -> Option<Report>;

/// The product's verifier. None where the log cannot be read at all.
pub fn product(log: &[u8], head: Option<Head>) -> Option<Report> {
    verify(log, head).ok()
}

/// The oracle.
///
/// # Panics
/// When a change of a log is not found, or a whole one is not sound.
pub fn audit_log(data: &[u8]) {
    check(data, &product);
}

/// The same of any verifier.
///
/// # Panics
/// As [`audit_log`].
pub fn check(data: &[u8], verifier: &Verifier) {
    let mut choices = Choices::new(data);
    if choices.rarely(4) {
        return bytes(choices.rest(), verifier);
    }
    let lines = written(&mut choices);
    let whole = lines.concat();
    let head = head_of(&lines);
    let report = verifier(&whole, Some(head)).expect("a whole log is read");
    assert!(report.is_sound() && report.tail == Tail::Proven && report.closed, "{report}");
    assert_eq!((report.records, report.head), (lines.len() as u64, Some(head)));
    cut(&whole, lines.len() as u64, &mut choices, head, verifier);
    tampered(&lines, &mut choices, verifier);
}

/// Any bytes: neither a panic, nor a record that is sound and cannot be shown.
fn bytes(log: &[u8], verifier: &Verifier) {
    let report = verifier(log, None);
    let sound = report.as_ref().map_or(0, |report| report.records);
    let read: Vec<_> = query(log, Filter::default()).take(1000).filter_map(Result::ok).collect();
    assert!(report.is_none_or(|report| !report.is_sound()) || read.len() as u64 == sound.min(1000));
    for record in &read {
        assert!(show(record).bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)));
    }
}

fn subject() -> Subject {
    let principal = Principal {
        name: "acme/thumb".to_owned(),
        publisher: "acme".to_owned(),
        digest: "5a".repeat(32),
        version: (1, 2, 3),
        release: 7,
        dev: false,
        groups: vec!["image-tools".to_owned()],
    };
    Subject::new(principal, 3)
}

/// A log of 3 to 12 records, with words of the input's choice.
fn written(choices: &mut Choices<'_>) -> Vec<Vec<u8>> {
    let (log, memory) = Log::in_memory();
    let subject = subject();
    for _ in 0..=choices.below(10) {
        let word = String::from_utf8_lossy(choices.bytes(12)).into_owned();
        let path = GuestPath::root().join(&word).map(Resource::from).ok();
        let name = EnvName::parse(&word).map(Resource::from);
        let reasons = Arc::new(Reasons { policies: vec![word.as_str().into()], errors: vec![word.clone()] });
        let verdict = match choices.below(3) {
            0 => Verdict::Allow(reasons),
            1 => Verdict::Deny(reasons),
            _ => Verdict::Fault(reasons),
        };
        let Some(resource) = path.or(name) else {
            log.note(&subject, "wasi:cli/exit#exit", &word).unwrap();
            continue;
        };
        let ask = Ask {
            subject: &subject,
            action: ActionId::FsStat,
            resource: &resource,
            import: "test:log/log#x",
        };
        log.decision(&Entry { ask, verdict: &verdict, epoch: 1, delegated: None }).unwrap();
    }
    log.close().unwrap();
    chained(&memory.bytes())
}

/// The same records at times that are always the same, numbered and linked anew.
fn chained(log: &[u8]) -> Vec<Vec<u8>> {
    let mut before = Hash::ZERO.to_string();
    let mut lines = Vec::new();
    for (line, second) in log.split_inclusive(|byte| *byte == b'\n').zip(10..) {
        let text = std::str::from_utf8(line).unwrap();
        let text = put(
            &text[..text.rfind(",\"hash\":").unwrap()],
            "time",
            &format!("2026-11-22T12:00:{second}.000000Z"),
        );
        let body = put(&text, "prev", &before);
        before = Hash::of(format!("{body}}}").as_bytes()).to_string();
        lines.push(format!("{body},\"hash\":\"{before}\"}}\n").into_bytes());
    }
    lines
}

/// The first value of that key, replaced.
fn put(text: &str, key: &str, value: &str) -> String {
    let from = text.find(&format!("\"{key}\":\"")).unwrap() + key.len() + 4;
    let to = from + text[from..].find('"').unwrap();
    format!("{}{value}{}", &text[..from], &text[to..])
}

fn head_of(lines: &[Vec<u8>]) -> Head {
    let text = std::str::from_utf8(lines.last().unwrap()).unwrap();
    let hash = &text[text.rfind("\"hash\":\"").unwrap() + 8..][..64];
    format!("{}:{hash}", lines.len() - 1).parse().unwrap()
}

/// A crash may cut the log anywhere: what is left is sound, and who noted the head sees that something is gone.
fn cut(whole: &[u8], records: u64, choices: &mut Choices<'_>, head: Head, verifier: &Verifier) {
    let left = &whole[..choices.below(whole.len())];
    let report = verifier(left, None).expect("a log that was cut is read");
    let ends = left.iter().filter(|byte| **byte == b'\n').count() as u64;
    let torn = left.len() - left.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    assert_eq!((report.records, report.torn_bytes), (ends, torn as u64), "{report}");
    assert!(report.finding.is_none() && report.records < records && !report.closed, "{report}");
    let noted = verifier(left, Some(head)).expect("a log that was cut is read");
    assert_eq!(noted.finding, Some(Finding::Truncated { head }), "{noted}");
}

fn tampered(lines: &[Vec<u8>], choices: &mut Choices<'_>, verifier: &Verifier) {
    let (mut changed, what) = (lines.to_vec(), choices.below(7));
    let (one, other) = (choices.below(lines.len()), choices.below(lines.len()));
    match what {
        0 => {
            let at = choices.below(changed[one].len());
            changed[one][at] ^= choices.byte().max(1);
        }
        1 => {
            let at = choices.below(changed[one].len());
            changed[one].insert(at, choices.byte());
        }
        2 => drop(changed[one].remove(choices.below(lines[one].len()))),
        3 => changed.swap(one, other),
        // The last one may be missing after a crash.
        4 if one + 1 < lines.len() => drop(changed.remove(one)),
        5 => changed.insert(other, lines[one].clone()),
        _ => changed[one] = forged(&lines[one]),
    }
    if changed == lines {
        return;
    }
    let log = changed.concat();
    let is_torn = !log.ends_with(b"\n");
    let Some(report) = verifier(&log, None) else { return };
    // A record whose own hash was made right again, at the end, is what only a head tells from the true one.
    let last = one + 1 == lines.len();
    let told = verifier(&log, Some(head_of(lines))).is_none_or(|report| report.finding.is_some());
    assert!(told, "change {what} of line {one} is not found with a head: {report}");
    assert!(!report.is_sound() || (last && (is_torn || what >= 4)), "change {what} of line {one}: {report}");
}

/// The line at another time, its own hash made right again.
fn forged(line: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(line).unwrap();
    let body = put(&text[..text.rfind(",\"hash\":").unwrap()], "time", "2027-11-22T12:00:00.000000Z");
    let hash = Hash::of(format!("{body}}}").as_bytes());
    format!("{body},\"hash\":\"{hash}\"}}\n").into_bytes()
}
