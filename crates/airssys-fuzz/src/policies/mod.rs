//! Decisions: ours, plain Cedar's and a naive interpreter's are the same, whatever the policies, entities and questions.
//!
//! Plain Cedar gets the full set of policies, and entities as a person would write them down: each path with its
//! directory as its one parent, closures computed by Cedar. The interpreter (`naive`) gets the same and shares no code
//! with either. A verdict with an error is never an allow, where Cedar would skip the policy that erred.

mod entities;
mod expression;
mod naive;
mod plain;
mod random;
mod world;

use crate::choices::Choices;
use airssys_osl::{ActionId, Ask, Authorizer, Reasons, Subject, Verdict};
use airssys_wasm::policy::{CedarAuthorizer, Policies, Source, Words};
use cedar_policy::Decision;
use entities::uid;
use naive::Naive;
use plain::{Plain, Told};
use random::{Asked, Case};
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use world::{CHAINS, IMPORTS, chain_of, parties, resources};

/// How large a case is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Policies, at most.
    pub policies: usize,
    /// Questions, exactly.
    pub questions: usize,
}

/// What a fuzzer gets done often.
const SMALL: Size = Size { policies: 6, questions: 12 };

/// How often each thing happened, to show that the cases are worth something.
#[derive(Debug, Default)]
pub struct Seen {
    /// Allowed.
    pub allow: Cell<usize>,
    /// Denied because nothing permits it.
    pub deny: Cell<usize>,
    /// Denied because something forbids it.
    pub forbidden: Cell<usize>,
    /// A policy erred.
    pub fault: Cell<usize>,
    /// Several policies determined the verdict.
    pub many: Cell<usize>,
    /// Policies that load.
    pub kept: Cell<usize>,
    /// Policies that do not.
    pub dropped: Cell<usize>,
}

/// What is judged: something that decides by policies.
pub type Made = dyn Fn(Policies) -> Arc<dyn Authorizer>;

/// The oracle.
///
/// # Panics
/// When a decision is not the one it must be.
pub fn policies(data: &[u8]) {
    check(data, SMALL, &|policies| Arc::new(CedarAuthorizer::new(policies)), &Seen::default());
}

/// The same of any authorizer and size.
///
/// # Panics
/// When a decision is not the one it must be.
pub fn check(data: &[u8], size: Size, made: &Made, seen: &Seen) {
    let case = Case::new(&mut Choices::new(data), size.policies, size.questions);
    let (policies, text) = loaded(&case, seen);
    let authorizer = made(policies);
    let (plain, naive) = (Plain::new(&case, &text), Naive::new(&case, &text));
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
        let theirs = plain.ask(*asked, resource);
        assert_eq!(naive.ask(*asked, resource), theirs, "the interpreter, and plain Cedar: {shown}");
        agree(&ours.verdict, theirs, &shown, seen);
        // What may be used again must not depend on the import, nor on whose behalf it is asked.
        if ours.reusable {
            subjects[who].serve(Arc::default());
            let again = authorizer.decide(&Ask { import: "another:import/of#something", ..ask });
            assert_eq!(again.verdict, ours.verdict, "{shown}");
        }
    }
}

fn load(text: &str, entities: &[Source]) -> Result<Policies, airssys_wasm::policy::PolicyError> {
    static WORDS: LazyLock<Words> = LazyLock::new(|| Words::built_in().unwrap());
    Policies::load_over(&WORDS, &[Source::new("t.cedar", text)], entities)
}

/// The policies of a case that load, and their text. One that can never apply is refused; a few of the random ones are.
fn loaded(case: &Case, seen: &Seen) -> (Policies, String) {
    let row = |(path, sets): (&&str, &BTreeSet<&str>)| {
        let parents: Vec<_> = sets.iter().map(|set| uid("Path", set)).collect();
        json!({"uid": uid("Path", path), "parents": parents})
    };
    let rows = Value::Array(case.parents.iter().map(row).collect());
    let entities = [Source::new("e.json", rows.to_string())];
    let all = case.policies.join("\n");
    if let Ok(policies) = load(&all, &entities) {
        bump(&seen.kept, case.policies.len());
        return (policies, all);
    }
    let (fit, unfit): (Vec<_>, Vec<_>) =
        case.policies.iter().map(String::as_str).partition(|text| load(text, &[]).is_ok());
    bump(&seen.kept, fit.len());
    bump(&seen.dropped, unfit.len());
    let text = fit.join("\n");
    (load(&text, &entities).unwrap_or_else(|e| panic!("{text}\n{e}")), text)
}

fn bump(cell: &Cell<usize>, by: usize) {
    cell.set(cell.get() + by);
}

fn erring(reasons: &Reasons) -> BTreeSet<String> {
    reasons.errors.iter().map(|error| error.split('`').nth(1).unwrap().to_owned()).collect()
}

fn agree(ours: &Verdict, theirs: Told, shown: &str, seen: &Seen) {
    let (decision, reasons, errors) = theirs;
    let found: BTreeSet<String> = ours.reasons().policies.iter().map(|id| id.to_string()).collect();
    assert_eq!(found.len(), ours.reasons().policies.len(), "each once: {shown}");
    assert_eq!(found, reasons, "determining policies: {shown}");
    assert_eq!(erring(ours.reasons()), errors, "policies that erred: {shown}");
    let met = match (ours, decision, errors.is_empty()) {
        (Verdict::Allow(_), Decision::Allow, true) => &seen.allow,
        (Verdict::Deny(_), Decision::Deny, true) if reasons.is_empty() => &seen.deny,
        (Verdict::Deny(_), Decision::Deny, true) => &seen.forbidden,
        (Verdict::Fault(_), _, false) => &seen.fault,
        other => panic!("{other:?}: {shown}"),
    };
    bump(met, 1);
    bump(&seen.many, usize::from(reasons.len() > 1));
}
