//! One call under a key: looks up what is known, sends if it may, and records the end.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::{Instant, sleep, timeout_at};

use crate::client::call::with_redactor;
use crate::client::execute::execute;
use crate::client::prepared::{Once, Prepared};
use crate::error::redact::{KEPT, Redactor};
use crate::error::{Error, ErrorKind, Outcome};
use crate::journal::failure::{StoreFailure, in_doubt, other_request, still_under_way};
use crate::journal::record::{Body, Decision, MARGIN, Record, Request, State, StoredReply, decide};
use crate::journal::store::Store;
use crate::rate_limit::moment::after;
use crate::response::decode::Reply;
use crate::transport::error::TransportError;
use crate::transport::intent::Intent;

/// The pauses between looks at a call that is under way elsewhere.
const PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// A write that begins at the end of a call may take this long.
const LAST_WRITE: Duration = Duration::from_millis(40);

/// A key in a journal, for one call.
pub(crate) struct Key {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) key: Box<str>,
}

impl Once for Key {
    fn execute(self: Arc<Self>, call: Arc<Prepared>) -> Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send>> {
        Box::pin(async move {
            let endpoint = call.parts.endpoint;
            self.run(call).await.map_err(|error| match error.endpoint() {
                Some(_) => error,
                None => error.with(|e| e.endpoint(endpoint)),
            })
        })
    }
}

impl Key {
    async fn run(self: Arc<Self>, call: Arc<Prepared>) -> Result<Reply, Error> {
        let deadline = after(Instant::now(), call.timeout());
        let (request, body) = request(&call);
        let mut pause = PAUSE;
        loop {
            let failed =
                |failure: StoreFailure| failure.into_error("nothing was sent, because the journal cannot be read");
            let known = self.load(deadline).await.map_err(failed)?;
            match decide(known, &request.fingerprint, Timestamp::now()) {
                Decision::Replay(reply) => return Ok(reply.reply()),
                Decision::InDoubt { since, reason, outcome } => {
                    return Err(in_doubt(&self.key, since, &reason, outcome));
                }
                Decision::OtherRequest { endpoint } => return Err(other_request(&self.key, &endpoint)),
                Decision::Wait => {
                    if Instant::now() + pause >= deadline {
                        return Err(still_under_way(&self.key));
                    }
                    sleep(pause).await;
                    pause = (2 * pause).min(LONGEST_PAUSE);
                }
                Decision::Send { replaces, since } => {
                    let since = since.unwrap_or_else(Timestamp::now);
                    let state = State::NotSent; // until it begins
                    let record = Record { request: request.clone(), body: Some(body.clone()), since, state };
                    let session = Arc::new(Session::new(self.clone(), record, deadline, replaces));
                    if let Some(result) = session.send(&call).await {
                        return result;
                    }
                }
            }
        }
    }

    async fn load(&self, deadline: Instant) -> Result<Option<(i64, Record)>, StoreFailure> {
        let answer = timeout_at(deadline, self.store.get(&self.key)).await.map_err(|_| StoreFailure::timeout())?;
        let entry = answer.map_err(StoreFailure::new)?;
        entry.map(|entry| Ok((entry.tag, Record::read(&entry).map_err(|error| unreadable(&error))?))).transpose()
    }
}

pub(crate) fn unreadable(error: &serde_json::Error) -> StoreFailure {
    StoreFailure::new(format!("the record is corrupt or of another version ({error})"))
}

/// What identifies the request of a call, and its body without the secret.
fn request(call: &Prepared) -> (Request, Body) {
    let (endpoint, url) = (call.parts.endpoint, call.parts.url(&call.client.0.base_url));
    let mut hash = Sha256::new();
    for part in [endpoint.name().as_bytes(), endpoint.method().as_str().as_bytes(), url.as_str().as_bytes()] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.update(&call.parts.body);
    let fingerprint = base16ct::lower::encode_string(&hash.finalize());
    let key = call.client.0.keys.last();
    let body = stored(&call.parts.body, Redactor::new(key.secret()));
    let request = Request { fingerprint, endpoint: format!("{} ({endpoint})", endpoint.name()), is_raw: call.is_raw };
    (request, body)
}

/// A body as it is kept: without the secret.
fn stored(body: &[u8], redactor: Redactor<'_>) -> Body {
    let text = String::from_utf8_lossy(body);
    match redactor.redacted(&text) {
        std::borrow::Cow::Borrowed(_) => Body::new(body),
        std::borrow::Cow::Owned(redacted) => Body::Text(redacted),
    }
}

/// A call that may be sent.
struct Session {
    key: Arc<Key>,
    record: Record,
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
    /// Until when the journal says that a request is under way, if it does.
    under_way_until: Option<Timestamp>,
    /// The number of requests that have begun and may have departed. Middleware can send several at once.
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
        self.under_way_until.is_some() || self.tags.len() > 1
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
    fn new(key: Arc<Key>, record: Record, deadline: Instant, replaces: Option<i64>) -> Self {
        let progress = Progress {
            tags: vec![replaces],
            under_way_until: None,
            requests: 0,
            may_have_acted: false,
            is_lost: false,
            has_ended: false,
        };
        Self { key, record, deadline, progress: Mutex::new(progress), writing: AsyncMutex::default() }
    }

    /// Sends the call and records its end. `None` if another call has taken the key before this one was sent.
    async fn send(self: &Arc<Self>, call: &Arc<Prepared>) -> Option<Result<Reply, Error>> {
        let guard = Guard(self.clone());
        let mut call = call.clone();
        Arc::make_mut(&mut call).timeout = Some(self.deadline.saturating_duration_since(Instant::now()));
        let result = execute(call.clone(), Some(self.clone())).await;
        let is_other = |progress: &Progress| progress.is_lost && progress.is_harmless();
        if result.is_err() && is_other(&self.progress()) {
            return None;
        }
        let result = self.finish(&call, result).await;
        drop(guard);
        Some(result)
    }

    /// Records the end before the call returns.
    async fn finish(self: &Arc<Self>, call: &Prepared, result: Result<Reply, Error>) -> Result<Reply, Error> {
        let (is_touched, may_have_acted) = {
            let mut progress = self.progress();
            progress.has_ended = true;
            (progress.is_touched(), progress.may_have_acted)
        };
        let end = match &result {
            Ok(reply) if !is_readable(reply, call.is_raw) => {
                State::InDoubt { reason: "the reply was a success but no JSON".to_owned(), is_done: true }
            }
            Ok(reply) => {
                let kept = |redactor: Redactor<'_>| (redactor.headers(&reply.headers), stored(&reply.body, redactor));
                let (headers, body) = with_redactor(reply, call, kept);
                State::Done(StoredReply::new(reply.status, &headers, body))
            }
            Err(error) => match error.outcome() {
                Outcome::NotSent | Outcome::Rejected if may_have_acted => {
                    State::InDoubt { reason: "an earlier attempt may have been processed".to_owned(), is_done: false }
                }
                Outcome::NotSent | Outcome::Rejected if !is_touched => return result,
                Outcome::NotSent => State::NotSent,
                Outcome::Rejected => State::Rejected,
                outcome => State::InDoubt { reason: reason(error), is_done: outcome == Outcome::Done },
            },
        };
        let Err(failure) = self.write_last(end).await else { return result };
        Err(match result {
            Ok(reply) => unrecorded(call, &reply, failure),
            Err(error) => {
                let message = format!("{}; and the journal cannot record it: {failure}", error.message());
                error.with(|e| e.message(message))
            }
        })
    }

    /// Writes the end. The write goes on if the time of the call ends first.
    async fn write_last(self: &Arc<Self>, end: State) -> Result<(), StoreFailure> {
        let session = self.clone();
        let writing = tokio::spawn(async move { session.write_end(end).await });
        let limit = self.deadline.max(Instant::now() + LAST_WRITE);
        match timeout_at(limit, writing).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(StoreFailure::new("the runtime ends")),
            Err(_) => Err(StoreFailure::timeout()),
        }
    }

    /// Writes the end. If somebody has resolved the record meanwhile, a reply is still better than what they could know.
    async fn write_end(&self, end: State) -> Result<(), StoreFailure> {
        let _one_at_a_time = self.writing.lock().await;
        let is_done = matches!(end, State::Done(_));
        if self.write(end.clone()).await? || !is_done {
            return Ok(());
        }
        let entry = self.key.store.get(&self.key.key).await.map_err(StoreFailure::new)?;
        let Some(entry) = entry else { return Ok(()) }; // it was forgotten
        let known = Record::read(&entry).map_err(|error| unreadable(&error))?;
        let may_replace = known.request == self.record.request
            && matches!(known.state, State::NotSent | State::Rejected | State::InDoubt { .. });
        if may_replace {
            self.progress().tags = vec![Some(entry.tag)];
            self.write(end).await?;
        }
        Ok(())
    }

    /// Writes the record in this state. False if the entry is not this call's any more.
    async fn write(&self, state: State) -> Result<bool, StoreFailure> {
        let tag = random();
        let record = self.record.clone().with_state(state);
        let entry = record.entry(tag, Timestamp::now()).map_err(StoreFailure::new)?;
        let expected = self.progress().tags.clone();
        self.progress().tags.insert(0, Some(tag));
        for expected in expected {
            if self.key.store.swap(&self.key.key, expected, Some(&entry)).await.map_err(StoreFailure::new)? {
                self.progress().tags = vec![Some(tag)];
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Writes that a request is under way until its time is over. Middleware can send several in one attempt.
    async fn begin_until(&self, limit: Instant) -> Result<(), TransportError> {
        self.progress().requests += 1; // `kept_back` takes it back if the request does not depart
        let turn = timeout_at(limit, self.writing.lock()).await;
        let _one_at_a_time = turn.map_err(|_| not_written(StoreFailure::timeout()))?;
        let left = limit.saturating_duration_since(Instant::now());
        let end = Timestamp::now().saturating_add(left).unwrap_or(Timestamp::MAX);
        let until = end.saturating_add(MARGIN).unwrap_or(Timestamp::MAX);
        {
            let progress = self.progress();
            progress.may_begin()?;
            let is_certain = progress.tags.len() == 1;
            if is_certain && progress.under_way_until.is_some_and(|known| until <= known) {
                return Ok(());
            }
        }
        match timeout_at(limit, self.write(State::UnderWay { until })).await {
            Ok(Ok(true)) => {
                self.progress().under_way_until = Some(until);
                if Timestamp::now() > end {
                    return Err(TransportError::timeout()); // the machine was suspended
                }
                self.progress().may_begin()
            }
            Ok(Ok(false)) => {
                self.progress().is_lost = true;
                self.progress().may_begin()
            }
            Ok(Err(failure)) => Err(not_written(failure)),
            Err(_) => Err(not_written(StoreFailure::timeout())),
        }
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
            progress.under_way_until = None;
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
            runtime.spawn(async move { session.write_end(end).await });
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intent for Session {
    fn begin(&self, limit: Instant) -> Pin<Box<dyn Future<Output = Result<(), TransportError>> + Send + '_>> {
        Box::pin(self.begin_until(limit))
    }

    fn kept_back(&self) {
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
            self.pause(state, usize::MAX).await;
            self.progress().requests = 0;
        })
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("key", &self.key.key).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("key", &self.key).finish_non_exhaustive()
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
