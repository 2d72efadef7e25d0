//! A thread that owns the connection to a database.
//!
//! A journal is used from several runtimes, and outlives them. So its connection has a thread with a runtime of its own. Questions
//! that arrive while a transaction is being synced share the next one, because a sync costs more than all the rest.

use std::fmt;
use std::future::Future;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use crate::journal::store::{BoxError, BoxFuture, Entry, Store};

/// The most questions of one transaction.
const BATCH: usize = 128;
/// The most entries that one transaction purges, because others wait for it.
pub(crate) const PURGED_AT_ONCE: i64 = 1_000;
/// A database that is locked or out of reach is asked again for this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// A question to a database.
#[derive(Clone, Debug)]
pub(crate) enum Question {
    Get {
        key: String,
    },
    Swap {
        key: String,
        expected: Option<i64>,
        new: Option<Entry>,
    },
    Unfinished,
    /// Purges at most [`PURGED_AT_ONCE`] entries.
    Purge {
        before: i64,
    },
}

impl Question {
    pub(crate) fn is_change(&self) -> bool {
        matches!(self, Self::Swap { .. } | Self::Purge { .. })
    }

    pub(crate) fn key(&self) -> Option<&str> {
        match self {
            Self::Get { key } | Self::Swap { key, .. } => Some(key),
            Self::Unfinished | Self::Purge { .. } => None,
        }
    }
}

#[derive(Debug)]
pub(crate) enum Answer {
    Entry(Option<Entry>),
    Swapped(bool),
    Entries(Vec<(String, Entry)>),
    Purged(u64),
}

/// A database answers questions.
pub(crate) trait Database: Send {
    /// Answers all questions in one transaction, in their order. The changes are durable when it returns.
    fn answer(&mut self, questions: &[Question]) -> impl Future<Output = Result<Vec<Answer>, Failure>> + Send;
}

/// Why a database gave no answer.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: BoxError,
    /// The pause before it is asked again, if it may answer soon: it is locked or out of reach.
    pub(crate) retry_after: Option<Duration>,
}

struct Job {
    question: Question,
    answer: oneshot::Sender<Result<Answer, BoxError>>,
}

/// A database in a thread of its own. The thread ends when this is dropped.
pub(crate) struct Worker {
    jobs: mpsc::UnboundedSender<Job>,
}

impl Worker {
    /// Opens a database and starts its thread.
    pub(crate) async fn start<D: Database, F>(open: impl FnOnce() -> F + Send + 'static) -> Result<Self, BoxError>
    where
        F: Future<Output = Result<D, BoxError>>,
    {
        let (jobs, queue) = mpsc::unbounded_channel();
        let (opened, is_open) = oneshot::channel();
        let work = move || {
            let runtime = match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(opened.send(Err(BoxError::from(error)))),
            };
            runtime.block_on(async move {
                match open().await {
                    Ok(database) => {
                        let _nobody_waits = opened.send(Ok(()));
                        run(database, queue).await;
                    }
                    Err(error) => drop(opened.send(Err(error))),
                }
            });
        };
        thread::Builder::new().name("meetbit-journal".to_owned()).spawn(work)?;
        is_open.await.unwrap_or_else(|_| Err("the thread of the journal has ended".into()))?;
        Ok(Self { jobs })
    }

    async fn ask(&self, question: Question) -> Result<Answer, BoxError> {
        let (answer, answered) = oneshot::channel();
        let gone = || BoxError::from("the thread of the journal has ended");
        self.jobs.send(Job { question, answer }).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

async fn run(mut database: impl Database, mut queue: mpsc::UnboundedReceiver<Job>) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        let (changes, reads) = batch.drain(..).partition(|job: &Job| job.question.is_change());
        serve(&mut database, reads).await; // they need no lock, for which changes may wait
        serve(&mut database, changes).await;
    }
}

/// Answers the questions whose callers still wait, as soon as the database can.
async fn serve(database: &mut impl Database, mut jobs: Vec<Job>) {
    // Two processes that lock rows in the same order cannot wait for each other. Questions about one key keep their order.
    jobs.sort_by(|a, b| a.question.key().cmp(&b.question.key()));
    let started = Instant::now();
    loop {
        jobs.retain(|job| !job.answer.is_closed());
        if jobs.is_empty() {
            return;
        }
        let questions: Vec<Question> = jobs.iter().map(|job| job.question.clone()).collect();
        let Failure { error, retry_after } = match database.answer(&questions).await {
            Ok(answers) => return tell(jobs, answers.into_iter().map(Ok)),
            Err(failure) => failure,
        };
        match retry_after {
            Some(pause) if started.elapsed() < PATIENCE => sleep(pause).await,
            // One bad question, such as a key that the database refuses, must not fail the others.
            None if jobs.len() > 1 => {
                for job in jobs {
                    Box::pin(serve(database, vec![job])).await;
                }
                return;
            }
            _ => {
                let text = error.to_string();
                return tell(jobs, std::iter::repeat_with(|| Err(text.clone().into())));
            }
        }
    }
}

/// Gives each job its answer.
fn tell(jobs: Vec<Job>, answers: impl Iterator<Item = Result<Answer, BoxError>>) {
    for (job, answer) in jobs.into_iter().zip(answers) {
        let _nobody_waits = job.answer.send(answer);
    }
}

impl Store for Worker {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Entry>, BoxError>> {
        Box::pin(async move {
            match self.ask(Question::Get { key: key.to_owned() }).await? {
                Answer::Entry(entry) => Ok(entry),
                other => Err(unexpected(&other)),
            }
        })
    }

    fn swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<i64>,
        new: Option<&'a Entry>,
    ) -> BoxFuture<'a, Result<bool, BoxError>> {
        Box::pin(async move {
            match self.ask(Question::Swap { key: key.to_owned(), expected, new: new.cloned() }).await? {
                Answer::Swapped(done) => Ok(done),
                other => Err(unexpected(&other)),
            }
        })
    }

    fn unfinished(&self) -> BoxFuture<'_, Result<Vec<(String, Entry)>, BoxError>> {
        Box::pin(async move {
            match self.ask(Question::Unfinished).await? {
                Answer::Entries(entries) => Ok(entries),
                other => Err(unexpected(&other)),
            }
        })
    }

    fn purge(&self, before: i64) -> BoxFuture<'_, Result<u64, BoxError>> {
        Box::pin(async move {
            let mut purged = 0;
            loop {
                match self.ask(Question::Purge { before }).await? {
                    Answer::Purged(0) => return Ok(purged),
                    Answer::Purged(number) => purged += number,
                    other => return Err(unexpected(&other)),
                }
            }
        })
    }
}

fn unexpected(answer: &Answer) -> BoxError {
    format!("the store gave another answer than it was asked for: {answer:?}").into()
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Worker")
    }
}
