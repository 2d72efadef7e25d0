//! The table of promises in the crate's documentation names tests that run.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

const PROMISES: &str = include_str!("../../../meetbit-client/src/promises.md");

#[test]
fn every_promise_has_a_test_in_the_table_and_the_test_runs() {
    let named = PROMISES.lines().filter_map(|line| line.strip_prefix("Test: `")?.strip_suffix('`'));
    let numbers =
        PROMISES.lines().filter_map(|line| line.strip_prefix("**")?.split_once(".** ")?.0.parse::<u32>().ok());
    let promises: Vec<(u32, &str)> = numbers.zip(named).collect();
    let expected: Vec<u32> = (1..=29).collect();
    assert_eq!(promises.iter().map(|(number, _)| *number).collect::<Vec<_>>(), expected);
    assert_eq!(PROMISES.lines().filter(|line| line.starts_with("Test: ")).count(), promises.len());
    let ignored = listed(&["--ignored"]);
    let run: BTreeSet<String> = listed(&[]).difference(&ignored).cloned().collect();
    for (number, test) in promises {
        assert!(test.starts_with(&format!("promise_{number}_")), "{test} is below promise {number}");
        assert!(run.contains(test), "no test binary runs {test}");
    }
}

/// The names of the tests that the test binaries list, without their modules.
///
/// The binaries are asked, because a test that is commented out, ignored or compiled out is in the source too. The
/// command is the README's, so that nothing is built again after it.
fn listed(arguments: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["test", "--quiet", "--offline", "--workspace", "--all-features", "--lib", "--tests", "--", "--list"])
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = String::from_utf8(output.stdout).unwrap();
    let paths = output.lines().filter_map(|line| line.strip_suffix(": test"));
    paths.map(|path| path.rsplit("::").next().unwrap().to_owned()).collect()
}
