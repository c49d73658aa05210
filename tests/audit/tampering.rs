//! Each way of tampering is found, and called by its name.

use crate::support::{finding, forge, head_of, lines, report, sample};
use airssys_wasm::audit::{AuditError, Filter, Finding, Head, MAX_LINE, Tail, query, verify};

fn log() -> Vec<Vec<u8>> {
    lines(&sample(8))
}

#[test]
fn a_changed_byte_is_found() {
    let mut log = log();
    let at = log[3].windows(6).position(|w| w == b"/data/").unwrap();
    log[3][at] = b'_';
    assert!(matches!(finding(&log), Finding::Changed { seq: 3, line: 4, why } if why.contains("its hash")));
}

#[test]
fn a_change_with_its_hash_made_right_breaks_the_link_to_the_next_record() {
    let mut log = log();
    log[3] = forge(&log[3], "/data/", "/etc/");
    assert_eq!(finding(&log), Finding::Unlinked { seq: 4, line: 5 });
}

#[test]
fn a_change_of_the_link_with_its_hash_made_right_is_found() {
    let mut log = log();
    let prev = format!("\"prev\":\"{}", head_of(&log[..3].concat()).hash);
    log[3] = forge(&log[3], &prev, &format!("\"prev\":\"{}", "ab".repeat(32)));
    assert_eq!(finding(&log), Finding::Unlinked { seq: 3, line: 4 });
}

#[test]
fn a_change_of_the_number_with_its_hash_made_right_is_found() {
    let mut log = log();
    log[7] = forge(&log[7], "\"seq\":7", "\"seq\":8");
    assert_eq!(finding(&log), Finding::Dropped { first: 7, last: 7, line: 8 });
}

#[test]
fn another_spelling_is_a_change_too() {
    let mut log = log();
    let text = String::from_utf8(log[2].clone()).unwrap();
    log[2] = text.replacen(":{", ": {", 1).into_bytes();
    assert!(matches!(finding(&log), Finding::Changed { seq: 2, line: 3, why } if why.contains("canonical")));
}

#[test]
fn dropped_records_are_named() {
    let mut one = log();
    one.remove(3);
    assert_eq!(finding(&one), Finding::Dropped { first: 3, last: 3, line: 4 });
    let mut several = log();
    several.drain(2..5);
    assert_eq!(finding(&several), Finding::Dropped { first: 2, last: 4, line: 3 });
    assert_eq!(finding(&log()[3..]), Finding::Dropped { first: 0, last: 2, line: 1 });
    let mut before_last = log();
    before_last.remove(6);
    assert_eq!(finding(&before_last), Finding::Dropped { first: 6, last: 6, line: 7 });
}

#[test]
fn a_moved_record_is_named() {
    for (a, b, expected) in [
        (3, 4, Finding::Reordered { seq: 4, line: 4 }),
        (6, 7, Finding::Reordered { seq: 7, line: 7 }),
        (2, 6, Finding::Reordered { seq: 2, line: 7 }),
        (0, 5, Finding::Reordered { seq: 0, line: 6 }),
    ] {
        let mut log = log();
        log.swap(a, b);
        assert_eq!(finding(&log), expected, "{a} {b}");
    }
}

#[test]
fn a_record_that_stands_twice_is_named() {
    for (which, at) in [(3, 4), (3, 7), (3, 8), (5, 2), (7, 8), (0, 1)] {
        let mut log = log();
        log.insert(at, log[which].clone());
        assert_eq!(finding(&log), Finding::Duplicate { seq: which as u64, line: at as u64 + 1 }, "{which}");
    }
}

#[test]
fn an_inserted_line_is_named_whether_or_not_it_is_a_record() {
    let mut rubbish = log();
    rubbish.insert(4, b"nothing happened here\n".to_vec());
    assert_eq!(finding(&rubbish), Finding::Inserted { line: 5 });
    // Follows its forerunner as it should, so it looks right until the true record comes.
    let mut linked = log();
    linked.insert(4, forge(&linked[4], "/data/", "/etc/"));
    assert_eq!(finding(&linked), Finding::Inserted { line: 5 });
    let mut behind = log();
    behind.insert(5, forge(&behind[4], "/data/", "/etc/"));
    assert_eq!(finding(&behind), Finding::Inserted { line: 6 });
    let mut ahead = log();
    ahead.insert(2, forge(&ahead[5], "/data/", "/etc/"));
    assert_eq!(finding(&ahead), Finding::Inserted { line: 3 });
}

#[test]
fn a_log_that_does_not_begin_with_its_opening_is_found() {
    let mut log = log();
    log[0] = forge(&log[0], "\"kind\":\"open\"", "\"kind\":\"note\"");
    assert_eq!(finding(&log), Finding::WrongFirst);
    let mut linked = self::log();
    linked[0] = forge(
        &linked[0],
        &format!("\"prev\":\"{}", "00".repeat(32)),
        &format!("\"prev\":\"{}", "01".repeat(32)),
    );
    assert_eq!(finding(&linked), Finding::WrongFirst);
}

#[test]
fn a_log_of_another_format_is_refused_and_not_called_tampered() {
    let mut log = log();
    log[0] = forge(&log[0], "\"format\":1", "\"format\":2");
    let later = forge(&log[0], "\"kind\"", "\"colour\":\"red\",\"kind\"");
    for first in [log[0].clone(), later] {
        let refused = verify(&*first, None);
        assert!(matches!(refused, Err(AuditError::UnknownFormat { found: 2 })), "{refused:?}");
        let shown = query(&*first, Filter::default()).next().unwrap();
        assert!(matches!(shown, Err(AuditError::UnknownFormat { found: 2 })), "{shown:?}");
    }
}

#[test]
fn a_changed_format_that_no_hash_covers_is_tampering_and_no_other_format() {
    let original = log();
    let first = String::from_utf8(original[0].clone()).unwrap();
    for line in [
        first.replace("\"format\":1", "\"format\":2"),
        first.replace("\"format\":1", "\"colour\":\"red\",\"format\":2"),
        first.replace("\"format\":1", "\"format\":2").replace("\"hash\":\"", "\"hash\":\"0"),
        "{\"open\":{\"format\":2}}\n".to_owned(),
        "{\"open\":{\"format\":2},\"hash\":\"\"}\n".to_owned(),
    ] {
        let mut log = original.clone();
        log[0] = line.into_bytes();
        assert!(matches!(finding(&log), Finding::Changed { seq: 0, line: 1, .. }), "{:?}", finding(&log));
        let shown = query(&*log.concat(), Filter::default()).next().unwrap();
        assert!(matches!(shown, Err(AuditError::BadLine { line: 1, .. })), "{shown:?}");
    }
}

#[test]
fn another_format_is_believed_only_of_a_record_that_follows_the_one_before_it() {
    let foreign = forge(&log()[0], "\"format\":1", "\"format\":2");
    let mut inserted = log();
    inserted.insert(3, foreign.clone());
    assert_eq!(finding(&inserted), Finding::Duplicate { seq: 0, line: 4 });
    let mut behind_a_gap = log();
    behind_a_gap.splice(0..3, [foreign]);
    behind_a_gap.remove(0);
    assert_eq!(finding(&behind_a_gap), Finding::Dropped { first: 0, last: 2, line: 1 });
    // A later program went on with this log: what follows can be read by that one alone.
    let mut continued = log();
    let opening = String::from_utf8(continued[0].clone()).unwrap();
    let own = |line: &[u8], name: &str| {
        let text = String::from_utf8(line.to_vec()).unwrap();
        text.split(name).nth(1).unwrap().chars().take(64).collect::<String>()
    };
    let (before, zeros) = (own(&continued[7], "\"hash\":\""), "00".repeat(32));
    let mut next = forge(opening.as_bytes(), &zeros, &before);
    next = forge(&next, "\"seq\":0", "\"seq\":8");
    continued.push(forge(&next, "\"format\":1", "\"colour\":\"red\",\"format\":2"));
    let refused = verify(&*continued.concat(), None);
    assert!(matches!(refused, Err(AuditError::UnknownFormat { found: 2 })), "{refused:?}");
}

#[test]
fn an_empty_log_is_not_called_sound() {
    for nothing in [&b""[..], b"{\"seq\":0,"] {
        let report = report(nothing);
        assert!(!report.is_sound() && report.records == 0 && report.tail == Tail::Unproven, "{report:?}");
        let said = report.to_string();
        assert!(said.starts_with("nothing to verify: 0 records") && said.contains("tail unproven"), "{said}");
        assert!(!said.contains("sound") && !said.contains("not closed"), "{said}");
    }
}

#[test]
fn a_line_of_any_length_is_a_finding_and_not_a_burden() {
    let mut log = log();
    log.insert(2, [vec![b'{'; 3 * MAX_LINE], b"\n".to_vec()].concat());
    assert_eq!(finding(&log), Finding::Inserted { line: 3 });
    log.truncate(3);
    assert!(matches!(finding(&log), Finding::Changed { seq: 2, line: 3, why } if why.contains("longer")));
}

#[test]
fn a_cut_at_the_end_is_found_by_the_head_alone() {
    let (whole, head) = (sample(8), head_of(&sample(8)));
    assert_ne!(head_of(&whole), head, "two logs of the same records differ by time");
    let head = head_of(&whole);
    let cut = lines(&whole)[..6].concat();
    let alone = report(&cut);
    assert!(alone.is_sound() && alone.records == 6 && alone.tail == Tail::Unproven && !alone.closed);
    assert!(alone.to_string().contains("tail unproven"), "{alone}");
    let compared = verify(&*cut, Some(head)).unwrap();
    assert_eq!(compared.finding, Some(Finding::Truncated { head }));
    assert_eq!(verify(&b""[..], Some(head)).unwrap().finding, Some(Finding::Truncated { head }));
}

#[test]
fn a_log_written_anew_is_found_by_the_head_alone() {
    let (before, anew) = (sample(8), sample(8));
    let head = Head { seq: 5, hash: head_of(&lines(&before)[..6].concat()).hash };
    assert!(report(&anew).is_sound());
    assert!(matches!(verify(&*anew, Some(head)).unwrap().finding, Some(Finding::Rewritten { .. })));
    let grown = verify(&*before, Some(head)).unwrap();
    assert_eq!((grown.finding, grown.tail), (None, Tail::ProvenBut(2)));
}

#[test]
fn a_torn_last_line_is_told_from_tampering() {
    let whole = sample(8);
    let torn = report(&whole[..whole.len() - 10]);
    assert!(torn.is_sound() && torn.records == 7 && torn.torn_bytes > 0);
    assert!(torn.to_string().contains("as a crash leaves"), "{torn}");
    for tail in [&b"rm -rf"[..], b"{\"seq\":9,\"time\":\"", b"{\"seq\":8,\"time\":\"\x1b[2J"] {
        let found = report(&[&whole, tail].concat()).finding;
        assert!(matches!(found, Some(Finding::Changed { seq: 8, line: 9, .. })), "{found:?}");
    }
    let mut merged = lines(&whole);
    *merged[7].last_mut().unwrap() = b' ';
    assert!(matches!(finding(&merged), Finding::Changed { seq: 7, line: 8, .. }));
}

#[test]
fn a_whole_log_is_sound_and_its_head_proves_it() {
    let whole = sample(8);
    let head = head_of(&whole);
    let proven = verify(&*whole, Some(head)).unwrap();
    assert!(proven.is_sound() && proven.closed && proven.records == 8);
    assert_eq!((proven.tail, proven.head), (Tail::Proven, Some(head)));
    assert_eq!(
        proven.to_string(),
        format!("sound: 8 records\nhead {head}\ntail proven: the log ends with the head given")
    );
    let json = serde_json::to_value(&proven).unwrap();
    assert_eq!((&json["tail"], &json["head"]), (&"proven".into(), &head.to_string().into()));
}
