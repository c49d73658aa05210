//! What the tests of the policy layer share.
#![allow(dead_code, reason = "each test takes what it needs")]

use airssys_osl::{ActionId, Ask, Authorizer, Decision, Outcome, Principal, Resource, Subject};
use airssys_wasm::policy::{CedarAuthorizer, Policies, PolicyError, Source};

pub(crate) fn principal(name: &str) -> Principal {
    Principal {
        name: name.to_owned(),
        publisher: name.split('/').next().unwrap().to_owned(),
        digest: "ab".repeat(32),
        version: (1, 2, 3),
        release: 7,
        dev: false,
        groups: Vec::new(),
    }
}

pub(crate) fn load(text: &str) -> Policies {
    Policies::load(&[Source::new("t.cedar", text)], &[]).unwrap_or_else(|e| panic!("{text}\n{:#?}", told(&e)))
}

pub(crate) fn refused(text: &str) -> PolicyError {
    Policies::load(&[Source::new("t.cedar", text)], &[]).unwrap_err()
}

pub(crate) fn path(path: &str) -> Resource {
    Resource::parse("Path", path).unwrap()
}

/// One decision by a fresh subject.
pub(crate) fn decide(
    policies: &Policies,
    who: &Principal,
    action: ActionId,
    resource: &Resource,
) -> Decision {
    let authorizer = CedarAuthorizer::new(policies.clone());
    let subject = Subject::new(who.clone(), 1);
    authorizer.decide(&Ask { subject: &subject, action, resource, import: "test:test/test#test" })
}

/// The outcome and the determining policies of a decision of `acme/x` on a path.
pub(crate) fn reads(policies: &Policies, file: &str) -> (Outcome, Vec<String>) {
    outcome(&decide(policies, &principal("acme/x"), ActionId::FsRead, &path(file)))
}

pub(crate) fn outcome(decision: &Decision) -> (Outcome, Vec<String>) {
    let verdict = &decision.verdict;
    (verdict.outcome(), verdict.reasons().policies.iter().map(|id| id.to_string()).collect())
}

/// Every problem as `file:line:column: message`.
pub(crate) fn told(error: &PolicyError) -> Vec<String> {
    error.problems().iter().map(|p| format!("{}: {p}", p.place)).collect()
}
