//! What must not compile: a permit forged, copied, spent twice, or spent on something else.

#[test]
fn a_permit_is_neither_forged_nor_copied_nor_spent_twice() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}
