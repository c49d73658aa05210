//! What an embedder cannot write down: a function of an interface without a decision before it.
#![allow(missing_docs, reason = "a test")]

#[test]
fn no_function_is_offered_without_a_decision() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}
