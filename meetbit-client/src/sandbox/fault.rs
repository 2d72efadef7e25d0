//! The faults that a test can ask for.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Response, StatusCode};

/// A failure that the sandbox produces for one request.
///
/// Queue it with [`Sandbox::fault`](crate::sandbox::Sandbox::fault), for one operation with
/// [`Sandbox::on`](crate::sandbox::Sandbox::on), or from the start with the builder.
///
/// The sandbox reads the request in full (unless the fault is [`stop_reading`](Self::stop_reading)), records it, and counts it
/// toward the rate limits. Whether the request takes effect depends on the fault:
///
/// - [`delay`](Self::delay): it takes effect after the delay;
/// - [`cut_head`](Self::cut_head), [`cut_body`](Self::cut_body), [`drip`](Self::drip) and [`drip_body`](Self::drip_body): it takes
///   effect, and its reply is damaged;
/// - all others: it has no effect, because the fault replaces the reply. With [`after_acting`](Self::after_acting) it takes effect
///   and only the reply is lost.
///
/// ```
/// use meetbit_client::sandbox::Fault;
/// use std::time::Duration;
///
/// let nothing_created = Fault::reset();
/// let created_and_lost = Fault::reset().after_acting();
/// let slow = Fault::delay(Duration::from_millis(50));
/// ```
#[derive(Debug, Clone)]
pub struct Fault {
    pub(super) kind: Kind,
    pub(super) after_acting: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Delay(Duration),
    StopReading,
    Instead(Instead),
    Damage(Damage),
}

/// What replaces the reply.
#[derive(Debug, Clone)]
pub(super) enum Instead {
    Silence,
    Reset,
    Close,
    FloodInformational,
    FloodBody(u64),
    Raw(Bytes),
    Reply(Response<Bytes>),
}

/// How the real reply is sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Damage {
    CutHead(usize),
    CutBody(usize),
    Drip { part: Part, bytes: usize, interval: Duration },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Body,
}

impl Fault {
    /// Waits before the request takes effect; with [`after_acting`](Self::after_acting), waits before the reply.
    #[must_use]
    pub fn delay(duration: Duration) -> Self {
        Self::new(Kind::Delay(duration))
    }

    /// Never replies and keeps the connection open.
    #[must_use]
    pub fn silence() -> Self {
        Self::instead(Instead::Silence)
    }

    /// Resets the connection (`RST`).
    #[must_use]
    pub fn reset() -> Self {
        Self::instead(Instead::Reset)
    }

    /// Closes the connection (`FIN`) without a byte of a reply.
    #[must_use]
    pub fn close() -> Self {
        Self::instead(Instead::Close)
    }

    /// Stops reading after the head and keeps the connection open.
    ///
    /// The request log holds the part of the body that arrived with the head. The request never takes effect, so
    /// [`after_acting`](Self::after_acting) changes nothing.
    #[must_use]
    pub fn stop_reading() -> Self {
        Self::new(Kind::StopReading)
    }

    /// Closes the connection after this many bytes of the reply's status line and headers.
    #[must_use]
    pub fn cut_head(after: usize) -> Self {
        Self::new(Kind::Damage(Damage::CutHead(after)))
    }

    /// Closes the connection after this many bytes of the reply's body; `Content-Length` announces the whole body.
    #[must_use]
    pub fn cut_body(after: usize) -> Self {
        Self::new(Kind::Damage(Damage::CutBody(after)))
    }

    /// Sends the whole reply in pieces of this many bytes, with a pause after each.
    #[must_use]
    pub fn drip(bytes: usize, interval: Duration) -> Self {
        Self::new(Kind::Damage(Damage::Drip { part: Part::Whole, bytes, interval }))
    }

    /// Sends the reply's head at once and its body in pieces of this many bytes, with a pause after each.
    #[must_use]
    pub fn drip_body(bytes: usize, interval: Duration) -> Self {
        Self::new(Kind::Damage(Damage::Drip { part: Part::Body, bytes, interval }))
    }

    /// Sends `100 Continue` and `103 Early Hints` without end.
    #[must_use]
    pub fn flood_informational() -> Self {
        Self::instead(Instead::FloodInformational)
    }

    /// Replies `200` with a body of this many bytes, generated while it is sent.
    #[must_use]
    pub fn flood_body(total: u64) -> Self {
        Self::instead(Instead::FloodBody(total))
    }

    /// Replies `200` with this `Content-Encoding` and these bytes, which need not match.
    ///
    /// A name that cannot be a header value is sent as `invalid`.
    #[must_use]
    pub fn encoding(name: &str, encoded: impl Into<Bytes>) -> Self {
        let mut response = Response::new(encoded.into());
        let name = HeaderValue::from_str(name).unwrap_or(HeaderValue::from_static("invalid"));
        response.headers_mut().insert(CONTENT_ENCODING, name);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self::reply(response)
    }

    /// Redirects with `307`, which asks the client to repeat the request at `url`.
    ///
    /// An address that cannot be a header value is left out. For another status use [`reply`](Self::reply).
    #[must_use]
    pub fn redirect(url: &str) -> Self {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        if let Ok(location) = HeaderValue::from_str(url) {
            response.headers_mut().insert(LOCATION, location);
        }
        Self::reply(response)
    }

    /// Replies with this response.
    ///
    /// Missing `Content-Length` and `Date` headers are added, and no others: the headers of the rate limit are not. A reply
    /// with its own `Content-Length` or `Transfer-Encoding`, or with an informational status, is sent exactly as it is,
    /// right or wrong, and the connection is closed after it.
    ///
    /// A `429` with a `Retry-After` in seconds binds the key: requests with it that arrive earlier are penalized.
    ///
    /// ```
    /// use meetbit_client::http::Response;
    /// use meetbit_client::sandbox::{Fault, Sandbox};
    /// use meetbit_client::{ErrorKind, ListUsers, Users};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sandbox = Sandbox::start().await?;
    /// let slow_down = Response::builder().status(429);
    /// let slow_down = slow_down.header("Retry-After", "300").body("")?;
    /// sandbox.fault(Fault::reply(slow_down));
    ///
    /// let call = sandbox.client().list_users(&ListUsers::new());
    /// let error = call.await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::RateLimited);
    /// assert!(error.retry_after().unwrap().as_secs() >= 299);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn reply(response: Response<impl Into<Bytes>>) -> Self {
        Self::instead(Instead::Reply(response.map(Into::into)))
    }

    /// Replies with this status, such as `503`, and its reason phrase as the body.
    ///
    /// A number that is not a status is sent as `500`. For another body, or for headers, use [`reply`](Self::reply).
    ///
    /// ```
    /// use meetbit_client::sandbox::{Fault, Sandbox};
    /// use meetbit_client::{ErrorKind, ListUsers, RetryPolicy, Users};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sandbox = Sandbox::start().await?;
    /// sandbox.fault(Fault::status(503));
    ///
    /// let call = sandbox
    ///     .client()
    ///     .list_users(&ListUsers::new())
    ///     .retry(RetryPolicy::never());
    /// assert_eq!(call.await.unwrap_err().kind(), ErrorKind::Server);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn status(status: impl TryInto<StatusCode>) -> Self {
        let status = status.try_into().unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::new(Bytes::from_static(status.canonical_reason().unwrap_or_default().as_bytes()));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        Self::reply(response)
    }

    /// Sends exactly these bytes, which need not be HTTP, and closes the connection.
    #[must_use]
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self::instead(Instead::Raw(bytes.into()))
    }

    /// Lets the request take effect before the fault: the customer is created, and only the reply is lost.
    #[must_use]
    pub fn after_acting(self) -> Self {
        Self { after_acting: true, ..self }
    }

    pub(super) fn is_reply(&self) -> bool {
        matches!(self.kind, Kind::Instead(Instead::Reply(_)))
    }

    fn new(kind: Kind) -> Self {
        Self { kind, after_acting: false }
    }

    fn instead(instead: Instead) -> Self {
        Self::new(Kind::Instead(instead))
    }
}
