//! The file, its lock, and the decisions over it.

use std::error::Error as StdError;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use fs4::{FileExt, TryLockError};

use crate::rate_limit::file::contents::Contents;
use crate::rate_limit::file::copies::{Change, Copies};
use crate::rate_limit::file::names::{has_another_name, without_links};
use crate::rate_limit::moment::{Moment, span};
use crate::rate_limit::shared::{Ask, Event, HOLD, Rate, Report, Verdict, ask, tell};
use crate::rate_limit::state::ASSUMED_DELIVERY;

/// The lock of the file must be free within this time. It is less than what a client waits for an answer.
const LOCK: Duration = Duration::from_millis(300);

/// A process that opens the file waits this long for the lock, because many may start at once, and none asks again.
const OPENING: Duration = Duration::from_secs(5);

/// A larger file could not be read in the time that an answer may take.
const LARGEST: u64 = 64 * 1024 * 1024;

/// The file. Its methods block.
pub(super) struct LimitFile {
    pub(super) path: PathBuf,
    pub(super) clock: Box<dyn Fn() -> Duration + Send + Sync>,
}

impl LimitFile {
    pub(super) fn open(path: PathBuf, clock: Box<dyn Fn() -> Duration + Send + Sync>) -> Result<Self, FileFailure> {
        let file = Self { path: without_links(path), clock };
        if has_another_name(&file.path) {
            return Err(file.failure(
                "has another name, because it has a hard link or is mounted by itself: processes that use different names do not \
                 share the limit; use one name, and mount the directory of the file",
            ));
        }
        let was_used = file.sibling(".lock").exists();
        let lock = file.lock_within(OPENING)?;
        // The first question makes a file that was lost, with a pause. One that did not exist before needs no pause.
        if !was_used || file.path.exists() {
            file.change_locked(&lock, Duration::ZERO, false, |_, _| ())?;
        }
        Ok(file)
    }

    pub(super) fn ask(&self, question: &Ask) -> Result<Verdict, FileFailure> {
        let verdict = self.change(pause(question.rate), false, |contents, now| {
            let now = Duration::from_micros(now);
            (now >= Duration::from_micros(contents.quiet_until)).then(|| {
                let state = contents.tenants.entry(question.tenant.clone()).or_default();
                ask(state, now, question)
            })
        })?;
        verdict.ok_or_else(|| self.failure("was deleted: nothing is sent while earlier requests may count"))
    }

    /// Takes a report of `told_at`. Until now it has waited for the lock, which does not make its request count for longer.
    pub(super) fn tell(&self, report: &Report, told_at: Instant) -> Result<(), FileFailure> {
        let closes = matches!(&report.event, Event::Answered { feedback, .. }
            if feedback.is_429 || feedback.remaining == Some(0));
        self.change(pause(report.rate), closes, |contents, now| {
            let state = contents.tenants.entry(report.tenant.clone()).or_default();
            tell(state, Duration::from_micros(now).saturating_sub(told_at.elapsed()), report);
        })
    }

    /// Reads the file, changes it and writes it, while no other process does. A file that does not exist is made, and nothing
    /// is sent for `pause`. `durable` waits until the change outlasts a crash of the machine.
    fn change<R>(
        &self,
        pause: Duration,
        durable: bool,
        f: impl FnOnce(&mut Contents, Moment) -> R,
    ) -> Result<R, FileFailure> {
        self.change_locked(&self.lock()?, pause, durable, f)
    }

    fn change_locked<R>(
        &self,
        _lock: &File,
        pause: Duration,
        durable: bool,
        f: impl FnOnce(&mut Contents, Moment) -> R,
    ) -> Result<R, FileFailure> {
        let old = self.read()?;
        let is_new = old.is_none();
        let mut copies = old.unwrap_or_default();
        let contents = &mut copies.contents;
        let now = contents.advance((self.clock)());
        if is_new {
            contents.quiet_until = now.saturating_add(span(pause));
        }
        let result = f(contents, now);
        contents.tenants.retain(|_, state| !state.drop_idle(Duration::from_micros(now)));
        self.write(&copies, durable).map_err(|error| self.io_failure("cannot be written", error))?;
        Ok(result)
    }

    /// Waits for the lock. It is free again when the result is dropped or the process ends.
    pub(super) fn lock(&self) -> Result<File, FileFailure> {
        self.lock_within(LOCK)
    }

    fn lock_within(&self, patience: Duration) -> Result<File, FileFailure> {
        let failure = |error| self.io_failure("cannot be locked", error);
        if fs::metadata(self.sibling(".lock")).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(self.failure("cannot be locked: its lock is not a file")); // opening a pipe could take forever
        }
        // It is opened each time, because a forked process would share a lock that is open.
        let file = owner_only(OpenOptions::new().create(true).truncate(false).write(true))
            .open(self.sibling(".lock"))
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => self.failure("cannot be made, because its directory does not exist"),
                _ => failure(error),
            })?;
        let started = Instant::now();
        loop {
            // std's method of the same name needs a newer compiler.
            match FileExt::try_lock(&file) {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(failure(error)),
                Err(TryLockError::WouldBlock) if started.elapsed() > patience => {
                    return Err(self.failure("is locked by another process for too long"));
                }
                // A blocking lock has no time limit. The thread is that of the questions, or one that opens the file.
                Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// `None` if there is no file.
    pub(super) fn read(&self) -> Result<Option<Copies>, FileFailure> {
        if fs::metadata(&self.path).is_ok_and(|metadata| !metadata.is_file() || metadata.len() > LARGEST) {
            return Err(self.failure("is not a file of a rate limit"));
        }
        match fs::read(&self.path) {
            Ok(text) => Copies::parse(&text).map(Some).map_err(|problem| self.failure(problem.to_string())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.io_failure("cannot be read", error)),
        }
    }

    fn write(&self, copies: &Copies, durable: bool) -> io::Result<()> {
        let text = match copies.change(durable)? {
            Change::Line(start, line) => return self.write_line(start, &line),
            Change::File(text) => text,
        };
        match (self.replace(&text), self.path.parent()) {
            (Ok(()), Some(directory)) if cfg!(unix) => File::open(directory)?.sync_all(),
            // There is no room for another file, or this user may make none. Questions could still write their lines, so they
            // must find what closes the gate.
            (Err(error), _) if durable => match copies.change(false)? {
                Change::Line(start, line) => self.write_line(start, &line),
                Change::File(_) => Err(error),
            },
            (replaced, _) => replaced,
        }
    }

    fn write_line(&self, start: usize, line: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(&self.path)?;
        file.seek(SeekFrom::Start(start as u64))?;
        file.write_all(line.as_bytes())
    }

    /// Writes another file and renames it, so that the file is never half written and outlasts a crash of the machine. If it
    /// fails, the file is as it was.
    fn replace(&self, text: &str) -> io::Result<()> {
        let new = self.sibling(".new");
        let mut file = owner_only(OpenOptions::new().create(true).truncate(true).write(true)).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        drop(file);
        fs::rename(&new, &self.path)
    }

    fn sibling(&self, suffix: &str) -> PathBuf {
        let mut path = OsString::from(&self.path);
        path.push(suffix);
        path.into()
    }

    pub(super) fn failure(&self, problem: impl Into<String>) -> FileFailure {
        FileFailure { path: self.path.clone(), problem: problem.into(), source: None }
    }

    fn io_failure(&self, problem: &str, error: io::Error) -> FileFailure {
        FileFailure { source: Some(error), ..self.failure(problem) }
    }
}

/// A request that was granted before now no longer counts after this.
fn pause(rate: Rate) -> Duration {
    (HOLD + Duration::from_micros(ASSUMED_DELIVERY)).saturating_add(rate.period)
}

/// A file that these options make belongs to this user only.
fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Why the file cannot be used.
#[derive(Debug)]
pub(super) struct FileFailure {
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
