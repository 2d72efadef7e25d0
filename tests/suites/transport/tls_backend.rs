//! The features of the crate select the TLS backend: promise 25.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// Another crate of the program turns on reqwest's `native-tls`, which replaces rustls unless the backend is named.
#[test]
fn promise_25_another_crates_features_do_not_change_the_tls_backend() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (from, copy) = (root.join("tests/crates/tls"), Path::new(env!("CARGO_TARGET_TMPDIR")).join("tls"));
    fs::create_dir_all(copy.join("src")).unwrap();
    fs::create_dir_all(copy.join("tests")).unwrap();
    let manifest = fs::read_to_string(from.join("Cargo.toml")).unwrap();
    let client = root.join("meetbit-client").display().to_string();
    fs::write(copy.join("Cargo.toml"), manifest.replace("../../../meetbit-client", &client)).unwrap();
    for file in ["src/lib.rs", "tests/backend.rs"] {
        fs::copy(from.join(file), copy.join(file)).unwrap();
    }
    // The versions that are known to be there already.
    fs::copy(root.join("Cargo.lock"), copy.join("Cargo.lock")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["test", "--offline", "--test", "backend", "--features", "rustls,another-crate"])
        .current_dir(&copy)
        // So that dependencies that the workspace has built are not built again.
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap())
        .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("test an_unknown_certificate_is_refused_in_one_handshake ... ok"), "{text}");
}

#[test]
fn promise_25_without_the_feature_rustls_no_crate_brings_the_c_code_of_aws_lc() {
    let tree = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--offline", "-p", "meetbit-client", "--edges", "normal,build", "--prefix", "none"])
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(tree(&[]).contains("aws-lc-sys "));
    for feature in ["rustls-no-provider", "native-tls", "blocking"] {
        assert!(!tree(&["--no-default-features", "--features", feature]).contains("aws-lc-sys "), "{feature}");
    }
}
