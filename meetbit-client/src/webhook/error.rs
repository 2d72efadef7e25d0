//! Why a webhook was refused.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

/// Why a webhook was refused, or a [`Verifier`](super::Verifier) or [`Signer`](super::Signer) not made.
///
/// Its text says what to do and quotes neither a secret nor a header nor the body, so it may be logged. It is meant for you,
/// not for whoever sent the request: answer with [`status`](Error::status) alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Reason);

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The secret is empty, has blanks around it or control characters in it.
    InvalidSecret,
    /// One of the three headers is absent.
    MissingHeader,
    /// One of the three headers is there more than once.
    RepeatedHeader,
    /// A header is too long, not visible ASCII, or not what it should be: a dot in the id, a signature that is not 64 hex
    /// digits, a signed timestamp that is not ISO 8601 with an offset.
    InvalidHeader,
    /// No secret gives this signature for this id, timestamp and body.
    SignatureMismatch,
    /// Rightly signed, but longer ago than the window.
    Expired,
    /// Rightly signed, but further ahead of the clock than the window.
    FromTheFuture,
    /// Rightly signed, but the body is not a JSON object with a text `event`.
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
    /// What kind of error this is.
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
    /// `MeetBit` counts anything but a `2xx` as failed and sends the webhook again, five times in all. An error of the
    /// configuration is `500`.
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

    /// Takes the place alone: the text of a `serde_json::Error` may quote the private body.
    pub(super) fn body(error: &serde_json::Error) -> Self {
        Self(Reason::Body { line: error.line(), column: error.column() })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reason::Secret(fault) => {
                write!(f, "the webhook secret {fault}; copy it anew from the destination's settings in MeetBit")
            }
            Reason::Missing(header) => write!(
                f,
                "the header `{header}` is missing; answer 400, and see that no proxy drops it if MeetBit sent this"
            ),
            Reason::Repeated(header) => write!(f, "the header `{header}` is there more than once; answer 400"),
            Reason::Invalid(header, fault) => write!(f, "the header `{header}` {fault}; answer 400"),
            Reason::Signature => f.write_str(
                "no secret gives this signature; answer 401, and if MeetBit sent this, see that the secret is the \
                 destination's and that the body is verified as received, before any parsing",
            ),
            Reason::Expired { age, window } => write!(
                f,
                "the webhook was signed {age:.0?} ago, longer than the window of {window:?}; answer 400, and check this \
                 machine's clock if MeetBit sent this just now"
            ),
            Reason::Future { ahead, window } => write!(
                f,
                "the webhook was signed {ahead:.0?} ahead of this machine's clock, more than the window of {window:?}; \
                 answer 400, and check the clock"
            ),
            Reason::Body { line, column } => write!(
                f,
                "the signed body is not a JSON object with a text `event` (line {line}, column {column}); answer 400, and \
                 tell MeetBit's support"
            ),
        }
    }
}

impl std::error::Error for Error {}
