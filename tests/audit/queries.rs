//! Asking a log what happened.

use crate::support::{IMPORT, allow, decide, deny, lines, load, policy_set, read_path, sample, subject};
use airssys_osl::{ActionId, Ask, Entry, Recorder, Resource};
use airssys_wasm::audit::{AuditError, Filter, Kind, Log, PolicySet, Word, find, query, situation};
use std::io::Cursor;

fn path_x() -> Resource {
    Resource::parse("Path", "/x").unwrap()
}

fn seqs(log: &[u8], filter: Filter) -> Vec<u64> {
    query(log, filter).map(|record| record.unwrap().seq).collect()
}

#[test]
fn a_spoiled_line_ends_a_query_with_an_error_that_names_it() {
    let mut log = lines(&sample(6));
    log[3] = b"{\"seq\":3}\n".to_vec();
    let mut records = query(&*log.concat(), Filter::default()).collect::<Vec<_>>();
    assert!(matches!(records.pop(), Some(Err(AuditError::BadLine { line: 4, .. }))));
    assert_eq!(records.len(), 3);
    assert!(find(&*log.concat(), 5).is_err());
}

#[test]
fn an_unfinished_last_line_is_no_record_yet() {
    let log = sample(6);
    assert_eq!(seqs(&log[..log.len() - 1], Filter::default()), [0, 1, 2, 3, 4]);
}

#[test]
fn filters_leave_out_what_does_not_match() {
    let (log, memory) = Log::in_memory();
    let (path, clock) = (path_x(), Resource::parse("Clock", "wall").unwrap());
    decide(&log, &subject(1), ActionId::FsRead, &path, &allow("p")).unwrap();
    decide(&log, &subject(2), ActionId::FsStat, &path, &deny()).unwrap();
    decide(&log, &subject(2), ActionId::ClockRead, &clock, &deny()).unwrap();
    let log = memory.bytes();
    let all = Filter::default;
    assert_eq!(seqs(&log, all()), [0, 1, 2, 3]);
    assert_eq!(seqs(&log, Filter { verdict: Some(Word::Deny), ..all() }), [2, 3]);
    assert_eq!(seqs(&log, Filter { action: Some("fs".into()), ..all() }), [1, 2]);
    assert_eq!(seqs(&log, Filter { action: Some("fs:stat".into()), ..all() }), [2]);
    assert_eq!(seqs(&log, Filter { action: Some("f".into()), ..all() }), [0; 0]);
    assert_eq!(seqs(&log, Filter { subject: Some("acme/thumb".into()), ..all() }), [1, 2, 3]);
    assert_eq!(seqs(&log, Filter { subject: Some("acme/*".into()), ..all() }), [1, 2, 3]);
    assert_eq!(seqs(&log, Filter { subject: Some("acme".into()), ..all() }), [0; 0]);
    assert_eq!(seqs(&log, Filter { kind: Some(Kind::Open), ..all() }), [0]);
    assert_eq!(seqs(&log, Filter { instance: Some(1), ..all() }), [1]);
    assert_eq!(seqs(&log, Filter { since: Some(1), until: Some(2), ..all() }), [1, 2]);
}

#[test]
fn a_record_is_found_by_its_number_and_no_other() {
    let log = sample(6);
    assert_eq!(find(&*log, 6).unwrap(), None);
    let found = find(&*log, 3).unwrap().unwrap();
    assert_eq!((found.seq, &*found.resource.unwrap().id), (3, "/data/4"));
}

#[test]
fn the_situation_of_a_decision_is_that_of_its_own_process_instance_and_policies() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    // 0 open, 1 load, 2 close: another process, whose instance 1 is not ours.
    let log = Log::open_file(&path).unwrap();
    load(&log, &subject(1)).unwrap();
    drop(log);
    // 3 open, 4 decision, 5 load, 6 load of another instance, 7 decision, 8 swap, 9 decision from before the swap, 10 decision.
    let log = Log::open_file(&path).unwrap();
    read_path(&log, "/x").unwrap();
    load(&log, &subject(1)).unwrap();
    load(&log, &subject(2)).unwrap();
    read_path(&log, "/x").unwrap();
    let swapped = PolicySet { policies: "ff".repeat(32), ..policy_set() };
    log.swap(2, &swapped).unwrap();
    read_path(&log, "/x").unwrap();
    let ask = Ask { subject: &subject(1), action: ActionId::FsRead, resource: &path_x(), import: IMPORT };
    log.decision(&Entry { ask, verdict: &deny(), epoch: 2, delegated: None }).unwrap();
    log.settle().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let at = |seq| situation(Cursor::new(&bytes), seq).unwrap();
    let facts =
        |seq| at(seq).map(|found| (found.record.seq, found.load.map(|load| load.seq), found.policy_set));
    assert_eq!(facts(4), Some((4, None, None)));
    assert_eq!(facts(7), Some((7, Some(5), Some(policy_set()))));
    assert_eq!(facts(9), Some((9, Some(5), Some(policy_set()))));
    assert_eq!(facts(10), Some((10, Some(5), Some(swapped))));
    assert_eq!(facts(11), None);
}

#[test]
fn a_last_line_that_no_crash_leaves_ends_a_query_with_an_error() {
    let (log, memory) = Log::in_memory();
    log.close().unwrap();
    let whole = memory.bytes();
    let count = |bytes: &[u8]| query(bytes, Filter::default()).collect::<Result<Vec<_>, _>>();
    assert_eq!(count(&whole).unwrap().len(), 2);
    for tail in ["GARBAGE", "{\"seq\":9,\"time\":\"20"] {
        let error = count(&[&whole[..], tail.as_bytes()].concat()).unwrap_err();
        assert!(error.to_string().contains("no beginning of a record"), "{error}");
    }
    assert_eq!(count(&[&whole[..], b"{\"seq\":2,\"time\":\"20"].concat()).unwrap().len(), 2);
    assert!(count(b"permit (principal, action, resource);").is_err());
}
