//! The index against plain Cedar: whatever the policies, entities and questions, the same verdict, the same
//! determining policies, the same errors.
//!
//! Plain Cedar gets the full set of policies, and entities as a person would write them down: each path with its
//! directory as its one parent, closures computed by Cedar. `POLICY_SETS=5000` soaks.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::disallowed_methods)]

#[path = "../policy_support/mod.rs"]
mod policy_support;

mod plain;
mod random;
mod world;

use airssys_osl::{ActionId, Ask, Authorizer as _, Subject, Verdict};
use airssys_wasm::policy::{CedarAuthorizer, Policies, Source};
use cedar_policy::Decision;
use plain::{Plain, Told, uid};
use policy_support::told;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use random::{Asked, Case, QUESTIONS, case};
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;
use world::{CHAINS, IMPORTS, chain_of, parties, resources};

fn loaded(case: &Case, text: &str) -> Policies {
    let rows: Vec<_> = case
        .parents
        .iter()
        .map(|(path, sets)| json!({"uid": uid("Path", path), "parents": sets.iter().map(|s| uid("Path", s)).collect::<Vec<_>>()}))
        .collect();
    Policies::load(&[Source::new("t.cedar", text)], &[Source::new("e.json", Value::Array(rows).to_string())])
        .unwrap_or_else(|e| panic!("{text}\n{:#?}", told(&e)))
}

/// How often each thing happened, to show that the cases are worth something.
#[derive(Default)]
struct Seen {
    allow: Cell<u32>,
    deny: Cell<u32>,
    forbidden: Cell<u32>,
    fault: Cell<u32>,
    many: Cell<u32>,
    kept: Cell<u32>,
    dropped: Cell<u32>,
}

fn bump(cell: &Cell<u32>) {
    cell.set(cell.get() + 1);
}

/// The policies of a case that load. One that can never apply is refused; a few of the random ones are.
fn text(case: &Case, seen: &Seen) -> String {
    let loads = |text: &&String| Policies::load(&[Source::new("t.cedar", text.as_str())], &[]).is_ok();
    let policies: Vec<_> = case.policies.iter().filter(loads).map(String::as_str).collect();
    seen.kept.set(seen.kept.get() + policies.len() as u32);
    seen.dropped.set(seen.dropped.get() + (case.policies.len() - policies.len()) as u32);
    policies.join("\n")
}

fn compare(case: &Case, seen: &Seen) -> Result<(), TestCaseError> {
    let text = text(case, seen);
    let (plain, authorizer) = (Plain::new(case, &text), CedarAuthorizer::new(loaded(case, &text)));
    let subjects: Vec<_> = parties().into_iter().zip(1..).map(|(who, n)| Subject::new(who, n)).collect();
    let known = resources();
    for asked in &case.questions {
        let Asked { who, action, resource, import, chain } = *asked;
        let (action, resource, import) = (ActionId::ALL[action], &known[resource], IMPORTS[import]);
        subjects[who].serve(Arc::new(chain_of(CHAINS[chain])));
        let ask = Ask { subject: &subjects[who], action, resource, import };
        let ours = authorizer.decide(&ask);
        let shown =
            format!("{:?} {action} {resource} {import} {chain}\n{text}\n{:?}", subjects[who], case.parents);
        agree(&ours.verdict, plain.ask(*asked, resource), &shown, seen)?;
        // What may be used again must not depend on the import, nor on whose behalf it is asked.
        if ours.reusable {
            subjects[who].serve(Arc::default());
            let again = authorizer.decide(&Ask { import: "another:import/of#something", ..ask });
            prop_assert_eq!(&again.verdict, &ours.verdict, "{}", &shown);
        }
    }
    Ok(())
}

fn agree(ours: &Verdict, theirs: Told, shown: &str, seen: &Seen) -> Result<(), TestCaseError> {
    let (decision, reasons, errors) = theirs;
    let found: BTreeSet<String> = ours.reasons().policies.iter().map(|id| id.to_string()).collect();
    prop_assert_eq!(found.len(), ours.reasons().policies.len(), "each once: {}", shown);
    prop_assert_eq!(&found, &reasons, "{}", shown);
    let erring = ours.reasons().errors.iter().map(|e| e.split('`').nth(1).unwrap().to_owned());
    prop_assert_eq!(&erring.collect::<BTreeSet<_>>(), &errors, "{}", shown);
    match (ours, decision, errors.is_empty()) {
        (Verdict::Allow(_), Decision::Allow, true) => bump(&seen.allow),
        (Verdict::Deny(_), Decision::Deny, true) if reasons.is_empty() => bump(&seen.deny),
        (Verdict::Deny(_), Decision::Deny, true) => bump(&seen.forbidden),
        (Verdict::Fault(_), _, false) => bump(&seen.fault),
        other => prop_assert!(false, "{:?}: {}", other, shown),
    }
    if reasons.len() > 1 {
        bump(&seen.many);
    }
    Ok(())
}

#[test]
fn decisions_are_those_of_plain_cedar_on_the_full_set() {
    let sets = std::env::var("POLICY_SETS").map_or(500, |n| n.parse().unwrap());
    let seed =
        std::env::var("POLICY_SEED").map_or(RngSeed::Fixed(42), |n| RngSeed::Fixed(n.parse().unwrap()));
    let config = Config {
        cases: sets,
        failure_persistence: None,
        max_shrink_iters: 200,
        rng_seed: seed,
        ..Config::default()
    };
    let seen = Seen::default();
    TestRunner::new(config).run(&case(), |case| compare(&case, &seen)).unwrap_or_else(|e| panic!("{e}"));
    let counts = [&seen.allow, &seen.deny, &seen.forbidden, &seen.fault, &seen.many].map(Cell::get);
    println!("allow, deny, forbidden, fault, several policies: {counts:?}");
    let (kept, dropped) = (seen.kept.get(), seen.dropped.get());
    assert!(dropped < kept / 10, "nearly all policies load: {kept} do, {dropped} do not");
    let questions = sets * QUESTIONS as u32;
    assert!(counts.iter().all(|count| *count > questions / 100), "every kind of verdict is met: {counts:?}");
}
