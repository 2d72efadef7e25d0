//! Compiles the README's snippets as documentation tests.

#[doc = include_str!("../../README.md")]
struct Readme;
