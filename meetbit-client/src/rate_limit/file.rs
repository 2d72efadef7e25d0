//! A store in a file: one limit for all processes of a machine.

mod contents;
mod copies;
mod limit_file;
pub(crate) mod names;
mod questions;

use std::error::Error as StdError;
use std::path::{self, Path};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::error::Error;
use crate::rate_limit::config::RateLimit;
use crate::rate_limit::file::limit_file::LimitFile;
use crate::rate_limit::file::questions::Questions;
use crate::rate_limit::share::{self, Share};
use crate::rate_limit::shared::{Ask, BoxFuture, Report, SharedLimit, Verdict};

type BoxError = Box<dyn StdError + Send + Sync>;

/// One rate limit for all processes of a machine, in a file: for cron jobs, command-line tools, prefork servers and several
/// services. A `Retry-After` outlasts the process that received it, and a restart of the machine.
///
/// The file is text and contains hashes of access key ids and servers, but no id and no secret. On Unix only the owner can read
/// it, so all processes must run as the same user; on Windows it has the permissions of its directory. A sibling file with the
/// suffix `.lock` serves as the lock, and one with `.new` exists while the file is replaced. They stay small: state that no longer
/// matters is dropped.
///
/// A symbolic link to the file is the file. A file with a second hard link, or one that is mounted by itself into a container, is
/// refused, because the lock is beside one name only. Mount its directory.
///
/// Do not use a network file system, because its locks may not work and each machine has a clock of its own.
///
/// Needs the feature `shared-limit`.
///
/// # Failures
/// A file that is corrupt, has another version, or cannot be written is a failure of the store, and nothing is sent:
/// see [`ClientBuilder::shared_limit`](crate::ClientBuilder::shared_limit). To discard a corrupt file, delete it while no
/// process sends. If the file is deleted while processes use it, nothing is sent until the requests before that no longer
/// count. A crash of the machine in the middle of several writes can leave a corrupt file.
///
/// The file uses the system clock. If the clock is set back, no wait ends early, and none takes longer. If the clock is set
/// forward, waits end earlier by as much, because nothing in the file shows that.
#[derive(Clone, Debug)]
pub struct FileLimit {
    questions: Arc<Questions>,
    share: Option<Arc<Share>>,
}

impl FileLimit {
    /// Opens the file, or makes it. Its directory must exist, and this user must be able to write in it. It blocks the thread
    /// while other processes have the lock, so open the file when the program starts.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config), if the file cannot be read or written, is corrupt or has another version, or is locked
    /// for five seconds. The text names the path.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let since_1970 = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::with_clock(path.as_ref(), since_1970)
    }

    fn with_clock(path: &Path, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Result<Self, Error> {
        let path = path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let file = LimitFile::open(path, Box::new(clock)).map_err(|failure| {
            let message = failure.to_string();
            Error::config(message).with(|e| e.source(Arc::new(failure)))
        })?;
        Ok(Self { questions: Arc::new(Questions::new(file)), share: None })
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
}

impl SharedLimit for FileLimit {
    fn ask<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Verdict, BoxError>> {
        Box::pin(async move {
            let of_file = share::without_its_ticket(ask);
            let answer = self.questions.ask(move |file| file.ask(&of_file)).await;
            share::or_share(self.share.as_deref(), ask, answer)
        })
    }

    fn tell<'a>(&'a self, report: &'a Report) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            if let Some(share) = &self.share {
                share.tell(report);
            }
            let (report, told_at) = (report.clone(), Instant::now());
            self.questions.ask(move |file| file.tell(&report, told_at)).await.map_err(BoxError::from)
        })
    }
}

#[cfg(test)]
mod tests;
