//! The table of promises in the crate's documentation names tests that exist.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::fs;
use std::path::Path;

const PROMISES: &str = include_str!("../../../meetbit-client/src/promises.md");

#[test]
fn every_promise_has_a_test_in_the_table_and_the_test_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut sources = String::new();
    for folder in ["meetbit-client/src", "tests/suites"] {
        read(&root.join(folder), &mut sources);
    }
    let named: Vec<&str> = PROMISES.lines().filter_map(|line| line.strip_suffix("` |")?.rsplit('`').next()).collect();
    assert_eq!(named.len(), 23);
    for (index, test) in named.iter().enumerate() {
        assert!(test.starts_with(&format!("promise_{}_", index + 1)), "{test} stands at {}", index + 1);
        assert!(sources.contains(&format!("fn {test}(")), "there is no test {test}");
    }
}

fn read(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}
