//! Whatever is done to a log, a verification finds it; a crash is never called tampering.

use crate::support::{decide, finding, forge, head_of, lines, passes, report, subject};
use airssys_osl::{ActionId, EnvName, GuestPath, Reasons, Recorder, Resource, Verdict};
use airssys_wasm::audit::{Finding, Log, Tail, verify};
use proptest::prelude::*;
use proptest::sample::Index;
use std::sync::Arc;

fn resource() -> impl Strategy<Value = Resource> {
    prop_oneof![
        "[^/\0\u{202a}-\u{202e}\u{2066}-\u{2069}\u{200e}\u{200f}\u{61c}]{1,20}"
            .prop_filter("a name", |name| name != "." && name != "..")
            .prop_map(|name| GuestPath::root().join(&name).unwrap().into()),
        "[^=\0]{1,20}".prop_map(|name| EnvName::parse(&name).unwrap().into()),
    ]
}

fn verdict() -> impl Strategy<Value = Verdict> {
    let texts = || proptest::collection::vec(any::<String>(), 0..3);
    (0..3, texts(), texts()).prop_map(|(which, policies, errors)| {
        let policies = policies.into_iter().map(Arc::from).collect();
        let reasons = Arc::new(Reasons { policies, errors });
        match which {
            0 => Verdict::Allow(reasons),
            1 => Verdict::Deny(reasons),
            _ => Verdict::Fault(reasons),
        }
    })
}

/// A log of 3 to 15 records.
fn log() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let event = prop_oneof![
        4 => (resource(), verdict()).prop_map(Ok),
        1 => any::<String>().prop_map(Err),
    ];
    proptest::collection::vec(event, 1..14).prop_map(|events| {
        let (log, memory) = Log::in_memory();
        for event in &events {
            match event {
                Ok((resource, verdict)) => {
                    decide(&log, &subject(3), ActionId::FsStat, resource, verdict).unwrap();
                }
                Err(text) => log.note(&subject(3), "wasi:cli/exit#exit", text).unwrap(),
            }
        }
        drop(log);
        lines(&memory.bytes())
    })
}

proptest! {
    #[test]
    fn a_flipped_byte_anywhere_is_found(log in log(), at in any::<Index>(), flip in 1..=255_u8) {
        let mut bytes = log.concat();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert!(!passes(&bytes));
    }

    #[test]
    fn an_inserted_byte_anywhere_is_found(log in log(), at in any::<Index>(), byte in any::<u8>()) {
        let mut bytes = log.concat();
        let at = at.index(bytes.len());
        bytes.insert(at, byte);
        prop_assert!(!passes(&bytes));
    }

    #[test]
    fn swapped_records_are_found_and_one_of_them_is_named(log in log(), a in any::<Index>(), b in any::<Index>()) {
        let (a, b) = (a.index(log.len()), b.index(log.len()));
        prop_assume!(a != b);
        let mut swapped = log;
        swapped.swap(a, b);
        let found = finding(&swapped);
        let named = matches!(found, Finding::Reordered { seq, .. } if seq == a as u64 || seq == b as u64);
        prop_assert!(named, "{:?}", found);
    }

    #[test]
    fn dropped_records_are_found_and_named(log in log(), from in any::<Index>(), count in 1..4_usize) {
        let from = from.index(log.len());
        let to = from + count;
        let (mut left, head) = (log.clone(), head_of(&log.concat()));
        left.drain(from..to.min(log.len()));
        if to < log.len() {
            let (first, last, line) = (from as u64, to as u64 - 1, from as u64 + 1);
            prop_assert_eq!(finding(&left), Finding::Dropped { first, last, line });
        } else {
            let alone = report(&left.concat());
            prop_assert!(alone.is_sound() == (from > 0) && alone.finding.is_none());
            prop_assert_eq!(alone.tail, Tail::Unproven);
            let compared = verify(&*left.concat(), Some(head)).unwrap();
            prop_assert_eq!(compared.finding, Some(Finding::Truncated { head }));
        }
    }

    #[test]
    fn a_copied_record_is_found_and_named(log in log(), which in any::<Index>(), at in any::<Index>()) {
        let (which, at) = (which.index(log.len()), at.index(log.len() + 1));
        let mut copied = log;
        copied.insert(at, copied[which].clone());
        let found = finding(&copied);
        let named = matches!(found, Finding::Duplicate { seq, .. } if seq == which as u64);
        prop_assert!(named, "{:?}", found);
    }

    #[test]
    fn a_forged_record_with_its_hash_made_right_is_found(log in log(), which in any::<Index>(), at in any::<Index>()) {
        let (which, at) = (which.index(log.len()), at.index(log.len()));
        let mut forged = log;
        // Later than any clock here; everything else stays as it was.
        forged.insert(at, forge(&forged[which], "\"time\":\"20", "\"time\":\"30"));
        let found = finding(&forged);
        let named = matches!(found, Finding::Inserted { .. } | Finding::Duplicate { .. });
        prop_assert!(named, "{:?}", found);
    }

    #[test]
    fn a_cut_at_any_byte_is_clean_or_torn_and_the_head_finds_it(log in log(), at in any::<Index>()) {
        let whole = log.concat();
        let (cut, head) = (&whole[..at.index(whole.len())], head_of(&whole));
        let alone = report(cut);
        let records = cut.iter().filter(|b| **b == b'\n').count();
        let torn = cut.len() - cut.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        prop_assert_eq!(alone.finding, None);
        prop_assert_eq!((alone.records, alone.torn_bytes), (records as u64, torn as u64));
        prop_assert_eq!(verify(cut, Some(head)).unwrap().finding, Some(Finding::Truncated { head }));
    }

    #[test]
    fn bytes_at_random_neither_panic_nor_verify(bytes in proptest::collection::vec(any::<u8>(), 1..200)) {
        prop_assert!(!passes(&bytes));
    }
}
