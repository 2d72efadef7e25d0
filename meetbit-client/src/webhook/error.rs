//! The errors of this room.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

/// Why a webhook was refused, or why a [`Verifier`](super::Verifier) or [`Signer`](super::Signer) could not be created.
///
/// The text says what to do. It can be logged, because it contains no secret, header value or body. Do not send it to the
/// client; answer only with the [`status`](Error::status).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Reason);

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The secret is empty, or contains control characters or surrounding blanks.
    InvalidSecret,
    /// One of the three headers is missing.
    MissingHeader,
    /// One of the three headers occurs more than once.
    RepeatedHeader,
    /// A header is too long, not visible ASCII, or malformed: a dot in the id, a signature that is not 64 hex digits, or a
    /// signed timestamp that is not ISO 8601 with an offset.
    InvalidHeader,
    /// The signature of this id, timestamp and body matches no configured secret.
    SignatureMismatch,
    /// Correctly signed, but longer ago than the window.
    Expired,
    /// Correctly signed, but further ahead of the clock than the window.
    FromTheFuture,
    /// Correctly signed, but the body is not a JSON object with a string `event`.
    MalformedBody,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    Secret(&'static str),
    Missing(&'static str),
    Repeated(&'static str),
    Invalid(&'static str, &'static str),
    Signature,
    Expired { age: Duration, window: Duration },
    Future { ahead: Duration, window: Duration },
    Body { line: usize, column: usize },
}

impl Error {
    /// The kind of this error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self.0 {
            Reason::Secret(_) => ErrorKind::InvalidSecret,
            Reason::Missing(_) => ErrorKind::MissingHeader,
            Reason::Repeated(_) => ErrorKind::RepeatedHeader,
            Reason::Invalid(..) => ErrorKind::InvalidHeader,
            Reason::Signature => ErrorKind::SignatureMismatch,
            Reason::Expired { .. } => ErrorKind::Expired,
            Reason::Future { .. } => ErrorKind::FromTheFuture,
            Reason::Body { .. } => ErrorKind::MalformedBody,
        }
    }

    /// The status to answer a refused webhook with: `401` for a wrong signature, `400` otherwise.
    ///
    /// MeetBit treats anything but a `2xx` as a failure and sends the webhook again, up to five times in all. A configuration
    /// error is `500`.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self.kind() {
            ErrorKind::SignatureMismatch => StatusCode::UNAUTHORIZED,
            ErrorKind::InvalidSecret => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    pub(super) fn secret(fault: &'static str) -> Self {
        Self(Reason::Secret(fault))
    }

    pub(super) fn missing(header: &'static str) -> Self {
        Self(Reason::Missing(header))
    }

    pub(super) fn repeated(header: &'static str) -> Self {
        Self(Reason::Repeated(header))
    }

    pub(super) fn invalid(header: &'static str, fault: &'static str) -> Self {
        Self(Reason::Invalid(header, fault))
    }

    pub(super) fn signature() -> Self {
        Self(Reason::Signature)
    }

    pub(super) fn expired(age: Duration, window: Duration) -> Self {
        Self(Reason::Expired { age, window })
    }

    pub(super) fn future(ahead: Duration, window: Duration) -> Self {
        Self(Reason::Future { ahead, window })
    }

    /// Keeps only the position, because the text of a `serde_json::Error` can quote the private body.
    pub(super) fn body(error: &serde_json::Error) -> Self {
        Self(Reason::Body { line: error.line(), column: error.column() })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reason::Secret(fault) => {
                write!(f, "the webhook secret {fault}; copy it again from the destination's settings in MeetBit")
            }
            Reason::Missing(header) => write!(
                f,
                "the header `{header}` is missing; answer 400. If MeetBit sent this, check that no proxy drops it"
            ),
            Reason::Repeated(header) => write!(f, "the header `{header}` occurs more than once; answer 400"),
            Reason::Invalid(header, fault) => write!(f, "the header `{header}` {fault}; answer 400"),
            Reason::Signature => f.write_str(
                "the signature matches no configured secret; answer 401. If MeetBit sent this, check that the secret belongs \
                 to this destination and that the body is verified as received, before any parsing",
            ),
            Reason::Expired { age, window } => write!(
                f,
                "the webhook was signed {age:.0?} ago, longer than the window of {window:?}; answer 400. If MeetBit sent this \
                 just now, check this machine's clock"
            ),
            Reason::Future { ahead, window } => write!(
                f,
                "the webhook was signed {ahead:.0?} ahead of this machine's clock, more than the window of {window:?}; \
                 answer 400 and check the clock"
            ),
            Reason::Body { line, column } => write!(
                f,
                "the signed body is not a JSON object with a string `event` (line {line}, column {column}); answer 400 and \
                 report it to MeetBit's support"
            ),
        }
    }
}

impl std::error::Error for Error {}
