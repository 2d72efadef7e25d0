//! A store in a file: one limit for all processes of a machine.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{self, Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fs4::{FileExt, TryLockError};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex as AsyncMutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::error::Error;
use crate::rate_limit::config::RateLimit;
use crate::rate_limit::share::{self, Share};
use crate::rate_limit::shared::{Ask, BoxFuture, Event, HOLD, Rate, Report, SharedLimit, State, Verdict, ask, tell};

type BoxError = Box<dyn StdError + Send + Sync>;

/// The version of the file's format.
const VERSION: u32 = 1;
/// The lock of the file must be free within this time. It is less than what a client waits for an answer.
const LOCK: Duration = Duration::from_millis(300);
/// The whole of a question to the file, so that a disk that hangs counts as a failure.
const ANSWER: Duration = Duration::from_millis(400);
/// A request may arrive this long after it departed.
const ASSUMED_DELIVERY: Duration = Duration::from_secs(1);

/// One rate limit for all processes of a machine, in a file: for cron jobs, command-line tools, prefork servers and several
/// services. A `Retry-After` outlasts the process that received it, and a restart of the machine.
///
/// The file is JSON and contains hashes of access key ids and servers, but no id and no secret. Only the owner can read it, so
/// all processes must run as the same user. A sibling file with the suffix `.lock` serves as the lock. Both stay small:
/// state that no longer matters is dropped.
///
/// Do not use a network file system, because its locks may not work and each machine has a clock of its own.
///
/// # Failures
/// A file that is corrupt, has another version, or cannot be written is a failure of the store, and nothing is sent:
/// see [`ClientBuilder::shared_limit`](crate::ClientBuilder::shared_limit). To discard a corrupt file, delete it while no
/// process sends. If the file is deleted while processes use it, nothing is sent until the requests before that no longer
/// count.
///
/// The file uses the system clock. If the clock is set back, no wait ends early, and none takes longer. If the clock is set
/// forward, waits end earlier by as much, because nothing in the file shows that.
#[derive(Clone, Debug)]
pub struct FileLimit {
    file: Arc<LimitFile>,
    /// One question of this process at a time, in order of arrival, so that a disk that hangs occupies one thread.
    turn: Arc<AsyncMutex<()>>,
    share: Option<Arc<Share>>,
}

impl FileLimit {
    /// Opens the file, or makes it. Its directory must exist, and this user must be able to write in it.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config), if the file cannot be read or written, is corrupt or has another version. The text
    /// names the path.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let since_1970 = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::with_clock(path.as_ref(), since_1970)
    }

    fn with_clock(path: &Path, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Result<Self, Error> {
        let path = path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let file = LimitFile { path, clock: Box::new(clock) };
        // A file that did not exist loses nothing, so there is no pause.
        file.change(Duration::ZERO, false, |_, _| ()).map_err(|failure| {
            let message = failure.to_string();
            Error::config(message).with(|e| e.source(Arc::new(failure)))
        })?;
        Ok(Self { file: Arc::new(file), turn: Arc::default(), share: None })
    }

    /// Sends with this limit, which only this process keeps, while the file cannot be used. Without this setting nothing is
    /// sent then.
    ///
    /// State the share of this process, such as `RateLimit::default().shared_by(4)`. Processes that use the file and processes
    /// that use their share do not know of each other, so together they may exceed the limit, and a `429` of one does not stop
    /// the others. With the feature `tracing`, an event says when the share is used and when the file is used again.
    #[must_use]
    pub fn without_store(mut self, share: RateLimit) -> Self {
        self.share = Some(Arc::new(Share::new(share)));
        self
    }

    /// Does something with the file on a thread that may block.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&LimitFile) -> Result<T, FileFailure> + Send + 'static,
    ) -> Result<T, FileFailure> {
        let answer = timeout(ANSWER, async {
            let turn = self.turn.clone().lock_owned().await;
            let file = self.file.clone();
            let done = spawn_blocking(move || {
                let _turn = turn;
                work(&file)
            });
            done.await.unwrap_or_else(|_| Err(self.file.failure("cannot be used, because the runtime ends")))
        });
        answer.await.unwrap_or_else(|_| Err(self.file.failure("cannot be read and written in time")))
    }
}

impl SharedLimit for FileLimit {
    fn ask<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Verdict, BoxError>> {
        Box::pin(async move {
            let of_file = share::without_its_ticket(ask);
            let answer = self.run(move |file| file.ask(&of_file)).await;
            share::or_share(self.share.as_deref(), ask, answer)
        })
    }

    fn tell<'a>(&'a self, report: &'a Report) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            if let Some(share) = &self.share {
                share.tell(report);
            }
            let report = report.clone();
            self.run(move |file| file.tell(&report)).await.map_err(BoxError::from)
        })
    }
}

/// The file. Its methods block.
struct LimitFile {
    path: PathBuf,
    clock: Box<dyn Fn() -> Duration + Send + Sync>,
}

/// What the file contains. Moments are microseconds on the system clock plus `offset`.
#[derive(Debug, Serialize, Deserialize)]
struct Contents {
    version: u32,
    /// The last moment that was written. No later moment is before it.
    last: u64,
    /// How far the system clock was set back, so that moments do not go back.
    offset: u64,
    /// Nothing may be sent before, because an earlier file was lost.
    quiet_until: u64,
    /// By the hash of the server's origin.
    tenants: BTreeMap<String, State>,
}

/// The part of the contents that every version has.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl LimitFile {
    fn ask(&self, question: &Ask) -> Result<Verdict, FileFailure> {
        let verdict = self.change(pause(question.rate), false, |contents, now| {
            let now = Duration::from_micros(now);
            (now >= Duration::from_micros(contents.quiet_until)).then(|| {
                let state = contents.tenants.entry(question.tenant.clone()).or_default();
                ask(state, now, question)
            })
        })?;
        verdict.ok_or_else(|| self.failure("was deleted: nothing is sent while earlier requests may count"))
    }

    fn tell(&self, report: &Report) -> Result<(), FileFailure> {
        let closes = matches!(&report.event, Event::Answered { feedback, .. }
            if feedback.is_429 || feedback.remaining == Some(0));
        self.change(pause(report.rate), closes, |contents, now| {
            let state = contents.tenants.entry(report.tenant.clone()).or_default();
            tell(state, Duration::from_micros(now), report);
        })
    }

    /// Reads the file, changes it and writes it, while no other process does. A file that does not exist is made, and nothing
    /// is sent for `pause`. `durable` waits until the change outlasts a crash of the machine.
    fn change<R>(
        &self,
        pause: Duration,
        durable: bool,
        f: impl FnOnce(&mut Contents, u64) -> R,
    ) -> Result<R, FileFailure> {
        let _lock = self.lock()?;
        let old = self.read()?;
        let is_new = old.is_none();
        let new = || Contents { version: VERSION, last: 0, offset: 0, quiet_until: 0, tenants: BTreeMap::new() };
        let mut contents = old.unwrap_or_else(new);
        let now = contents.advance((self.clock)());
        if is_new {
            contents.quiet_until = now.saturating_add(micros(pause));
        }
        let result = f(&mut contents, now);
        contents.tenants.retain(|_, state| !state.drop_idle(Duration::from_micros(now)));
        self.write(&contents, durable).map_err(|error| self.io_failure("cannot be written", error))?;
        Ok(result)
    }

    /// Waits for the lock. It is free again when the result is dropped or the process ends.
    fn lock(&self) -> Result<File, FileFailure> {
        let failure = |error| self.io_failure("cannot be locked", error);
        // It is opened each time, because a forked process would share a lock that is open.
        let file = owner_only(OpenOptions::new().create(true).truncate(false).write(true))
            .open(self.sibling(".lock"))
            .map_err(failure)?;
        let started = Instant::now();
        loop {
            // std's method of the same name needs a newer compiler.
            match FileExt::try_lock(&file) {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(failure(error)),
                Err(TryLockError::WouldBlock) if started.elapsed() > LOCK => {
                    return Err(self.failure("is locked by another process for too long"));
                }
                // A blocking lock has no time limit. This thread is one of `spawn_blocking`.
                Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// `None` if there is no file.
    fn read(&self) -> Result<Option<Contents>, FileFailure> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io_failure("cannot be read", error)),
        };
        let corrupt = |error: serde_json::Error| self.io_failure("is corrupt", error.into());
        let Version { version } = serde_json::from_slice(&text).map_err(corrupt)?;
        if version != VERSION {
            let problem = format!("has version {version} of the format, and this program knows version {VERSION}");
            return Err(self.failure(problem));
        }
        serde_json::from_slice(&text).map(Some).map_err(corrupt)
    }

    /// Writes another file and renames it, so that the file is never half written.
    fn write(&self, contents: &Contents, durable: bool) -> io::Result<()> {
        let new = self.sibling(".new");
        let mut file = owner_only(OpenOptions::new().create(true).truncate(true).write(true)).open(&new)?;
        file.write_all(&serde_json::to_vec(contents)?)?;
        if durable {
            file.sync_all()?;
        }
        drop(file);
        fs::rename(&new, &self.path)?;
        match self.path.parent() {
            Some(directory) if durable && cfg!(unix) => File::open(directory)?.sync_all(),
            _ => Ok(()),
        }
    }

    fn sibling(&self, suffix: &str) -> PathBuf {
        let mut path = OsString::from(&self.path);
        path.push(suffix);
        path.into()
    }

    fn failure(&self, problem: impl Into<String>) -> FileFailure {
        FileFailure { path: self.path.clone(), problem: problem.into(), source: None }
    }

    fn io_failure(&self, problem: &str, error: io::Error) -> FileFailure {
        FileFailure { source: Some(error), ..self.failure(problem) }
    }
}

impl Contents {
    /// The present moment. If the system clock was set back, no time has passed since the last moment.
    fn advance(&mut self, system: Duration) -> u64 {
        let now = micros(system).saturating_add(self.offset);
        self.offset = self.offset.saturating_add(self.last.saturating_sub(now));
        self.last = self.last.max(now);
        self.last
    }
}

/// A request that was granted before now no longer counts after this.
fn pause(rate: Rate) -> Duration {
    (HOLD + ASSUMED_DELIVERY).saturating_add(rate.period)
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// A file that these options make belongs to this user only.
fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Why the file cannot be used.
#[derive(Debug)]
struct FileFailure {
    path: PathBuf,
    problem: String,
    source: Option<io::Error>,
}

impl fmt::Display for FileFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file of the shared rate limit, {}, {}", self.path.display(), self.problem)?;
        self.source.as_ref().map_or(Ok(()), |source| write!(f, ": {source}"))
    }
}

impl StdError for FileFailure {}

impl fmt::Debug for LimitFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LimitFile").field(&self.path).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use fastrand::Rng;

    use super::*;
    use crate::rate_limit::shared::Feedback;

    const SECOND: Duration = Duration::from_secs(1);

    /// A file with a clock that the test sets. The file is removed with it.
    struct Clocked {
        file: Arc<LimitFile>,
        clock: Arc<AtomicU64>,
        directory: PathBuf,
        last_id: u64,
    }

    impl Clocked {
        fn new(test: &str) -> Self {
            let directory = std::env::temp_dir().join(format!("{test}-{:016x}", fastrand::u64(..)));
            fs::create_dir(&directory).unwrap();
            let clock = Arc::new(AtomicU64::new(1_000_000_000));
            let shared = clock.clone();
            let now = move || Duration::from_micros(shared.load(Ordering::Relaxed));
            let FileLimit { file, .. } = FileLimit::with_clock(&directory.join("limit.json"), now).unwrap();
            Self { file, clock, directory, last_id: 0 }
        }

        fn now(&self) -> Duration {
            (self.file.clock)()
        }

        fn advance(&self, by: Duration) {
            self.clock.fetch_add(micros(by), Ordering::Relaxed);
        }

        fn set_back(&self, by: Duration) {
            self.clock.fetch_sub(micros(by), Ordering::Relaxed);
        }

        fn question(&mut self) -> Ask {
            self.last_id += 1;
            let (tenant, key) = ("tenant".to_owned(), "key".to_owned());
            let (id, rate) = (self.last_id, RateLimit::default().into());
            Ask { tenant, key, id, again: false, ticket: None, rate, within: Duration::MAX }
        }

        fn ask(&mut self) -> Verdict {
            let question = self.question();
            self.file.ask(&question).unwrap()
        }

        #[track_caller]
        fn go(&mut self) -> u64 {
            assert!(matches!(self.ask(), Verdict::Go { .. }));
            self.last_id
        }

        fn answered(&mut self, id: u64, feedback: Feedback) {
            let Ask { tenant, key, rate, .. } = self.question();
            let event = Event::Answered { id, departed: Duration::ZERO, feedback };
            self.file.tell(&Report { tenant, key, rate, event }).unwrap();
        }

        fn is_closed(&mut self) -> bool {
            matches!(self.ask(), Verdict::Closed { .. })
        }
    }

    impl Drop for Clocked {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.directory).unwrap();
        }
    }

    /// One process after the other asks and reports at random, over a file and over a state in memory.
    #[test]
    fn promise_27_the_file_decides_as_the_state_in_memory_does() {
        let mut clocked = Clocked::new("differential");
        let mut rng = Rng::with_seed(7);
        let mut memory: BTreeMap<String, State> = BTreeMap::new();
        let (mut asked, mut granted): (Vec<Ask>, Vec<Ask>) = (Vec::new(), Vec::new());
        for step in 0..3_000 {
            clocked.advance(Duration::from_millis(rng.u64(0..120)));
            let now = clocked.now();
            if rng.u8(..) < 160 {
                let fresh = Ask { key: ["a", "b", "c"][rng.usize(0..3)].to_owned(), ..clocked.question() };
                let fresh = Ask { tenant: ["x", "y"][rng.usize(0..2)].to_owned(), ..fresh };
                let question = if rng.bool() { asked.pop().unwrap_or(fresh) } else { fresh };
                let state = memory.entry(question.tenant.clone()).or_default();
                let expected = ask(state, now, &question);
                assert_eq!(clocked.file.ask(&question).unwrap(), expected, "step {step}: {question:?}");
                match expected {
                    Verdict::Go { .. } => granted.push(question),
                    Verdict::Wait { ticket, .. } | Verdict::Closed { ticket, .. } => {
                        asked.insert(0, Ask { ticket: Some(ticket), again: rng.bool(), ..question });
                    }
                    Verdict::Full => {}
                }
            } else if let Some(Ask { tenant, key, id, rate, .. }) = granted.pop() {
                let is_429 = rng.u8(..) < 8;
                let retry_after = rng.bool().then_some(SECOND * 2);
                let feedback = Feedback { is_429, retry_after, remaining: Some(rng.u32(0..5)), ..Feedback::default() };
                let event = match rng.u8(0..4) {
                    0 => Event::Released { id },
                    _ => Event::Answered { id, departed: Duration::from_millis(rng.u64(0..300)), feedback },
                };
                let report = Report { tenant, key, rate, event };
                tell(memory.entry(report.tenant.clone()).or_default(), now, &report);
                clocked.file.tell(&report).unwrap();
            } else {
                continue;
            }
            memory.retain(|_, state| !state.drop_idle(now));
            assert_eq!(clocked.file.read().unwrap().unwrap().tenants, memory, "step {step}");
        }
        assert!(clocked.last_id > 1_000);
    }

    #[test]
    fn promise_27_a_permit_without_a_report_counts_until_its_request_has_arrived() {
        let mut clocked = Clocked::new("unreported");
        for _ in 0..5 {
            clocked.go();
        }
        clocked.advance(Duration::from_millis(2_999)); // held, on its way, and one period
        assert!(matches!(clocked.ask(), Verdict::Wait { .. }));
        clocked.advance(Duration::from_millis(1));
        clocked.go();
    }

    #[test]
    fn promise_27_a_clock_that_is_set_back_opens_no_gate_early_and_holds_no_place_longer() {
        let mut clocked = Clocked::new("clock");
        let id = clocked.go();
        let retry_after = Some(60 * SECOND);
        clocked.answered(id, Feedback { is_429: true, retry_after, ..Feedback::default() });
        clocked.set_back(500 * SECOND);
        assert!(clocked.is_closed());
        clocked.advance(59 * SECOND);
        assert!(clocked.is_closed());
        clocked.advance(2 * SECOND);
        for _ in 0..5 {
            clocked.go();
        }
        clocked.set_back(300 * SECOND);
        assert!(matches!(clocked.ask(), Verdict::Wait { .. }));
        clocked.advance(3 * SECOND + SECOND / 100);
        clocked.go();
    }

    #[test]
    fn promise_27_a_file_that_is_deleted_pauses_until_earlier_requests_no_longer_count() {
        let mut clocked = Clocked::new("deleted");
        for _ in 0..5 {
            clocked.go();
        }
        fs::remove_file(&clocked.file.path).unwrap();
        let question = clocked.question();
        assert!(clocked.file.ask(&question).unwrap_err().to_string().contains("deleted"));
        clocked.advance(Duration::from_millis(2_999));
        assert!(clocked.file.ask(&question).is_err());
        clocked.advance(Duration::from_millis(1));
        clocked.go();
    }

    #[test]
    fn promise_27_what_no_longer_matters_leaves_the_file() {
        let mut clocked = Clocked::new("bounded");
        for n in 0..50 {
            let question = Ask { tenant: format!("tenant {n}"), ..clocked.question() };
            clocked.file.ask(&question).unwrap();
        }
        clocked.advance(4 * SECOND);
        clocked.go();
        assert_eq!(clocked.file.read().unwrap().unwrap().tenants.len(), 1);
    }

    #[test]
    fn promise_27_a_lock_that_another_process_holds_is_an_error_and_not_a_hang() {
        let mut clocked = Clocked::new("locked");
        let lock = clocked.file.lock().unwrap();
        let question = clocked.question();
        assert!(clocked.file.ask(&question).unwrap_err().to_string().contains("locked"));
        drop(lock);
        clocked.file.ask(&question).unwrap();
    }
}
