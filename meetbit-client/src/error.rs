//! The one error of the client, and the redaction of foreign text. It may import `endpoint`.

pub(crate) mod escape;
pub(crate) mod kind;
pub(crate) mod partial;
pub(crate) mod redact;
pub(crate) mod validation;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};

use crate::endpoint::Endpoint;
use crate::error::escape::Escaped;
pub(crate) use crate::error::kind::{ErrorKind, Outcome};
use crate::error::partial::PartialData;
use crate::error::validation::ValidationError;

/// A failure of the client or of a call. The type is opaque; its methods describe the failure.
///
/// [`kind`](Self::kind) says what failed. [`outcome`](Self::outcome) says whether MeetBit may have acted; check it before you
/// create the same customer again. The text names the endpoint and says what to do. It contains no secret, and no value of
/// a reply that could not be read. The type is cheap to move and to clone.
#[derive(Clone)]
pub struct Error(Arc<ErrorInner>);

#[derive(Clone)]
struct ErrorInner {
    kind: ErrorKind,
    outcome: Outcome,
    /// True if another attempt may succeed.
    temporary: bool,
    message: Cow<'static, str>,
    endpoint: Option<&'static Endpoint>,
    status: Option<StatusCode>,
    headers: Option<HeaderMap>,
    data: Option<PartialData>,
    retry_after: Option<Duration>,
    validation: Option<ValidationError>,
    body: Option<String>,
    attempts: u32,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Creates an error of your own, for fakes and for what a library checks before a call.
    ///
    /// Its outcome is the usual one for its kind: `NotSent` for `Config`, `InvalidRequest`, `Validation`,
    /// `Connect` and `Journal`; `Rejected` for the kinds that report a `4xx`; `Done` for `Decode` and `TooLarge`; else `Unknown`.
    ///
    /// ```
    /// use meetbit_client::{Error, ErrorKind, Outcome};
    ///
    /// let error = Error::new(ErrorKind::Conflict, "the conference has ended");
    /// assert_eq!(error.outcome(), Outcome::Rejected);
    /// assert_eq!(error.to_string(), "the conference has ended");
    /// ```
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(ErrorInner {
            kind,
            outcome: kind.usual_outcome(),
            temporary: false,
            message: message.into(),
            endpoint: None,
            status: None,
            headers: None,
            data: None,
            retry_after: None,
            validation: None,
            body: None,
            attempts: 0,
            source: None,
        }))
    }

    /// The kind of failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the server may have acted on any request of the call. For a safe method such as `GET`, it is the outcome of the last
    /// request, because a safe request asks for no change.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.0.outcome
    }

    /// The status of the reply, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// How long to wait before the next request, from the creation of the error. `None` if it is not known, as for
    /// [`ErrorKind::RateLimited`] with a full queue or a failed store. A reply such as a `503` can state it too.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The fields that are not valid, for [`ErrorKind::Validation`].
    #[must_use]
    pub fn validation(&self) -> Option<&ValidationError> {
        self.0.validation.as_ref()
    }

    /// The endpoint that was called; `None` if the error comes from before a call.
    #[must_use]
    pub fn endpoint(&self) -> Option<&'static Endpoint> {
        self.0.endpoint
    }

    /// The start of the reply's body, at most 8 KiB, with control characters escaped, if the reply is an error or cannot be
    /// read. It is never part of the error's text, because it may contain personal data.
    #[must_use]
    pub fn body(&self) -> Option<&str> {
        self.0.body.as_deref()
    }

    /// The headers of the reply, if the reply is an error or cannot be read. A value that contains the secret of the access key
    /// is replaced by `[redacted]` and marked as sensitive.
    ///
    /// # Examples
    /// ```
    /// use meetbit_client::Error;
    ///
    /// /// The id under which the server logged the request.
    /// fn request_id(error: &Error) -> Option<&str> {
    ///     error.headers()?.get("x-request-id")?.to_str().ok()
    /// }
    /// ```
    #[must_use]
    pub fn headers(&self) -> Option<&HeaderMap> {
        self.0.headers.as_ref()
    }

    /// The field `id` of the value, for [`ErrorKind::Decode`]: the server has processed the request, and the reply as a whole
    /// cannot be read, but its id can. `7.0` and `"7"` count as 7. It is `None` if the id is missing, cut off or given twice
    /// with different values.
    ///
    /// # Examples
    /// ```
    /// # async fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::{CustomerId, Customers, NewCustomer};
    ///
    /// let ada = NewCustomer::new().first_name("Ada");
    /// let id = match client.create_customer(&ada).await {
    ///     Ok(customer) => customer.id,
    ///     Err(error) => CustomerId(error.data_id().ok_or(error)?),
    /// };
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn data_id(&self) -> Option<i64> {
        self.0.data.as_ref()?.id
    }

    /// A field of the value, for [`ErrorKind::Decode`], as far as the reply can be read. A field of an object inside has a name
    /// with dots (`address.city`). A string is given without quotes, anything else as JSON. Elements of arrays are left out,
    /// and so is all that exceeds 8 KiB.
    ///
    /// Like [`body`](Self::body), it is never part of the error's text.
    ///
    /// # Examples
    /// ```
    /// use meetbit_client::Error;
    ///
    /// fn created(error: &Error) -> Option<String> {
    ///     Some(format!(
    ///         "{} was created as {}",
    ///         error.data_field("email")?,
    ///         error.data_id()?
    ///     ))
    /// }
    /// ```
    #[must_use]
    pub fn data_field(&self, name: &str) -> Option<&str> {
        self.0.data.as_ref()?.field(name)
    }

    /// The number of attempts, including those that could not connect.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// The text without the endpoint and the advice.
    #[cfg(feature = "journal")]
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    /// True if another attempt may succeed.
    pub(crate) fn is_temporary(&self) -> bool {
        self.0.temporary
    }

    pub(crate) fn config(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    pub(crate) fn invalid_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::InvalidRequest, message)
    }

    pub(crate) fn with(mut self, change: impl FnOnce(ErrorBuilder<'_>) -> ErrorBuilder<'_>) -> Self {
        change(ErrorBuilder(Arc::make_mut(&mut self.0)));
        self
    }
}

/// Adds to an error what each room on its way up knows.
pub(crate) struct ErrorBuilder<'a>(&'a mut ErrorInner);

impl ErrorBuilder<'_> {
    pub(crate) fn outcome(self, outcome: Outcome) -> Self {
        self.0.outcome = outcome;
        self
    }

    pub(crate) fn temporary(self, temporary: bool) -> Self {
        self.0.temporary = temporary;
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

    pub(crate) fn status(self, status: impl Into<Option<StatusCode>>) -> Self {
        self.0.status = status.into();
        self
    }

    pub(crate) fn headers(self, headers: HeaderMap) -> Self {
        self.0.headers = Some(headers);
        self
    }

    pub(crate) fn data(self, data: PartialData) -> Self {
        self.0.data = Some(data);
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

/// Shows the endpoint and the remedy, on one line: control characters are escaped. The cause is left to
/// [`source`](StdError::source).
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        if let Some(endpoint) = inner.endpoint {
            write!(f, "{} ({endpoint}): ", endpoint.name())?;
        }
        Escaped(&inner.message).fmt(f)?;
        if inner.attempts > 1 {
            write!(f, " (after {} attempts)", inner.attempts)?;
        }
        let repeatable = inner.endpoint.is_none_or(Endpoint::is_idempotent);
        match inner.outcome {
            _ if inner.kind == ErrorKind::InDoubt => Ok(()), // its text says what to do
            Outcome::Unknown if !repeatable => {
                f.write_str("; it may have been processed: check before sending it again")
            }
            Outcome::Done if !repeatable => f.write_str("; it was processed: do not send it again"),
            _ => Ok(()),
        }
    }
}

/// Shows what is known. The body is left out, because it may contain personal data.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        let mut shown = f.debug_struct("Error");
        shown.field("kind", &inner.kind).field("outcome", &inner.outcome).field("message", &inner.message);
        if let Some(endpoint) = inner.endpoint {
            shown.field("endpoint", &endpoint.name());
        }
        if let Some(status) = inner.status {
            shown.field("status", &status);
        }
        if let Some(wait) = inner.retry_after {
            shown.field("retry_after", &wait);
        }
        if let Some(validation) = &inner.validation {
            shown.field("validation", validation);
        }
        if inner.attempts > 0 {
            shown.field("attempts", &inner.attempts);
        }
        if let Some(source) = &inner.source {
            shown.field("source", source);
        }
        shown.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
