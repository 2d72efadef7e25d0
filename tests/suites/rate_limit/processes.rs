//! Several processes with one limit, in a file and in Redis: promise 27.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead, BufReader, Lines},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use meetbit_tests::server::{
    raw_server::RawServer,
    record::Record,
    redis::RedisServer,
    replies,
    script::{Plan, Script},
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A directory that is removed with its contents.
#[derive(Debug)]
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        let path = env::temp_dir().join(format!("shared-limit-{:016x}", fastrand::u64(..)));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self) -> PathBuf {
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

/// What the processes share.
#[derive(Debug)]
pub(crate) enum Store {
    File(Directory),
    Redis(RedisServer),
}

impl Store {
    fn file() -> Self {
        Self::File(Directory::new())
    }

    fn redis() -> Self {
        Self::Redis(RedisServer::start())
    }

    /// Another store of the same kind.
    fn another(&self) -> Self {
        match self {
            Self::File(_) => Self::file(),
            Self::Redis(_) => Self::redis(),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::File(_) => "a file",
            Self::Redis(_) => "Redis",
        }
    }

    fn argument(&self) -> String {
        match self {
            Self::File(directory) => directory.file().to_str().unwrap().to_owned(),
            Self::Redis(server) => server.url(),
        }
    }
}

/// A process that sends, and is killed with SIGKILL when it is dropped.
pub(crate) struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    pub(crate) fn start(server: &RawServer, key: &str, store: &str, callers: usize, timeout: Duration) -> Self {
        Self::start_with(server, key, store, callers, timeout, &[])
    }

    /// Starts it with these environment variables.
    pub(crate) fn start_with(
        server: &RawServer,
        key: &str,
        store: &str,
        callers: usize,
        timeout: Duration,
        variables: &[(&str, &Path)],
    ) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_shared_process"))
            .args([&server.url(), key, store, &callers.to_string(), &timeout.as_millis().to_string()])
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Waits for the next create or error.
    pub(crate) fn line(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }

    /// Waits for an error with this kind and outcome, and returns its text.
    #[track_caller]
    pub(crate) fn error(&mut self, expected: &str) -> String {
        let line = self.line();
        let text = line.strip_prefix(expected).and_then(|rest| rest.strip_prefix(": "));
        text.unwrap_or_else(|| panic!("{line}")).to_owned()
    }

    /// Waits for this number of creates.
    pub(crate) fn wait_for(&mut self, creates: usize) {
        for _ in 0..creates {
            assert_eq!(self.line(), "created");
        }
    }

    /// Kills it, and returns the number of its creates. It must have had no error.
    pub(crate) fn creates(mut self) -> usize {
        self.child.kill().unwrap();
        let lines: Vec<String> = self.lines.by_ref().map(Result::unwrap).collect();
        assert!(lines.iter().all(|line| line == "created"), "{lines:?}");
        lines.len()
    }

    /// Sends it a signal.
    #[cfg(unix)]
    fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _may_have_ended = self.child.kill();
        self.child.wait().unwrap();
    }
}

/// Sends a signal to a process.
#[cfg(unix)]
pub(crate) fn signal(id: u32, name: &str) {
    assert!(Command::new("kill").args([name, &id.to_string()]).status().unwrap().success());
}

pub(crate) fn server() -> RawServer {
    RawServer::start(Plan::respond(|_| replies::customer()))
}

#[track_caller]
pub(crate) fn assert_kept(record: &Record, keys: &[&str]) {
    assert!(record.busiest(SECOND) <= 10, "{} of the tenant in a second", record.busiest(SECOND));
    for key in keys {
        let busiest = record.with_key(key).busiest(SECOND);
        assert!(busiest <= 5, "{busiest} of {key} in a second");
    }
}

/// The length of the runs at full load: 20 seconds, or `MEETBIT_SOAK`.
fn full_load_time() -> Duration {
    soak().unwrap_or(20 * SECOND)
}

fn soak() -> Option<Duration> {
    env::var("MEETBIT_SOAK").ok().map(|seconds| Duration::from_secs(seconds.parse().unwrap()))
}

/// A test over a file and over Redis, at the same time.
fn over_both(test: fn(&Store)) {
    thread::scope(|scope| {
        scope.spawn(|| test(&Store::file()));
        scope.spawn(|| test(&Store::redis()));
    });
}

/// Runs a process with 8 callers for each of these keys. Returns the arrivals in the time of the run, and the creates of each
/// process.
fn full_load(store: &Store, keys: &[&str]) -> (usize, Vec<usize>) {
    let server = server();
    let start = |key: &&str| Process::start(&server, key, &store.argument(), 8, 60 * SECOND);
    let mut processes: Vec<Process> = keys.iter().map(start).collect();
    for process in &mut processes {
        process.wait_for(1);
    }
    let before = server.record().requests.len();
    thread::sleep(full_load_time()); // the span that is measured
    let arrived = server.record().requests.len() - before;
    let creates = processes.into_iter().map(Process::creates).collect();
    assert_kept(&server.finish(), keys);
    (arrived, creates)
}

#[test]
fn promise_27_processes_at_full_load_keep_the_limits_and_use_them() {
    over_both(|store| {
        let (other, alone) = (store.another(), store.another());
        let keys = ["one", "one", "two", "three"];
        thread::scope(|scope| {
            let before = processors();
            let alone = scope.spawn(|| full_load(&alone, &["one"]).0);
            let of_tenant = scope.spawn(|| full_load(&other, &keys));
            let of_key = full_load(store, &["one"; 4]);
            let (alone, of_tenant) = (alone.join().unwrap(), of_tenant.join().unwrap());
            // If the machine is so busy that one process cannot use its limit, or that no processor is ever idle, then
            // processes that wait for each other lose more.
            let is_served = 100 * alone >= 95 * 5 * usize::try_from(full_load_time().as_secs()).unwrap();
            let least = if is_served && had_idle_processors(before) { 90 } else { 40 };
            assert_used(store, &["one"; 4], least * alone / 100, &of_key);
            // The tenant's limit is twice the key's.
            assert_used(store, &keys, least * 2 * alone / 100, &of_tenant);
        });
    });
}

/// For how long the processors have been idle, and all their time, if the system says it.
fn processors() -> Option<(u64, u64)> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let times: Vec<u64> = text.lines().next()?.split_whitespace().skip(1).map_while(|time| time.parse().ok()).collect();
    Some((times.get(3)? + times.get(4)?, times.iter().sum()))
}

/// True if the processors were idle for a tenth of the time since then, or more.
fn had_idle_processors(before: Option<(u64, u64)>) -> bool {
    let (Some((idle, all)), Some((idle_now, all_now))) = (before, processors()) else { return true };
    10 * (idle_now - idle) >= all_now - all
}

/// At least this many requests arrived, and each process sent between half and twice its part.
fn assert_used(store: &Store, keys: &[&str], least: usize, (arrived, creates): &(usize, Vec<usize>)) {
    println!("{keys:?} over {}: {arrived}, at least {least}, {creates:?}", store.name());
    assert!(*arrived >= least, "{arrived} of {least} over {}", store.name());
    let number_of_keys = keys.iter().collect::<BTreeSet<_>>().len();
    for (key, own) in keys.iter().zip(creates) {
        // The keys take turns, and the processes of a key divide its part.
        let processes = keys.iter().filter(|other| *other == key).count();
        let even = creates.iter().sum::<usize>() / number_of_keys / processes;
        assert!(even / 2 <= *own && *own <= 2 * even, "{own} of {even} in {creates:?} over {}", store.name());
    }
}

#[test]
fn promise_27_processes_that_are_killed_leave_no_excess_and_no_block() {
    over_both(|store| {
        let server = server();
        for _ in 0..4 {
            let mut process = Process::start(&server, "one", &store.argument(), 8, 60 * SECOND);
            process.line();
            thread::sleep(Duration::from_millis(fastrand::u64(0..300))); // the kill comes at any moment
            let started = Instant::now();
            drop(process);
            let mut next = Process::start(&server, "one", &store.argument(), 1, 60 * SECOND);
            assert_eq!(next.line(), "created");
            assert!(started.elapsed() < 6 * SECOND, "the places of a killed process took {:?}", started.elapsed());
        }
        assert_kept(&server.finish(), &["one"]);
    });
}

/// The process is stopped for longer than a hold; with `MEETBIT_SOAK`, for half a minute.
#[cfg(unix)]
#[test]
fn promise_27_a_process_that_was_stopped_does_not_send_on_its_old_permits() {
    over_both(|store| {
        let server = server();
        let mut stopped = Process::start(&server, "one", &store.argument(), 8, 60 * SECOND);
        let mut other = Process::start(&server, "one", &store.argument(), 8, 60 * SECOND);
        for _ in 0..3 {
            stopped.line();
            stopped.signal("-STOP");
            // It is stopped for this span.
            thread::sleep(soak().map_or_else(|| Duration::from_millis(fastrand::u64(500..4000)), |_| 30 * SECOND));
            other.line();
            stopped.signal("-CONT");
        }
        drop((stopped, other));
        assert_kept(&server.finish(), &["one"]);
    });
}

#[test]
fn promise_27_a_retry_after_outlasts_the_process_that_received_it() {
    over_both(|store| {
        let server = RawServer::start(Plan::each(|connection| {
            let first = if connection == 0 { replies::too_many_requests(Some("3")) } else { replies::customer() };
            Script::new().read_request().write(first).respond(|_| replies::customer())
        }));
        // It may not wait for three seconds after the 429, so its call ends with it.
        let timeout = if matches!(store, Store::Redis(_)) { 5 * SECOND } else { 2 * SECOND };
        let mut first = Process::start(&server, "one", &store.argument(), 1, timeout);
        first.error("RateLimited Rejected");
        let refused = Instant::now();
        drop(first);
        let mut impatient = Process::start(&server, "one", &store.argument(), 3, SECOND);
        for _ in 0..3 {
            impatient.error("RateLimited NotSent");
        }
        let mut patient = Process::start(&server, "one", &store.argument(), 1, 60 * SECOND);
        assert_eq!(patient.line(), "created");
        assert!(refused.elapsed() < 5 * SECOND, "{:?}", refused.elapsed());
        drop(patient);
        let requests = server.finish().requests;
        let open = requests[0].head_read + 3 * SECOND;
        assert!(requests.len() >= 2 && requests[1..].iter().all(|request| request.head_read >= open), "early");
    });
}

/// Nothing arrives from any process while the gate is closed, apart from requests that were on the wire already.
#[test]
fn promise_27_a_429_of_one_process_stops_the_others() {
    over_both(|store| {
        let count = AtomicUsize::new(0);
        let server = RawServer::start(Plan::respond(move |_| match count.fetch_add(1, Ordering::Relaxed) {
            12 => replies::too_many_requests(Some("3")),
            _ => replies::customer(),
        }));
        let mut processes: Vec<Process> =
            (0..3).map(|_| Process::start(&server, "one", &store.argument(), 8, 60 * SECOND)).collect();
        for process in &mut processes {
            (0..8).for_each(|_| drop(process.line()));
        }
        drop(processes);
        let record = server.finish();
        assert_kept(&record, &["one"]);
        let refused = record.requests[12].head_read;
        let (on_the_wire, open) = (refused + SECOND / 5, refused + 3 * SECOND);
        let arrivals = || record.requests.iter().map(|request| request.head_read);
        assert!(!arrivals().any(|at| on_the_wire < at && at < open), "early");
        assert!(arrivals().any(|at| open <= at && at < open + SECOND), "late");
    });
}
