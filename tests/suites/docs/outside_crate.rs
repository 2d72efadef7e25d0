//! A crate outside the workspace depends on the client by path.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::fs;
use std::path::Path;
use std::process::Command;

use meetbit_tests::server::raw_server::RawServer;
use meetbit_tests::server::replies;
use meetbit_tests::server::script::Plan;

#[test]
fn a_crate_with_the_client_and_tokio_alone_compiles_and_runs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let outside = Path::new(env!("CARGO_TARGET_TMPDIR")).join("outside");
    fs::create_dir_all(outside.join("src")).unwrap();
    let manifest = fs::read_to_string(root.join("tests/crates/outside/Cargo.toml")).unwrap();
    let client = root.join("meetbit-client").display().to_string();
    fs::write(outside.join("Cargo.toml"), manifest.replace("../../../meetbit-client", &client)).unwrap();
    fs::copy(root.join("tests/crates/outside/src/main.rs"), outside.join("src/main.rs")).unwrap();
    // The versions that are known to be there already.
    fs::copy(root.join("Cargo.lock"), outside.join("Cargo.lock")).unwrap();

    let server = RawServer::start(Plan::respond(|_| replies::customer()));
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--offline", "--", &server.url()])
        .current_dir(&outside)
        // So that dependencies that the workspace has built are not built again.
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap())
        .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "customer 42\n200 OK Some(\"Customer created.\") 1 2\nspawned 42\ndyn 42 42\nfake true\n\
         GET /customers/7/notes?limit=2\n[\"list_note_ids\"]\n"
    );
    assert_eq!(server.finish().requests.len(), 5);
}
