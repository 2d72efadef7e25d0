//! One call that may be sent: writes the intent before a request departs, and the end before the call returns.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::{Instant, timeout_at};

use crate::client::call::with_redactor;
use crate::client::execute::execute;
use crate::client::prepared::Prepared;
use crate::error::redact::KEPT;
use crate::error::{Error, ErrorKind, Outcome};
use crate::journal::failure::StoreFailure;
use crate::journal::record::{MARGIN, Record, Request, State, StoredReply};
use crate::journal::records::Key;
use crate::journal::secrets::Secrets;
use crate::response::decode::Reply;
use crate::transport::error::TransportError;
use crate::transport::intent::Intent;

/// A write that begins at the end of a call may take this long.
const LAST_WRITE: Duration = Duration::from_millis(40);

/// A call that may be sent.
pub(crate) struct Session {
    key: Arc<Key>,
    call: Arc<Prepared>,
    request: Request,
    since: Timestamp,
    /// The end of the call's time.
    deadline: Instant,
    progress: Mutex<Progress>,
    /// One write at a time, because middleware can send several requests at once, and each write expects the tag of the last.
    writing: AsyncMutex<()>,
}

#[derive(Debug)]
struct Progress {
    /// The tags that the entry may have, the likeliest first. A write without an answer leaves several.
    tags: Vec<Option<i64>>,
    /// Until when requests may depart, if the journal says that one is under way.
    depart_by: Option<Timestamp>,
    /// The number of requests that have begun and may have been processed, or may depart. Middleware can send several at once,
    /// and keep them.
    requests: usize,
    /// True if an earlier attempt of an idempotent call may have been processed.
    may_have_acted: bool,
    /// True if another call has taken the key.
    is_lost: bool,
    /// True if the end is recorded, or is being recorded.
    has_ended: bool,
}

impl Progress {
    /// True if the journal says that a request is under way, or may say so.
    fn is_touched(&self) -> bool {
        self.depart_by.is_some() || self.tags.len() > 1
    }

    /// A request must not depart after the end of the call is recorded, or after another call has taken the key. Middleware can
    /// try that with a request that it keeps.
    fn may_begin(&self) -> Result<(), TransportError> {
        match (self.is_lost, self.has_ended) {
            (true, _) => Err(TransportError::journal("another call has the same key".into(), None)),
            (_, true) => Err(TransportError::journal("the call has ended already".into(), None)),
            (false, false) => Ok(()),
        }
    }

    /// True if no request can have been processed.
    fn is_harmless(&self) -> bool {
        self.requests == 0 && !self.may_have_acted
    }
}

impl Session {
    pub(crate) fn new(
        key: Arc<Key>,
        call: Arc<Prepared>,
        request: Request,
        since: Timestamp,
        deadline: Instant,
        replaces: Option<i64>,
    ) -> Self {
        let progress = Progress {
            tags: vec![replaces],
            depart_by: None,
            requests: 0,
            may_have_acted: false,
            is_lost: false,
            has_ended: false,
        };
        let (progress, writing) = (Mutex::new(progress), AsyncMutex::default());
        Self { key, call, request, since, deadline, progress, writing }
    }

    /// Sends the call and records its end. `None` if another call has taken the key before this one was sent.
    pub(crate) async fn send(self: &Arc<Self>) -> Option<Result<Reply, Error>> {
        let guard = Guard(self.clone());
        let mut call = self.call.clone();
        Arc::make_mut(&mut call).timeout = Some(self.deadline.saturating_duration_since(Instant::now()));
        let result = execute(call, Some(self.clone())).await;
        let is_other = |progress: &Progress| progress.is_lost && progress.is_harmless();
        if result.is_err() && is_other(&self.progress()) {
            return None;
        }
        let result = self.finish(result).await;
        drop(guard);
        Some(result)
    }

    /// Records the end before the call returns.
    async fn finish(self: &Arc<Self>, result: Result<Reply, Error>) -> Result<Reply, Error> {
        let Some(end) = self.end(&result) else { return result };
        let Err(failure) = self.write_last(end).await else { return result };
        Err(match result {
            Ok(reply) => unrecorded(&self.call, &reply, failure),
            Err(error) => {
                let message = format!("{}; and the journal cannot record it: {failure}", error.message());
                error.with(|e| e.message(message))
            }
        })
    }

    /// The state in which the call leaves its record. `None` if it has no record yet, and needs none.
    fn end(&self, result: &Result<Reply, Error>) -> Option<State> {
        let (is_touched, is_harmless) = {
            let mut progress = self.progress();
            progress.has_ended = true;
            (progress.is_touched(), progress.is_harmless())
        };
        let in_doubt = |reason: &str, is_done| State::InDoubt { reason: reason.to_owned(), is_done };
        Some(match result {
            Ok(reply) if !is_readable(reply, self.call.is_raw) => in_doubt("the reply was a success but no JSON", true),
            Ok(reply) => self.done(reply),
            Err(error) => match error.outcome() {
                Outcome::NotSent | Outcome::Rejected if !is_harmless => {
                    in_doubt("another request of the call may have been processed", false)
                }
                Outcome::NotSent | Outcome::Rejected if !is_touched => return None,
                Outcome::NotSent => State::NotSent,
                Outcome::Rejected => State::Rejected,
                outcome => in_doubt(&reason(error), outcome == Outcome::Done),
            },
        })
    }

    fn done(&self, reply: &Reply) -> State {
        let secrets = self.secrets();
        let headers = secrets.remove_from_headers(&reply.headers);
        State::Done(StoredReply::new(reply.status, &headers, secrets.remove_from_body(&reply.body)))
    }

    /// Writes the end. The write goes on if the time of the call ends first. If it fails, this process remembers the end.
    async fn write_last(self: &Arc<Self>, end: State) -> Result<(), StoreFailure> {
        let (session, state) = (self.clone(), end.clone());
        let writing = tokio::spawn(async move { session.write_end(state).await });
        let limit = self.deadline.max(Instant::now() + LAST_WRITE);
        let written = match timeout_at(limit, writing).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(StoreFailure::new("the runtime ends")),
            Err(_) => Err(StoreFailure::timeout()),
        };
        written.inspect_err(|failure| {
            let tags = self.progress().tags.iter().copied().flatten().collect();
            self.key.records.remember(&self.key.name, tags, end.unwritten(failure));
        })
    }

    /// Writes the end. If somebody has resolved the record meanwhile, a reply replaces that, because it is the fact.
    async fn write_end(&self, end: State) -> Result<(), StoreFailure> {
        let _one_at_a_time = self.writing.lock().await;
        let is_done = matches!(end, State::Done(_));
        if self.write(end.clone()).await? || !is_done {
            return Ok(());
        }
        let Some((tag, known)) = self.key.records.get(&self.key.name).await? else { return Ok(()) }; // it was forgotten
        let may_replace = known.request == self.request
            && matches!(known.state, State::NotSent | State::Rejected | State::InDoubt { .. });
        if may_replace {
            self.progress().tags = vec![Some(tag)];
            self.write(end).await?;
        }
        Ok(())
    }

    /// Writes the record in this state. False if the entry is not this call's any more.
    async fn write(&self, state: State) -> Result<bool, StoreFailure> {
        let tag = random();
        let entry = self.record(state).entry(tag, Timestamp::now()).map_err(StoreFailure::new)?;
        let expected = self.progress().tags.clone();
        self.progress().tags.insert(0, Some(tag));
        // A write whose answer was lost may become visible between two questions, so several tags are asked twice.
        let rounds = if expected.len() > 1 { 2 } else { 1 };
        for expected in expected.repeat(rounds) {
            if self.key.records.swap(&self.key.name, expected, Some(&entry)).await? {
                self.progress().tags = vec![Some(tag)];
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn record(&self, state: State) -> Record {
        let body = (!state.is_finished()).then(|| self.secrets().remove_from_body(&self.call.parts.body));
        Record { request: self.request.clone(), body, since: self.since, state }
    }

    fn secrets(&self) -> Secrets {
        Secrets(self.call.client.0.keys.secrets())
    }

    /// Writes that a request is under way until its time is over, and returns until when it may depart. Middleware can send
    /// several in one attempt.
    async fn begin_until(&self, limit: Instant) -> Result<Timestamp, TransportError> {
        self.progress().requests += 1; // `settled` takes it back
        let turn = timeout_at(limit, self.writing.lock()).await;
        let _one_at_a_time = turn.map_err(|_| not_written(StoreFailure::timeout()))?;
        let left = limit.saturating_duration_since(Instant::now());
        let end = Timestamp::now().saturating_add(left).unwrap_or(Timestamp::MAX);
        let until = end.saturating_add(MARGIN).unwrap_or(Timestamp::MAX);
        {
            let progress = self.progress();
            progress.may_begin()?;
            let is_certain = progress.tags.len() == 1;
            if let Some(known) = progress.depart_by.filter(|known| is_certain && end <= *known) {
                return Ok(known);
            }
        }
        let written = timeout_at(limit, self.write(State::UnderWay { until })).await;
        let is_written = written.unwrap_or_else(|_| Err(StoreFailure::timeout())).map_err(not_written)?;
        let mut progress = self.progress();
        if is_written {
            progress.depart_by = Some(end);
        } else {
            progress.is_lost = true;
        }
        progress.may_begin().map(|()| end)
    }

    /// Records that nothing has happened, while the call waits for its next permit, if no more than `requests` have begun. If the
    /// write fails, nobody knows what the journal says, so the next request writes again before it departs.
    async fn pause(&self, state: State, requests: usize) {
        let Ok(_one_at_a_time) = timeout_at(self.deadline, self.writing.lock()).await else { return };
        {
            let mut progress = self.progress();
            let is_needless = !progress.is_touched() || progress.has_ended;
            if is_needless || progress.may_have_acted || progress.requests > requests {
                return;
            }
            progress.depart_by = None;
        }
        if let Ok(Ok(false)) = timeout_at(self.deadline, self.write(state)).await {
            self.progress().is_lost = true;
        }
    }

    /// The call was dropped. Its end is recorded in the background, if the runtime still runs.
    fn abandon(self: &Arc<Self>) {
        let end = {
            let mut progress = self.progress();
            if progress.has_ended || progress.is_lost || !progress.is_touched() {
                return;
            }
            progress.has_ended = true;
            if progress.is_harmless() {
                State::NotSent
            } else {
                State::InDoubt { reason: "the call was dropped before its reply".to_owned(), is_done: false }
            }
        };
        let session = self.clone();
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { session.write_last(end).await });
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intent for Session {
    fn begin(&self, limit: Instant) -> Pin<Box<dyn Future<Output = Result<Timestamp, TransportError>> + Send + '_>> {
        Box::pin(self.begin_until(limit))
    }

    fn settled(&self) {
        let mut progress = self.progress();
        progress.requests = progress.requests.saturating_sub(1);
    }

    fn requeue(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.pause(State::NotSent, 1))
    }

    fn suspend(&self, outcome: Outcome) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let state = match outcome {
                Outcome::Rejected => State::Rejected,
                Outcome::NotSent => State::NotSent,
                Outcome::Unknown | Outcome::Done => {
                    self.progress().may_have_acted = true; // an idempotent request is repeated
                    return;
                }
            };
            self.pause(state, 0).await;
        })
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("key", &self.key.name).finish_non_exhaustive()
    }
}

/// Records the end of a call that is dropped.
struct Guard(Arc<Session>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// True if a success can be the reply of the call. A page of a proxy cannot be.
fn is_readable(reply: &Reply, is_raw: bool) -> bool {
    let text = reply.body.trim_ascii();
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    is_raw
        || text.is_empty()
        || reply.status == http::StatusCode::ACCEPTED
        || serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}

fn not_written(failure: StoreFailure) -> TransportError {
    let message = format!("nothing was sent, because the journal cannot be written: {failure}");
    TransportError::journal(message, Some(Arc::new(failure)))
}

/// Why a call that failed is in doubt.
fn reason(error: &Error) -> String {
    match error.status() {
        Some(status) => format!("{} ({})", error.message(), status.as_u16()),
        None => error.message().to_owned(),
    }
}

/// The error of a call that was answered with a success that the journal cannot record.
fn unrecorded(call: &Prepared, reply: &Reply, failure: StoreFailure) -> Error {
    let text = String::from_utf8_lossy(&reply.body);
    let (body, headers) = with_redactor(reply, call, |r| (r.shown(&text, KEPT), r.headers(&reply.headers)));
    let message = format!("the reply arrived, but the journal cannot record it, so the key is in doubt: {failure}");
    Error::new(ErrorKind::Journal, message).with(|e| {
        e.outcome(Outcome::Done)
            .endpoint(call.parts.endpoint)
            .status(reply.status)
            .headers(headers)
            .body(body)
            .attempts(reply.attempts)
            .source(Arc::new(failure))
    })
}

pub(crate) fn random() -> i64 {
    i64::from_ne_bytes(RandomState::new().hash_one(std::process::id()).to_ne_bytes())
}
