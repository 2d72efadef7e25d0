//! The state that all connections share, and the steps of a request.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};

use super::access::{self, AccessKey};
use super::catalogue::{self, Catalogue};
use super::fault::Fault;
use super::limits::{Admission, Limits, Verdict};
use super::operation_error::OperationError;
use super::reply::{self, Reply};
use super::request::{Refusal, Request};
use super::request_log::{Entry, Received, RequestLog};
use super::resources::Resources;
use super::route::{BASE_PATH, Route, route};
use super::script::Script;
use crate::Endpoint;

pub(super) struct Server {
    keys: Vec<AccessKey>,
    limits: Mutex<Limits>,
    catalogue: Mutex<Catalogue>,
    script: Mutex<Script>,
    request_log: Mutex<RequestLog>,
    resources: Mutex<Resources>,
}

/// The head of a request, with its key and endpoint.
#[derive(Debug)]
pub(super) struct Exchange {
    entry: Entry,
    key: Option<usize>,
    admission: Admission,
    /// The endpoint that is called, if it was given to `serve`.
    served: Option<&'static Endpoint>,
    pub(super) fault: Option<Fault>,
}

impl Server {
    pub(super) fn new(keys: Vec<AccessKey>, limits: Limits) -> Self {
        Self {
            keys,
            limits: Mutex::new(limits),
            catalogue: Mutex::default(),
            script: Mutex::default(),
            request_log: Mutex::default(),
            resources: Mutex::new(Resources::seeded()),
        }
    }

    /// Counts a request, records it, and takes the fault for it from the queue.
    pub(super) fn arrive(&self, head: &Parts) -> Exchange {
        let path = operation_path(head);
        let key = access::identify(&self.keys, &head.headers);
        let (admission, at) = self.admit(key);
        let (endpoint, served) = {
            let catalogue = self.catalogue();
            (catalogue.named(&head.method, path), catalogue.served(&head.method, path))
        };
        let entry = self.request_log().add(Received {
            method: head.method.clone(),
            path: head.uri.path().into(),
            query: head.uri.query().map(Into::into),
            endpoint,
            headers: head.headers.clone(),
            body: Bytes::new(),
            complete: false,
            at,
            status: None,
        });
        let mut exchange = Exchange { entry, key, admission, served, fault: None };
        let is_denied = served.is_some() && self.admitted(&exchange, path).is_err();
        exchange.fault = self.script().take(&head.method, path, is_denied);
        exchange
    }

    /// Records the body, as far as it was read.
    pub(super) fn read(&self, exchange: &Exchange, body: Bytes, complete: bool) {
        self.request_log().body(exchange.entry, body, complete);
    }

    /// Performs the operation of a request, or replies why not.
    pub(super) fn act(&self, request: &Request, exchange: &Exchange) -> Reply {
        let mut reply = self.decide(request, exchange);
        reply::add_limits(&mut reply, &exchange.admission);
        reply
    }

    /// The reply to invalid HTTP. Without a readable head there is no exchange.
    pub(super) fn refuse(&self, exchange: Option<&Exchange>, Refusal(status, text): Refusal) -> Reply {
        let mut reply = reply::text(status, text);
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        reply.headers_mut().insert(CONTENT_LENGTH, text.len().into());
        let admission = exchange.map_or_else(|| self.admit(None).0, |exchange| exchange.admission);
        reply::add_limits(&mut reply, &admission);
        reply
    }

    /// Records a reply and starts the wait of a `429`. Must be called before any byte of the reply goes out.
    pub(super) fn replying(&self, exchange: &Exchange, reply: &Reply) {
        self.request_log().status(exchange.entry, reply.status());
        if let (Some(key), Some(seconds)) = (exchange.key, reply::wait_asked_for(reply)) {
            self.limits().hold(key, seconds, Instant::now());
        }
    }

    /// The same for a reply of bytes that may not be HTTP.
    pub(super) fn replying_raw(&self, exchange: &Exchange, bytes: &[u8]) {
        let status = bytes.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5));
        if let Some(status) = status.and_then(|status| StatusCode::from_bytes(status).ok()) {
            self.request_log().status(exchange.entry, status);
        }
    }

    /// The head of a reply whose body is generated while it is sent.
    pub(super) fn flood_head(&self, exchange: &Exchange, length: u64) -> Vec<u8> {
        let mut reply = Response::new(Bytes::new());
        reply.headers_mut().insert(CONTENT_LENGTH, length.into());
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        reply::add_limits(&mut reply, &exchange.admission);
        self.replying(exchange, &reply);
        reply::render(&reply, false)
    }

    pub(super) fn keys(&self) -> &[AccessKey] {
        &self.keys
    }

    pub(super) fn limits(&self) -> MutexGuard<'_, Limits> {
        lock(&self.limits)
    }

    pub(super) fn catalogue(&self) -> MutexGuard<'_, Catalogue> {
        lock(&self.catalogue)
    }

    pub(super) fn script(&self) -> MutexGuard<'_, Script> {
        lock(&self.script)
    }

    pub(super) fn request_log(&self) -> MutexGuard<'_, RequestLog> {
        lock(&self.request_log)
    }

    fn admit(&self, key: Option<usize>) -> (Admission, Instant) {
        let mut limits = self.limits();
        let now = Instant::now(); // read under the lock, so that arrivals are counted in order
        (limits.admit(key, now), now)
    }

    fn decide(&self, request: &Request, exchange: &Exchange) -> Reply {
        let key = match self.admitted(exchange, operation_path(&request.head)) {
            Ok(key) => key,
            Err(reply) => return *reply,
        };
        let (method, path) = (&request.head.method, request.head.uri.path());
        match route(method, path) {
            Route::NoSuchPath => reply::unscripted(method, path),
            Route::WrongMethod { allowed } => reply::wrong_method(reply::unscripted(method, path), &allowed),
            Route::Found(operation) if !key.permits(&operation.permission()) => reply::denied(),
            Route::Found(operation) => {
                lock(&self.resources).perform(operation, request, key).unwrap_or_else(OperationError::reply)
            }
        }
    }

    /// The key of a request; or the reply to a request without a key, too early, or without a served endpoint's permissions.
    fn admitted(&self, exchange: &Exchange, path: &str) -> Result<&AccessKey, Box<Reply>> {
        let key = exchange.key.and_then(|key| self.keys.get(key)).ok_or_else(reply::unauthenticated)?;
        match (exchange.admission.verdict, exchange.served) {
            (Verdict::Suspended, _) => Err(reply::suspended().into()),
            (Verdict::Wait(seconds), _) => Err(reply::too_many(seconds).into()),
            (Verdict::Pass, Some(endpoint)) if !catalogue::permits(key, endpoint, path) => Err(reply::denied().into()),
            (Verdict::Pass, _) => Ok(key),
        }
    }
}

/// The path relative to the base URL.
fn operation_path(head: &Parts) -> &str {
    head.uri.path().strip_prefix(BASE_PATH).unwrap_or(head.uri.path())
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive() // not the keys
    }
}

/// Ignores poisoning: after a panic the data is still valid.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
