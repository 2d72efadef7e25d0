//! One limit in a file: promise 27.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
    time::Instant,
};

use meetbit_client::{Client, ErrorKind, FileLimit, Outcome, RateLimit};
use meetbit_tests::{
    client::{builder, create},
    server::{ledger::marker, raw_server::RawServer},
};

use tokio::{runtime::Builder, task::JoinSet};

use crate::processes::{Directory, SECOND, server};

/// A client for this server with this file.
fn client(server: &RawServer, limit: FileLimit) -> Client {
    builder(&server.url()).rate_limit(RateLimit::default()).shared_limit(limit).timeout(SECOND).build().unwrap()
}

#[tokio::test]
async fn promise_27_nothing_is_sent_while_the_file_cannot_be_used() {
    let damages: [fn(&Path); 4] = [
        |file| fs::write(file, "{").unwrap(),
        |file| fs::write(file, "").unwrap(),
        |file| fs::write(file, r#"{"version":2,"moments":[]}"#).unwrap(),
        |file| fs::remove_file(file).and_then(|()| fs::create_dir(file)).unwrap(),
    ];
    for damage in damages {
        let (server, directory) = (server(), Directory::new());
        let client = client(&server, FileLimit::open(directory.file()).unwrap());
        damage(&directory.file());
        let started = Instant::now();
        let error = create(&client, &marker(0)).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::RateLimited, Outcome::NotSent));
        let text = error.to_string();
        assert!(text.contains("`FileLimit`") && text.contains("limit.json"), "{text}");
        assert!(started.elapsed() < 2 * SECOND, "{:?}", started.elapsed());
        let error = FileLimit::open(directory.file()).unwrap_err();
        assert!(error.kind() == ErrorKind::Config && error.to_string().contains("limit.json"), "{error}");
        assert_eq!(server.finish().requests.len(), 0);
    }
}

/// The reports of a runtime's last calls wait for the file when it is not driven any more.
#[test]
fn promise_24_a_runtime_that_is_not_driven_keeps_no_other_from_the_file() {
    let (server, directory) = (server(), Directory::new());
    let limit = FileLimit::open(directory.file()).unwrap();
    let client = || builder(&server.url()).rate_limit(RateLimit::per_second(50)).shared_limit(limit.clone()).build();
    let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
    let (idle, other) = (runtime(), runtime());
    let (of_idle, of_other) = (client().unwrap(), client().unwrap());
    for _ in 0..5 {
        let calls = || async { (0..8).map(|n| create(&of_idle, &marker(n))).collect::<JoinSet<_>>().join_all().await };
        assert!(idle.block_on(calls()).iter().all(Result::is_ok));
        other.block_on(create(&of_other, &marker(99)).timeout(5 * SECOND).send()).unwrap();
    }
}

/// Replaces a file.
#[cfg(target_os = "linux")]
type Damage<'a> = &'a dyn Fn(&Path);

/// Reading it could take forever, or all memory.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn promise_27_a_path_that_is_no_file_of_a_limit_is_an_error_at_once() {
    let pipe = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    let replace = |path: &Path, by: &dyn Fn(&Path)| fs::remove_file(path).map(|()| by(path)).unwrap();
    let endless = |path: &Path| std::os::unix::fs::symlink("/dev/zero", path).unwrap();
    let huge = |path: &Path| File::create(path).unwrap().set_len(1 << 32).unwrap();
    let damages: [(&str, Damage<'_>); 4] =
        [("limit.json", &pipe), ("limit.json", &endless), ("limit.json", &huge), ("limit.json.lock", &pipe)];
    for (number, (name, by)) in damages.into_iter().enumerate() {
        let (server, directory) = (server(), Directory::new());
        let client = client(&server, FileLimit::open(directory.file()).unwrap());
        replace(&directory.0.join(name), by);
        let error = FileLimit::open(directory.file()).unwrap_err();
        assert!(error.kind() == ErrorKind::Config && error.to_string().contains("is not a file"), "{number}: {error}");
        let error = create(&client, &marker(0)).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::RateLimited, Outcome::NotSent), "{number}");
        assert!(error.to_string().contains("is not a file"), "{number}: {error}");
        assert_eq!(server.finish().requests.len(), 0);
    }
}

#[test]
fn promise_27_a_file_in_a_directory_that_does_not_exist_is_an_error() {
    let directory = Directory::new();
    let error = FileLimit::open(directory.0.join("missing/limit.json")).unwrap_err();
    assert!(error.kind() == ErrorKind::Config && error.to_string().contains("missing"), "{error}");
}

/// Later, only a write that needs more room can fail in this way.
#[cfg(target_os = "linux")]
#[test]
fn promise_27_a_file_on_a_full_disk_is_an_error() {
    let directory = Directory::new();
    std::os::unix::fs::symlink("/dev/full", directory.0.join("limit.json.new")).unwrap();
    let error = FileLimit::open(directory.file()).unwrap_err();
    assert!(error.kind() == ErrorKind::Config && error.to_string().contains("No space left"), "{error}");
}

#[tokio::test]
async fn promise_27_a_share_is_used_while_the_file_cannot_be_used_if_the_user_says_so() {
    let (server, directory) = (server(), Directory::new());
    let limit = FileLimit::open(directory.file()).unwrap().without_store(RateLimit::per_second(2));
    let client = client(&server, limit);
    let good = fs::read(directory.file()).unwrap();
    fs::write(directory.file(), "{").unwrap();
    for n in 0..2 {
        create(&client, &marker(n)).await.unwrap();
    }
    let error = create(&client, &marker(2)).timeout(SECOND / 2).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotSent);
    fs::write(directory.file(), good).unwrap();
    for n in 3..5 {
        create(&client, &marker(n)).await.unwrap(); // the file knows nothing of the two
    }
    assert_eq!(server.finish().requests.len(), 4);
}

#[cfg(unix)]
#[tokio::test]
async fn promise_27_the_file_belongs_to_its_owner_and_names_neither_key_nor_server() {
    use std::os::unix::fs::PermissionsExt;

    let (server, directory) = (server(), Directory::new());
    let client = client(&server, FileLimit::open(directory.file()).unwrap());
    create(&client, &marker(0)).await.unwrap();
    for entry in fs::read_dir(&directory.0).unwrap().map(Result::unwrap) {
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
    }
    let text = fs::read_to_string(directory.file()).unwrap();
    assert!(!text.contains("key-") && !text.contains("127.0.0.1"), "{text}");
}
