//! A journal that cannot be read or written.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use meetbit_client::{
    Client, Credentials, Customers, ErrorKind, NewCustomer, Outcome, RateLimit,
    journal::Journal,
    sandbox::{Fault, Sandbox},
};
use sqlx::{ConnectOptions, SqliteConnection, raw_sql, sqlite::SqliteConnectOptions};

use crate::{directory::Directory, failing::Failing, postgres::Postgres};

pub(crate) async fn sandbox() -> (Sandbox, Client) {
    let sandbox = Sandbox::builder().unlimited().start().await.unwrap();
    let builder = Client::builder("acme.example.com").base_url(sandbox.base_url()).credentials(sandbox.credentials());
    let client = builder.rate_limit(RateLimit::unlimited()).build().unwrap();
    (sandbox, client)
}

pub(crate) fn ada() -> NewCustomer {
    NewCustomer::new().first_name("Ada")
}

/// Opening fails, with a text that has each of these.
async fn refused(path: &Path, texts: &[&str]) {
    let error = Journal::open(path).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Journal, Outcome::NotSent));
    let text = error.to_string();
    assert!(text.contains(&path.display().to_string()), "{text}");
    assert!(texts.iter().all(|part| text.contains(part)), "{text}");
}

async fn database(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap()
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let directory = Directory::new();
    fs::write(directory.file(), "no database ".repeat(1000)).unwrap();
    refused(&directory.file(), &["is not a database"]).await;
    assert_eq!(fs::read_to_string(directory.file()).unwrap(), "no database ".repeat(1000), "it is untouched");
}

#[tokio::test]
async fn the_database_of_another_program_is_refused() {
    let directory = Directory::new();
    raw_sql("CREATE TABLE notes (text TEXT)").execute(&mut database(&directory.file()).await).await.unwrap();
    let before = (fs::read(directory.file()).unwrap(), fs::metadata(directory.file()).unwrap().permissions());
    refused(&directory.file(), &["is the database of another program"]).await;
    let after = (fs::read(directory.file()).unwrap(), fs::metadata(directory.file()).unwrap().permissions());
    assert!(before == after, "it is not changed");
}

#[tokio::test]
async fn a_journal_of_a_newer_version_is_refused() {
    let directory = Directory::new();
    drop(Journal::open(directory.file()).await.unwrap());
    raw_sql("PRAGMA user_version = 2").execute(&mut database(&directory.file()).await).await.unwrap();
    refused(&directory.file(), &["newer version", "its version is 2"]).await;
}

#[tokio::test]
async fn a_directory_that_does_not_exist_is_refused() {
    let directory = Directory::new();
    refused(&directory.path().join("missing/journal.sqlite"), &["cannot be opened"]).await;
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let directory = Directory::new();
    fs::write(directory.file(), "").unwrap();
    fs::set_permissions(directory.file(), fs::Permissions::from_mode(0o644)).unwrap();
    let (_sandbox, client) = sandbox().await;
    let journal = Journal::open(directory.file()).await.unwrap();
    client.create_customer(&ada()).once(&journal, "crm:42").await.unwrap();
    let files: Vec<_> = fs::read_dir(directory.path()).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

#[tokio::test]
async fn promise_28_a_lock_of_two_seconds_is_waited_for_within_the_calls_time() {
    let directory = Directory::new();
    let (sandbox, client) = sandbox().await;
    let journal = Journal::open(directory.file()).await.unwrap();
    let mut other = database(&directory.file()).await;
    raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let locked = Instant::now();
    let impatient = client.create_customer(&ada()).once(&journal, "crm:1").timeout(Duration::from_millis(500));
    let error = impatient.await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Journal, Outcome::NotSent));
    assert!(error.to_string().contains("locked"), "{error}");
    assert_eq!(sandbox.requests().len(), 0);
    let patient = tokio::spawn(client.create_customer(&ada()).once(&journal, "crm:2").send());
    tokio::time::sleep(Duration::from_secs(2).saturating_sub(locked.elapsed())).await;
    raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    patient.await.unwrap().unwrap();
    client.create_customer(&ada()).once(&journal, "crm:1").await.unwrap();
    assert_eq!(sandbox.requests().len(), 2);
}

/// The database may not grow: what a full disk is to SQLite.
#[tokio::test]
async fn promise_28_nothing_is_sent_while_the_file_cannot_grow() {
    let directory = Directory::new();
    let (sandbox, client) = sandbox().await;
    let disk = Disk::mount(directory.path());
    let Some(disk) = disk else { return };
    let journal = Journal::open(disk.0.join("journal.sqlite")).await.unwrap();
    client.create_customer(&ada()).once(&journal, "crm:1").await.unwrap();
    disk.fill();
    let error = client.create_customer(&ada()).once(&journal, "crm:2").await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Journal, Outcome::NotSent), "{error}");
    assert!(error.to_string().contains("disk is full"), "{error}");
    assert_eq!(sandbox.requests().len(), 1);
    assert!(client.create_customer(&ada()).once(&journal, "crm:1").send().await.unwrap().replayed);
    disk.empty();
    client.create_customer(&ada()).once(&journal, "crm:2").await.unwrap();
    assert_eq!(sandbox.requests().len(), 2);
}

/// A small disk, until it is dropped.
struct Disk(PathBuf);

impl Disk {
    /// `None` if this user may not mount one.
    fn mount(directory: &Path) -> Option<Self> {
        let path = directory.join("disk");
        fs::create_dir(&path).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"]).arg(&path).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(path));
        }
        eprintln!("skipped: only root can mount a small disk");
        None
    }

    fn fill(&self) {
        let mut size = 64 * 1024;
        while size > 0 {
            let number = fastrand::u64(..);
            if fs::write(self.0.join(format!("fill-{number:x}")), vec![0; size]).is_err() {
                size /= 2;
            }
        }
    }

    fn empty(&self) {
        for entry in fs::read_dir(&self.0).unwrap().map(Result::unwrap) {
            if entry.file_name().to_string_lossy().starts_with("fill-") {
                fs::remove_file(entry.path()).unwrap();
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _left_to_the_system = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_read_only_directory_is_refused() {
    let directory = Directory::new();
    let Some(disk) = Disk::mount(directory.path()) else { return };
    let read_only = || Command::new("mount").args(["-o", "remount,ro"]).arg(&disk.0).status().unwrap();
    assert!(read_only().success());
    refused(&disk.0.join("journal.sqlite"), &["cannot be opened"]).await;
    assert!(Command::new("mount").args(["-o", "remount,rw"]).arg(&disk.0).status().unwrap().success());
    let (sandbox, client) = sandbox().await;
    let journal = Journal::open(disk.0.join("journal.sqlite")).await.unwrap();
    client.create_customer(&ada()).once(&journal, "crm:1").await.unwrap();
    drop(journal);
    while !read_only().success() {
        tokio::time::sleep(Duration::from_millis(20)).await; // the thread of the journal still closes the file
    }
    refused(&disk.0.join("journal.sqlite"), &["cannot be opened"]).await;
    assert_eq!(sandbox.requests().len(), 1);
}

/// SQLite's log is beside one of the names, so a process that uses the other name would send the same calls.
#[cfg(unix)]
#[tokio::test]
async fn promise_28_a_file_with_two_names_is_refused() {
    let directory = Directory::new();
    let (file, other) = (directory.path().join("journal.sqlite"), directory.path().join("other.sqlite"));
    drop(Journal::open(&file).await.unwrap());
    fs::hard_link(&file, &other).unwrap();
    for name in [&file, &other] {
        refused(name, &["has another name", "mount the directory"]).await;
    }
    fs::remove_file(&other).unwrap();
    drop(Journal::open(&file).await.unwrap());

    // As a container does with a single file.
    fs::write(&other, "").unwrap();
    let mounted = Command::new("mount").arg("--bind").args([&file, &other]).output();
    if mounted.is_ok_and(|output| output.status.success()) {
        refused(&other, &["has another name", "mount the directory"]).await;
        assert!(Command::new("umount").arg("-l").arg(&other).status().unwrap().success());
    }
}

/// A journal in memory whose swaps fail from the n-th on.
fn failing(from: usize) -> Journal {
    Failing::journal(Journal::in_memory().store(), from..usize::MAX)
}

#[tokio::test]
async fn promise_28_an_intent_that_cannot_be_written_is_not_sent() {
    let (sandbox, client) = sandbox().await;
    let error = client.create_customer(&ada()).once(&failing(0), "crm:42").await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Journal, Outcome::NotSent));
    assert!(
        error.to_string().contains("nothing was sent") && error.to_string().contains("the disk is on fire"),
        "{error}"
    );
    assert_eq!(sandbox.requests().len(), 0);
}

#[tokio::test]
async fn promise_28_an_intent_that_becomes_visible_late_leaves_no_doubt() {
    let (sandbox, client) = sandbox().await;
    let journal = Failing::late(Journal::in_memory().store());
    let once = || client.create_customer(&ada()).once(&journal, "crm:42");
    let error = once().await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Journal, Outcome::NotSent));
    once().await.unwrap();
    assert_eq!(sandbox.requests().len(), 1);
}

#[tokio::test]
async fn promise_28_a_reply_that_cannot_be_recorded_is_in_the_error_and_in_doubt() {
    let (sandbox, client) = sandbox().await;
    let journal = failing(1);
    let once = || client.create_customer(&ada()).once(&journal, "crm:42");
    let error = once().await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Journal, Outcome::Done), "{error}");
    assert!(error.body().unwrap().contains(r#""id""#), "{:?}", error.body());
    assert_eq!(error.status().unwrap(), 200);
    let error = once().await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::InDoubt, Outcome::Done));
    assert_eq!(sandbox.requests().len(), 1);
}

#[tokio::test]
async fn promise_28_a_refusal_that_cannot_be_recorded_keeps_its_kind() {
    let (sandbox, client) = sandbox().await;
    sandbox.fault(Fault::status(403));
    let error = client.create_customer(&ada()).once(&failing(1), "crm:42").await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::UnexpectedStatus, Outcome::Rejected));
    assert!(error.to_string().contains("the disk is on fire"), "{error}");
}

/// The database is gone for a moment, and later for good.
#[tokio::test(flavor = "multi_thread")]
async fn promise_28_a_database_that_is_gone_lets_nothing_be_sent() {
    let server = Postgres::start();
    let (sandbox, client) = sandbox().await;
    let journal = Journal::postgres(server.database()).await.unwrap();
    client.create_customer(&ada()).once(&journal, "crm:1").await.unwrap();
    server.stop();
    let once = |key: &'static str, time| client.create_customer(&ada()).once(&journal, key).timeout(time);
    let error = once("crm:2", Duration::from_millis(500)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Journal, Outcome::NotSent), "{error}");
    assert_eq!(sandbox.requests().len(), 1);
    server.resume();
    once("crm:2", Duration::from_secs(20)).await.unwrap();
    assert!(once("crm:1", Duration::from_secs(20)).send().await.unwrap().replayed);
    assert_eq!(sandbox.requests().len(), 2);
}

#[tokio::test]
async fn a_database_url_that_is_not_valid_is_refused_without_its_password() {
    for url in ["no url", "mysql://x:PLANTED@localhost/x", "postgres://x:PLANTED@localhost:port/x"] {
        let error = Journal::postgres(url).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Journal);
        assert!(!format!("{error} {error:?}").contains("PLANTED"), "{error:?}");
    }
}

/// A journal outlives the runtime that opened it: promise 24.
#[test]
fn promise_24_a_journal_can_be_used_from_several_runtimes() {
    let directory = Directory::new();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let journal = runtime().block_on(Journal::open(directory.file())).unwrap();
    for number in 0..2 {
        runtime().block_on(async {
            let (_sandbox, client) = sandbox().await;
            client.create_customer(&ada()).once(&journal, format!("crm:{number}")).await.unwrap();
        });
    }
    let server = runtime();
    let (_sandbox, client) = server.block_on(sandbox());
    let once = client.create_customer(&ada()).once(&journal, "crm:3");
    let waiting = std::thread::spawn(move || once.wait());
    server.block_on(async {
        while !waiting.is_finished() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waiting.join().unwrap().unwrap();
}

/// Neither the request nor an echo of the server brings the secret into the journal.
#[tokio::test]
async fn promise_16_the_secret_is_never_stored() {
    let directory = Directory::new();
    let secret = meetbit_tests::client::SECRET;
    let sandbox = Sandbox::builder().unlimited().credentials("one", secret).start().await.unwrap();
    let client = meetbit_tests::client::builder(sandbox.base_url()).credentials(sandbox.credentials()).build().unwrap();
    let journal = Journal::open(directory.file()).await.unwrap();
    let echo = format!(r#"{{"message":"{secret}","data":{{"id":7,"first_name":"{secret}"}}}}"#);
    let reply = meetbit_client::http::Response::builder().header("X-Echo", secret).body(echo).unwrap();
    sandbox.reply(reply);
    let customer = NewCustomer::new().first_name(secret);
    client.create_customer(&customer).once(&journal, "crm:1").await.unwrap_err(); // the reply is not a customer
    sandbox.fault(Fault::reset());
    client.create_customer(&customer).once(&journal, "crm:2").await.unwrap_err();
    assert_eq!(journal.in_doubt().await.unwrap().len(), 1);
    assert_absent(secret, &directory);
}

/// The body has the secrets of both keys, and the server answers with both.
#[tokio::test]
async fn promise_16_no_secret_of_a_key_that_rotates_is_stored() {
    let (directory, rotations) = (Directory::new(), AtomicUsize::new(0));
    let secrets = ["PLANTED-s3cret-of-the-first", "0ther-k3y-with-nothing-in-common"];
    let credentials = Credentials::rotating(move || {
        let number = rotations.fetch_add(1, Ordering::Relaxed);
        Credentials::new(format!("key-{number}"), secrets[number.min(1)])
    });
    let sandbox = Sandbox::builder().unlimited().credentials("key-0", secrets[0]).start().await.unwrap();
    let builder = Client::builder("acme.example.com").base_url(sandbox.base_url()).credentials(credentials);
    let client = builder.rate_limit(RateLimit::unlimited()).build().unwrap();
    let journal = Journal::open(directory.file()).await.unwrap();
    let customer = NewCustomer::new().first_name(secrets.join(" and "));
    let create = |key: &'static str| client.create_customer(&customer).once(&journal, key);
    sandbox.fault(Fault::reset());
    create("crm:1").await.unwrap_err();
    let echo = format!(r#"{{"data":{{"id":7,"first_name":"{}"}}}}"#, secrets.join(" and "));
    sandbox.reply(meetbit_client::http::Response::builder().header("X-Echo", secrets.concat()).body(echo).unwrap());
    create("crm:2").await.unwrap_err(); // the reply is not a customer
    assert_eq!(journal.in_doubt().await.unwrap().len(), 1);
    for secret in secrets {
        assert_absent(secret, &directory);
    }
}

/// No file of the directory has the secret.
fn assert_absent(secret: &str, directory: &Directory) {
    for file in fs::read_dir(directory.path()).unwrap().map(Result::unwrap) {
        let bytes = fs::read(file.path()).unwrap();
        let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!found, "{file:?}");
    }
}

/// When a process closes a descriptor of a file, POSIX drops the locks that SQLite has on it. Another process that closes the
/// journal last would then delete the log in which this process goes on writing.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn promise_28_opening_a_file_again_keeps_the_lock_on_it() {
    use std::os::unix::fs::MetadataExt;

    let (_sandbox, client) = sandbox().await;
    let directory = Directory::new();
    let journal = Journal::open(directory.file()).await.unwrap();
    client.create_customer(&ada()).once(&journal, "crm:1").await.unwrap();
    let inode = format!(":{} ", fs::metadata(directory.file()).unwrap().ino());
    let is_locked = || fs::read_to_string("/proc/locks").unwrap().contains(&inode);
    assert!(is_locked(), "SQLite holds a lock while a connection is open");
    let again = Journal::open(directory.file()).await.unwrap();
    assert!(is_locked(), "the lock is gone");
    drop((journal, again));
}

/// What somebody does with the file of a journal.
#[cfg(unix)]
type Change = fn(&Path);

/// SQLite goes on writing to a file that has no name any more, and another process would make a new one and send all again.
#[cfg(unix)]
#[tokio::test]
async fn promise_28_nothing_is_sent_after_a_file_of_the_journal_is_deleted_or_replaced() {
    let changes: [(&str, Change); 8] = [
        ("deleted", |file| fs::remove_file(file).unwrap()),
        ("moved", |file| fs::rename(file, sibling(file, ".old")).unwrap()),
        ("moved with its directory", |file| {
            let directory = file.parent().unwrap();
            fs::rename(directory, sibling(directory, ".old")).unwrap();
            fs::rename(sibling(directory, ".old"), sibling(directory, ".older")).unwrap();
            fs::create_dir(directory).unwrap();
        }),
        ("replaced by a copy", |file| {
            fs::copy(file, sibling(file, ".copy")).unwrap();
            fs::rename(sibling(file, ".copy"), file).unwrap();
        }),
        ("replaced by a directory", |file| {
            fs::remove_file(file).unwrap();
            fs::create_dir(file).unwrap();
        }),
        ("replaced by a link", |file| {
            fs::rename(file, sibling(file, ".old")).unwrap();
            std::os::unix::fs::symlink(sibling(file, ".old"), file).unwrap();
        }),
        ("without its log", |file| fs::remove_file(sibling(file, "-wal")).unwrap()),
        ("without its index", |file| fs::remove_file(sibling(file, "-shm")).unwrap()),
    ];
    for (what, change) in changes {
        let (sandbox, client) = sandbox().await;
        let directory = Directory::new();
        let journal = Journal::open(directory.file()).await.unwrap();
        client.create_customer(&ada()).once(&journal, "crm:1").await.unwrap();
        change(&directory.file());
        for key in ["crm:1", "crm:2"] {
            let error = client.create_customer(&ada()).once(&journal, key).await.unwrap_err();
            assert_eq!((error.kind(), error.outcome()), (ErrorKind::Journal, Outcome::NotSent), "{what}: {error}");
            assert!(error.to_string().contains("was deleted, moved or replaced"), "{what}: {error}");
        }
        assert_eq!(sandbox.requests().len(), 1, "{what}");
        let _removed = fs::remove_dir_all(sibling(directory.path(), ".older"));
    }
}

/// The reply of a create whose journal is deleted meanwhile is reported as done and in doubt.
#[cfg(unix)]
#[tokio::test]
async fn promise_28_a_reply_that_comes_after_the_journal_is_deleted_is_in_the_error() {
    let (sandbox, client) = sandbox().await;
    let directory = Directory::new();
    let journal = Journal::open(directory.file()).await.unwrap();
    sandbox.fault(Fault::delay(Duration::from_secs(2)).after_acting());
    let call = tokio::spawn(client.create_customer(&ada()).once(&journal, "crm:1"));
    tokio::time::timeout(Duration::from_secs(10), async {
        while sandbox.requests().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .unwrap();
    fs::remove_file(directory.file()).unwrap();
    let error = call.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Journal, Outcome::Done), "{error}");
    let again = client.create_customer(&ada()).once(&journal, "crm:1").await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Journal, "{again}");
    assert_eq!(sandbox.requests().len(), 1);
}

fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}
