//! What the macros say to mistakes.

#[test]
fn every_mistake_is_answered_with_its_message() {
    trybuild::TestCases::new().compile_fail("compile-fail/*.rs");
}
