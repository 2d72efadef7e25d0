//! How many crates the client brings to a project that has reqwest, serde and tokio already.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The budget; what comes now is listed in the test.
const MOST: usize = 8;

#[test]
fn default_features_add_few_crates_to_a_plain_project() {
    let client = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("meetbit-client");
    let plain = crates("plain", "");
    let with_client = crates("with_client", &format!("meetbit-client = {{ path = '{}' }}", client.display()));
    let added: Vec<_> = with_client.difference(&plain).map(|package| package.split(' ').next().unwrap()).collect();
    assert!(added.contains(&"meetbit-client"), "{added:?}");
    assert!(added.len() <= MOST, "{} crates are added: {added:?}", added.len());
}

/// The crates of a project with these dependencies and the usual ones, each with its version.
fn crates(name: &str, dependencies: &str) -> BTreeSet<String> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("crate_count").join(name);
    fs::create_dir_all(place.join("src")).unwrap();
    fs::write(place.join("src/lib.rs"), "").unwrap();
    // The versions that are known to be there already.
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("Cargo.lock"), place.join("Cargo.lock")).unwrap();
    let manifest = format!(
        r#"
[package]
name = "project"
edition = "2024"

[dependencies]
reqwest = {{ version = "0.13", default-features = false, features = ["json", "rustls"] }}
serde = {{ version = "1", features = ["derive"] }}
tokio = {{ version = "1", features = ["macros", "rt-multi-thread"] }}
{dependencies}

[workspace]
"#
    );
    fs::write(place.join("Cargo.toml"), manifest).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"])
        .current_dir(&place)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(output.stdout).unwrap();
    let packages = listed.lines().filter_map(|line| line.split_once(" v")).filter(|(name, _)| *name != "project");
    packages.map(|(name, rest)| format!("{name} {}", rest.split(' ').next().unwrap())).collect()
}
