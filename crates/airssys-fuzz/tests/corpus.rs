//! Every oracle holds on the inputs that are kept, and on random ones; and nothing of it is missing anywhere.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test"
)]

use airssys_fuzz::{ORACLES, Oracle};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Inputs that are kept for each, at least and at most.
const KEPT: std::ops::RangeInclusive<usize> = 5..=40;

/// Random ones for each, unless a night asks for more, and where they are quick.
const FEW: u32 = 48;
const QUICK: &[(&str, u32)] = &[("supervision", 2048)];

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names(dir: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Runs one, and says which input it was.
fn run(name: &str, oracle: Oracle, input: &str, data: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| oracle(data))).is_err() {
        panic!("the oracle `{name}` fails on {input}");
    }
}

#[test]
fn every_oracle_holds_on_the_inputs_that_are_kept() {
    for (name, oracle) in ORACLES {
        let corpus = fuzz().join("corpus").join(name);
        let inputs = names(&corpus);
        assert!(KEPT.contains(&inputs.len()), "{name}: {} inputs are kept, not {KEPT:?}", inputs.len());
        // And those that a fuzzer found beside them, where somebody says where they are.
        let found = std::env::var_os("AIRSSYS_FUZZ_INPUTS").map(|more| Path::new(&more).join(name));
        for corpus in [Some(corpus), found.filter(|found| found.is_dir())].into_iter().flatten() {
            for input in names(&corpus) {
                let data = std::fs::read(corpus.join(&input)).unwrap();
                run(name, *oracle, &input, &data);
            }
        }
    }
}

#[test]
fn every_oracle_holds_on_random_inputs() {
    let asked: Option<u32> = std::env::var("PROPTEST_CASES").ok().map(|cases| cases.parse().unwrap());
    for (name, oracle) in ORACLES {
        let quick = QUICK.iter().find(|(quick, _)| quick == name);
        let cases = asked.unwrap_or(quick.map_or(FEW, |(_, cases)| *cases));
        let config =
            Config { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(7), ..Config::default() };
        let bytes = proptest::collection::vec(any::<u8>(), 0..400);
        let outcome = TestRunner::new(config).run(&bytes, |data| {
            oracle(&data);
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("the oracle `{name}`: {error}"));
    }
}

/// A short run of each, as a fuzzer does it but without its eyes: kept inputs, changed in a few places or crossed with another.
#[test]
fn every_oracle_holds_on_kept_inputs_that_were_changed() {
    for (name, oracle) in ORACLES {
        let corpus = fuzz().join("corpus").join(name);
        let kept: Vec<_> = names(&corpus).iter().map(|it| std::fs::read(corpus.join(it)).unwrap()).collect();
        let change = (0..kept.len(), 0..kept.len(), any::<Vec<(prop::sample::Index, u8)>>());
        let runs = (any::<prop::sample::Index>(), change);
        let config = Config {
            cases: 192,
            failure_persistence: None,
            rng_seed: RngSeed::Fixed(11),
            ..Config::default()
        };
        let outcome = TestRunner::new(config).run(&runs, |(cut, (one, other, changes))| {
            let mut data = kept[one].clone();
            if !changes.is_empty() && changes[0].1 % 4 == 0 {
                data.truncate(cut.index(data.len() + 1));
                data.extend_from_slice(&kept[other][cut.index(kept[other].len() + 1)..]);
            }
            let length = data.len();
            for (at, byte) in changes.iter().take(if length == 0 { 0 } else { 8 }) {
                data[at.index(length)] = *byte;
            }
            oracle(&data);
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("the oracle `{name}`: {error}"));
    }
}

#[test]
fn every_oracle_has_a_target_a_corpus_and_a_place_in_the_manifest() {
    let oracles: BTreeSet<_> = ORACLES.iter().map(|(name, _)| (*name).to_owned()).collect();
    let targets = names(&fuzz().join("fuzz_targets"));
    let targets: BTreeSet<_> = targets.iter().map(|file| file.trim_end_matches(".rs").to_owned()).collect();
    assert_eq!((&oracles, &oracles), (&targets, &names(&fuzz().join("corpus"))));
    let manifest = std::fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in oracles {
        let target = std::fs::read_to_string(fuzz().join("fuzz_targets").join(format!("{name}.rs"))).unwrap();
        assert!(target.contains(&format!("airssys_fuzz::{name}::{name}(data)")), "{target}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not in fuzz/Cargo.toml");
    }
}
