pub(crate) mod redact;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::endpoint::Endpoint;

use crate::request::checks::ValidationError;

/// What went wrong, in one opaque type with questions you can ask it.
///
/// [`kind`](Self::kind) says what to do about it, [`outcome`](Self::outcome) whether the server may have acted. The
/// text names the endpoint and the way out; it holds no secret, and for a reply that could not be read no value of it.
/// Cheap to move and to clone.
#[derive(Clone)]
pub struct Error(Arc<Facts>);

#[derive(Clone)]
struct Facts {
    kind: ErrorKind,
    outcome: Outcome,
    message: Cow<'static, str>,
    endpoint: Option<&'static Endpoint>,
    status: Option<StatusCode>,
    retry_after: Option<Duration>,
    validation: Option<ValidationError>,
    body: Option<String>,
    attempts: u32,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// What kind of failure an [`Error`] is.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The client is set up wrongly; nothing was sent.
    Config,
    /// The request cannot be made: a body that does not serialize, a hostile path argument, an illegal header.
    InvalidRequest,
    /// The request is not valid: see [`Error::validation`]. The server said so, or the client before sending it.
    Validation,
    /// The access key is missing, wrong or suspended.
    Unauthenticated,
    /// The role of the access key lacks a permission.
    PermissionDenied,
    /// There is no such object.
    NotFound,
    /// The status of the object forbids the change.
    Conflict,
    /// Too many requests: see [`Error::retry_after`].
    RateLimited,
    /// The server, or something between, failed.
    Server,
    /// A status that the API does not document, a redirect among them.
    UnexpectedStatus,
    /// The server answered `2xx` with a reply that cannot be read.
    Decode,
    /// The reply is larger than the client accepts.
    TooLarge,
    /// A time limit ran out.
    Timeout,
    /// No connection could be made.
    Connect,
    /// The connection broke.
    Network,
}

/// Whether the server may have acted: what to know before sending the same request again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The server did nothing: the request did not reach it.
    NotSent,
    /// It refused the request with a `4xx`.
    Rejected,
    /// It may have acted: a time-out, a broken connection, a `5xx`, a redirect.
    Unknown,
    /// It answered `2xx`, but the reply cannot be used.
    Done,
}

impl Error {
    /// An error of one's own, for fakes and for what a library checks before a call.
    ///
    /// Its outcome is what such a failure usually means: `NotSent` for `Config`, `InvalidRequest`, `Validation` and
    /// `Connect`; `Rejected` for the kinds that stand for a `4xx`; `Done` for `Decode` and `TooLarge`; else `Unknown`.
    ///
    /// ```
    /// use meetbit_client::{Error, ErrorKind, Outcome};
    ///
    /// let error = Error::new(ErrorKind::Conflict, "the conference has ended");
    /// assert_eq!(error.outcome(), Outcome::Rejected);
    /// assert_eq!(error.to_string(), "the conference has ended");
    /// ```
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Facts {
            kind,
            outcome: usual_outcome(kind),
            message: message.into(),
            endpoint: None,
            status: None,
            retry_after: None,
            validation: None,
            body: None,
            attempts: 0,
            source: None,
        }))
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the server may have acted.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.0.outcome
    }

    /// The status of the reply, where there was one.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// How long to wait before the next request, for [`ErrorKind::RateLimited`]; counted from the error's making.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What is wrong with the request, field by field, for [`ErrorKind::Validation`].
    #[must_use]
    pub fn validation(&self) -> Option<&ValidationError> {
        self.0.validation.as_ref()
    }

    /// The endpoint that was called; `None` before there was a call.
    #[must_use]
    pub fn endpoint(&self) -> Option<&'static Endpoint> {
        self.0.endpoint
    }

    /// The start of the reply's body, at most 8 KiB, with control characters escaped, where the reply is an error or cannot be
    /// read. It is in no text of the error, since it may hold what concerns nobody who reads a log.
    #[must_use]
    pub fn body(&self) -> Option<&str> {
        self.0.body.as_deref()
    }

    /// How many requests were sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    pub(crate) fn config(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    pub(crate) fn invalid_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::InvalidRequest, message)
    }

    pub(crate) fn with(mut self, change: impl FnOnce(Details<'_>) -> Details<'_>) -> Self {
        change(Details(Arc::make_mut(&mut self.0)));
        self
    }
}

/// What is added to an error while it travels up.
pub(crate) struct Details<'a>(&'a mut Facts);

impl Details<'_> {
    pub(crate) fn outcome(self, outcome: Outcome) -> Self {
        self.0.outcome = outcome;
        self
    }

    pub(crate) fn endpoint(self, endpoint: &'static Endpoint) -> Self {
        self.0.endpoint = Some(endpoint);
        self
    }

    pub(crate) fn message(self, message: String) -> Self {
        self.0.message = message.into();
        self
    }

    pub(crate) fn status(self, status: StatusCode) -> Self {
        self.0.status = Some(status);
        self
    }

    pub(crate) fn retry_after(self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    pub(crate) fn validation(self, validation: ValidationError) -> Self {
        self.0.validation = Some(validation);
        self
    }

    pub(crate) fn body(self, body: String) -> Self {
        self.0.body = Some(body);
        self
    }

    pub(crate) fn attempts(self, attempts: u32) -> Self {
        self.0.attempts = attempts;
        self
    }

    pub(crate) fn source(self, source: Arc<dyn StdError + Send + Sync>) -> Self {
        self.0.source = Some(source);
        self
    }
}

fn usual_outcome(kind: ErrorKind) -> Outcome {
    match kind {
        ErrorKind::Config | ErrorKind::InvalidRequest | ErrorKind::Validation | ErrorKind::Connect => Outcome::NotSent,
        ErrorKind::Unauthenticated
        | ErrorKind::PermissionDenied
        | ErrorKind::NotFound
        | ErrorKind::Conflict
        | ErrorKind::RateLimited => Outcome::Rejected,
        ErrorKind::Decode | ErrorKind::TooLarge => Outcome::Done,
        ErrorKind::Server | ErrorKind::UnexpectedStatus | ErrorKind::Timeout | ErrorKind::Network => Outcome::Unknown,
    }
}

/// The endpoint and the way out. What caused it is left to [`source`](StdError::source).
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = &*self.0;
        if let Some(endpoint) = facts.endpoint {
            write!(f, "{} ({endpoint}): ", endpoint.name())?;
        }
        f.write_str(&facts.message)?;
        if facts.attempts > 1 {
            write!(f, " (after {} attempts)", facts.attempts)?;
        }
        let repeatable = facts.endpoint.is_none_or(Endpoint::is_idempotent);
        match facts.outcome {
            Outcome::Unknown if !repeatable => {
                f.write_str("; it may have been carried out: look before sending it again")
            }
            Outcome::Done if !repeatable => f.write_str("; it was carried out: do not send it again"),
            _ => Ok(()),
        }
    }
}

/// The facts; never the body, which may hold what concerns nobody who reads a log.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = &*self.0;
        f.debug_struct("Error")
            .field("kind", &facts.kind)
            .field("outcome", &facts.outcome)
            .field("message", &facts.message)
            .field("endpoint", &facts.endpoint.map(Endpoint::name))
            .field("status", &facts.status)
            .field("retry_after", &facts.retry_after)
            .field("validation", &facts.validation)
            .field("attempts", &facts.attempts)
            .field("source", &facts.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
