//! The errors of a journal.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::error::{Error, ErrorKind, Outcome};
use crate::journal::store::BoxError;

/// Why the store gave no answer.
#[derive(Clone, Debug)]
pub(crate) struct StoreFailure(Arc<dyn StdError + Send + Sync>);

impl StoreFailure {
    pub(crate) fn new(error: impl Into<BoxError>) -> Self {
        Self(error.into().into())
    }

    /// The store did not answer in time.
    pub(crate) fn timeout() -> Self {
        Self::new("it gave no answer in time; another process may hold it locked, or the database may be out of reach")
    }

    /// The error of a call or question that has done nothing.
    pub(crate) fn into_error(self, what: &str) -> Error {
        Error::new(ErrorKind::Journal, format!("{what}: {self}")).with(|e| e.source(Arc::new(self)))
    }
}

impl fmt::Display for StoreFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for StoreFailure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

/// The error of a call whose key is in doubt.
pub(crate) fn in_doubt(key: &str, since: Timestamp, reason: &str, outcome: Outcome) -> Error {
    let since = since.strftime("%Y-%m-%dT%H:%M:%SZ");
    let message = format!(
        "nothing was sent, because `{key}` has been in doubt since {since}: {reason}; find out whether it was done, then call \
         `Journal::resolve`"
    );
    Error::new(ErrorKind::InDoubt, message).with(|e| e.outcome(outcome))
}

/// The error of a call whose key belongs to another request.
pub(crate) fn other_request(key: &str, endpoint: &str) -> Error {
    Error::invalid_request(format!(
        "nothing was sent, because the journal has another request under `{key}`, to `{endpoint}`: use one key for one \
         request, with the same endpoint, URL and body each time"
    ))
}

/// The error of a call that waited for another call with its key until its own time was over.
pub(crate) fn still_under_way(key: &str) -> Error {
    let message = format!("another call with the key `{key}` is still under way, and its outcome is not known yet");
    Error::new(ErrorKind::Timeout, message)
}
