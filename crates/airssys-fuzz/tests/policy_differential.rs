//! The index against plain Cedar and a naive interpreter, on cases as large as a test has time for: the same verdict, the
//! same determining policies, the same errors. `POLICY_SETS=5000` soaks.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "a test")]

use airssys_fuzz::policies::{Seen, Size, check};
use airssys_wasm::policy::CedarAuthorizer;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use std::sync::Arc;

#[test]
fn decisions_are_those_of_plain_cedar_on_the_full_set() {
    let sets = std::env::var("POLICY_SETS").map_or(300, |n| n.parse().unwrap());
    let seed = std::env::var("POLICY_SEED").map_or(42, |n| n.parse().unwrap());
    let config = Config {
        cases: sets,
        failure_persistence: None,
        max_shrink_iters: 200,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    };
    let (size, seen) = (Size { policies: 20, questions: 200 }, Seen::default());
    let bytes = proptest::collection::vec(any::<u8>(), 2000);
    let run = TestRunner::new(config).run(&bytes, |data| {
        check(&data, size, &|policies| Arc::new(CedarAuthorizer::new(policies)), &seen);
        Ok(())
    });
    run.unwrap_or_else(|e| panic!("{e}"));
    let counts =
        [&seen.allow, &seen.deny, &seen.forbidden, &seen.fault, &seen.many].map(std::cell::Cell::get);
    println!("allow, deny, forbidden, fault, several policies: {counts:?}");
    let (kept, dropped) = (seen.kept.get(), seen.dropped.get());
    assert!(dropped < kept / 10, "nearly all policies load: {kept} do, {dropped} do not");
    let questions = sets as usize * size.questions;
    assert!(counts.iter().all(|count| *count > questions / 100), "every kind of verdict is met: {counts:?}");
}
