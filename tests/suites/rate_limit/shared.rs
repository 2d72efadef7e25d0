//! Several processes with one limit in a file: promise 27.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    env, fs,
    io::{BufRead, BufReader, Lines},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use meetbit_client::{Client, ErrorKind, FileLimit, Outcome, RateLimit};
use meetbit_tests::{
    client::{builder, create},
    server::{
        ledger::marker,
        raw_server::RawServer,
        record::Record,
        replies,
        script::{Plan, Script},
    },
};

use crate::pacing::soak_time;

const SECOND: Duration = Duration::from_secs(1);

/// A directory that is removed with its contents.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        let path = env::temp_dir().join(format!("shared-limit-{:016x}", fastrand::u64(..)));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("limit.json")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // A report that is under way may make a file meanwhile.
        while self.0.exists() {
            let _again_if_it_failed = fs::remove_dir_all(&self.0);
        }
    }
}

/// A process that sends, and is killed with SIGKILL when it is dropped.
struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(server: &RawServer, key: &str, file: &Path, callers: usize, timeout: Duration) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_shared_process"))
            .args([&server.url(), key])
            .arg(file)
            .args([callers.to_string(), timeout.as_millis().to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Waits for the next create or error.
    fn line(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }

    /// Kills it, and returns the number of its creates. It must have had no error.
    fn creates(mut self) -> usize {
        self.child.kill().unwrap();
        let lines: Vec<String> = self.lines.by_ref().map(Result::unwrap).collect();
        assert!(lines.iter().all(|line| line == "created"), "{lines:?}");
        lines.len()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _may_have_ended = self.child.kill();
        self.child.wait().unwrap();
    }
}

fn server() -> RawServer {
    RawServer::start(Plan::respond(|_| replies::customer()))
}

#[track_caller]
fn assert_kept(record: &Record, keys: &[&str]) {
    assert!(record.busiest(SECOND) <= 10, "{} of the tenant in a second", record.busiest(SECOND));
    for key in keys {
        let busiest = record.with_key(key).busiest(SECOND);
        assert!(busiest <= 5, "{busiest} of {key} in a second");
    }
}

/// Processes at full load, each with one of these keys. At least `least` requests arrive in ten seconds, and no process sends less
/// than the `part`-th part of an even share.
fn kept_at_full_load(keys: &[&str], least: usize, part: usize) {
    let (server, directory) = (server(), Directory::new());
    let start = |key: &&str| Process::start(&server, key, &directory.file(), 8, 60 * SECOND);
    let mut processes: Vec<Process> = keys.iter().map(start).collect();
    for process in &mut processes {
        process.line();
    }
    let before = server.record().requests.len();
    thread::sleep(soak_time());
    let record = server.record();
    let creates: Vec<usize> = processes.into_iter().map(Process::creates).collect();
    assert_kept(&server.finish(), keys);
    let (arrived, seconds) = (record.requests.len() - before, usize::try_from(soak_time().as_secs()).unwrap());
    println!("{arrived} in {seconds} s, {creates:?}");
    assert!(10 * arrived >= least * seconds, "{arrived} in {seconds} s");
    let even = creates.iter().sum::<usize>() / creates.len();
    assert!(creates.iter().all(|creates| *creates >= even / part), "{creates:?}");
}

#[test]
fn promise_27_two_processes_keep_the_limit_of_a_key() {
    kept_at_full_load(&["one", "one"], 35, 2);
}

#[test]
fn promise_27_four_processes_keep_the_limits_of_keys_and_tenant() {
    kept_at_full_load(&["one", "one", "two", "three"], 70, 4);
}

#[test]
fn promise_27_processes_that_are_killed_leave_no_excess_and_no_block() {
    let (server, directory) = (server(), Directory::new());
    for _ in 0..4 {
        let mut process = Process::start(&server, "one", &directory.file(), 8, 60 * SECOND);
        process.line();
        thread::sleep(Duration::from_millis(fastrand::u64(0..300)));
        let started = Instant::now();
        drop(process);
        let mut next = Process::start(&server, "one", &directory.file(), 1, 60 * SECOND);
        assert_eq!(next.line(), "created");
        assert!(started.elapsed() < 6 * SECOND, "the places of a killed process took {:?} to end", started.elapsed());
    }
    assert_kept(&server.finish(), &["one"]);
}

/// Sends a signal to a process.
#[cfg(unix)]
fn signal(process: &Process, signal: &str) {
    let status = Command::new("kill").args([signal, &process.child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

#[cfg(unix)]
#[test]
fn promise_27_a_process_that_was_stopped_does_not_send_on_its_old_permits() {
    let (server, directory) = (server(), Directory::new());
    let mut stopped = Process::start(&server, "one", &directory.file(), 8, 60 * SECOND);
    let mut other = Process::start(&server, "one", &directory.file(), 8, 60 * SECOND);
    for _ in 0..3 {
        stopped.line();
        signal(&stopped, "-STOP");
        thread::sleep(Duration::from_millis(fastrand::u64(500..4000)));
        other.line();
        signal(&stopped, "-CONT");
    }
    drop((stopped, other));
    assert_kept(&server.finish(), &["one"]);
}

#[test]
fn promise_27_a_retry_after_outlasts_the_process_that_received_it() {
    let server = RawServer::start(Plan::each(|connection| {
        let first = if connection == 0 { replies::too_many_requests(Some("3")) } else { replies::customer() };
        Script::new().read_request().write(first).respond(|_| replies::customer())
    }));
    let directory = Directory::new();
    // It may not wait for three seconds, so its call ends with the 429.
    let mut first = Process::start(&server, "one", &directory.file(), 1, 2 * SECOND);
    assert_eq!(first.line(), "RateLimited Rejected");
    let refused = Instant::now();
    drop(first);
    let mut impatient = Process::start(&server, "one", &directory.file(), 3, SECOND);
    for _ in 0..3 {
        assert_eq!(impatient.line(), "RateLimited NotSent");
    }
    let mut patient = Process::start(&server, "one", &directory.file(), 1, 60 * SECOND);
    assert_eq!(patient.line(), "created");
    assert!(refused.elapsed() < 5 * SECOND, "{:?}", refused.elapsed());
    drop(patient);
    let requests = server.finish().requests;
    let open = requests[0].head_read + 3 * SECOND;
    assert!(requests.len() >= 2 && requests[1..].iter().all(|request| request.head_read >= open), "early");
}

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
        |file| fs::create_dir(file.with_file_name("limit.json.new")).unwrap(),
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

#[test]
fn promise_27_a_file_in_a_directory_that_does_not_exist_is_an_error() {
    let directory = Directory::new();
    let error = FileLimit::open(directory.0.join("missing/limit.json")).unwrap_err();
    assert!(error.kind() == ErrorKind::Config && error.to_string().contains("missing"), "{error}");
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
