//! The reason why an attempt has no reply that can be used.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::error::kind::{ErrorKind, Outcome};
use crate::rate_limit::limiter::AcquireError;
#[cfg(feature = "shared-limit")]
use crate::rate_limit::store_limiter::NoPermit;
use crate::request::outgoing::UrlError;
use crate::transport::capped::BodyError;

/// A failed attempt. It is cheap to clone, because middleware passes it on inside its own errors.
#[derive(Clone, Debug)]
pub(crate) struct TransportError {
    pub(crate) kind: ErrorKind,
    pub(crate) outcome: Outcome,
    /// True if another attempt may succeed.
    pub(crate) temporary: bool,
    pub(crate) message: Cow<'static, str>,
    /// The wait that the limiter asks for.
    pub(crate) retry_after: Option<Duration>,
    /// The limiter gave no permit, so no request was tried.
    pub(crate) without_permit: bool,
    pub(crate) source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl TransportError {
    fn new(kind: ErrorKind, outcome: Outcome, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            outcome,
            temporary: false,
            message: message.into(),
            retry_after: None,
            without_permit: false,
            source: None,
        }
    }

    /// No reply came within the time limit.
    pub(crate) fn timeout() -> Self {
        Self { temporary: true, ..Self::new(ErrorKind::Timeout, Outcome::Unknown, "no reply in time") }
    }

    pub(crate) fn too_large() -> Self {
        Self::new(ErrorKind::TooLarge, Outcome::Done, "the reply is larger than `max_response_size`")
    }

    pub(crate) fn url(error: UrlError) -> Self {
        let failure = Self::new(ErrorKind::InvalidRequest, Outcome::NotSent, error.to_string());
        Self { without_permit: true, ..failure }
    }

    /// The same for a request that has not departed.
    pub(crate) fn not_sent(self) -> Self {
        match self.kind {
            ErrorKind::Network => Self { kind: ErrorKind::Connect, outcome: Outcome::NotSent, ..self },
            ErrorKind::Timeout => {
                Self { outcome: Outcome::NotSent, message: "the request could not be sent in time".into(), ..self }
            }
            _ => Self { outcome: Outcome::NotSent, ..self },
        }
    }

    /// No HTTP client could be made for another runtime.
    pub(crate) fn set_up(error: Error) -> Self {
        let failure = Self::new(error.kind(), Outcome::NotSent, "the HTTP client cannot be set up");
        Self { source: Some(Arc::new(error)), ..failure }
    }

    /// The journal does not let the request depart.
    #[cfg(feature = "journal")]
    pub(crate) fn journal(message: String, source: Option<Arc<dyn StdError + Send + Sync>>) -> Self {
        Self { source, ..Self::new(ErrorKind::Journal, Outcome::NotSent, message) }
    }

    /// An error of reqwest before the head of the reply.
    pub(crate) fn sending(error: reqwest::Error) -> Self {
        let failure = if error.is_builder() {
            Self::new(ErrorKind::InvalidRequest, Outcome::NotSent, "the request cannot be made")
        } else if error.is_connect() {
            Self::connecting(&error)
        } else if error.is_timeout() {
            return Self::timeout(); // a limit that the user set on the HTTP client
        } else {
            let message = "the connection broke before the reply";
            Self { temporary: true, ..Self::new(ErrorKind::Network, Outcome::Unknown, message) }
        };
        Self { source: Some(Arc::new(error.without_url())), ..failure }
    }

    fn connecting(error: &reqwest::Error) -> Self {
        let server = error.url().map_or_else(|| "the server".to_owned(), authority);
        let proxy = if is_before_the_tunnel(error) { "the proxy for " } else { "" };
        let (temporary, message) = match ConnectFailure::of(error) {
            ConnectFailure::Tls => (
                false,
                format!("the certificate or TLS version of {server} is not accepted, or the server does not speak TLS"),
            ),
            ConnectFailure::ProxyAuthentication => {
                (false, format!("the proxy refused to connect to {server}: it requires authentication (407)"))
            }
            ConnectFailure::Proxy => (false, format!("the proxy refused to connect to {server}")),
            ConnectFailure::Timeout => (true, format!("no connection could be made to {proxy}{server} in time")),
            ConnectFailure::Other => (true, format!("no connection could be made to {proxy}{server}")),
        };
        Self { temporary, ..Self::new(ErrorKind::Connect, Outcome::NotSent, message) }
    }

    /// An error while the body of a success is read.
    pub(crate) fn reading(error: BodyError) -> Self {
        let done = |message| Self::new(ErrorKind::Decode, Outcome::Done, message);
        match error {
            BodyError::TooLarge => Self::too_large(),
            BodyError::Encoding => done("the reply has a content encoding that was not asked for"),
            BodyError::Broken(error) if error.is_timeout() => Self::timeout(),
            BodyError::Broken(error) => {
                Self { source: Some(Arc::new(error.without_url())), ..done("the reply ended before it was whole") }
            }
            BodyError::Corrupt(error) => {
                Self { source: Some(Arc::new(error)), ..done("the reply's gzip encoding is broken") }
            }
        }
    }

    /// The error of a layer or service: one of ours that it passed on, or its own.
    pub(crate) fn middleware(error: Box<dyn StdError + Send + Sync>) -> Self {
        let error: Arc<dyn StdError + Send + Sync> = error.into();
        let mut cause: Option<&(dyn StdError + 'static)> = Some(&*error);
        while let Some(this) = cause {
            if let Some(ours) = this.downcast_ref::<Self>() {
                return ours.clone();
            }
            cause = this.source();
        }
        let message = "the service that sends requests failed";
        let failure = Self::new(ErrorKind::Network, Outcome::Unknown, message);
        Self { temporary: true, source: Some(error), ..failure }
    }
}

impl From<AcquireError> for TransportError {
    fn from(error: AcquireError) -> Self {
        let not_sent = |kind, message: Cow<'static, str>| Self {
            without_permit: true,
            ..Self::new(kind, Outcome::NotSent, message)
        };
        match error {
            AcquireError::RetryAfter { wait, repeated } => {
                let seconds = seconds(wait);
                let message = if repeated {
                    format!(
                        "the server refused several requests in a row although each full wait had passed; the client stops \
                         by itself, because MeetBit suspends keys that go on; nothing may be sent for {seconds}"
                    )
                } else {
                    format!(
                        "too many requests: the server asked to send nothing for {seconds}, longer than this call may wait"
                    )
                };
                Self { retry_after: Some(wait), ..not_sent(ErrorKind::RateLimited, message.into()) }
            }
            AcquireError::DeadlineExceeded => {
                not_sent(ErrorKind::Timeout, "the rate limit leaves no time to send it before its deadline".into())
            }
            AcquireError::QueueFull => {
                not_sent(ErrorKind::RateLimited, "too many calls are already waiting for the rate limit".into())
            }
        }
    }
}

#[cfg(feature = "shared-limit")]
impl From<NoPermit> for TransportError {
    fn from(error: NoPermit) -> Self {
        match error {
            NoPermit::Acquire(error) => error.into(),
            NoPermit::Store { name, failure } => {
                let message = format!(
                    "the store of the shared rate limit, `{name}`, gave no answer, so nothing was sent: {failure}"
                );
                Self { without_permit: true, ..Self::new(ErrorKind::RateLimited, Outcome::NotSent, message) }
            }
        }
    }
}

/// Whole seconds, rounded up, so that a caller that waits this long is not early.
pub(crate) fn seconds(wait: Duration) -> String {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    if seconds == 1 { "1 second".to_owned() } else { format!("{seconds} seconds") }
}

/// Host and port.
fn authority(url: &reqwest::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port_or_known_default().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Whether the connection to the proxy itself failed.
fn is_before_the_tunnel(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(this) = cause {
        if this.to_string() == "tunnel error: failed to create underlying connection" {
            return true;
        }
        cause = this.source();
    }
    false
}

/// Why no connection could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ConnectFailure {
    /// The certificate, the name or the version of the server. Another attempt fails too.
    Tls,
    /// The proxy answered `CONNECT` with 407.
    ProxyAuthentication,
    /// The proxy answered `CONNECT` with another status. It is not known which.
    Proxy,
    Timeout,
    /// DNS, TCP, or an end of the connection while it was set up.
    Other,
}

impl ConnectFailure {
    /// Reads the chain of causes, because neither reqwest nor hyper-util has public types for them.
    fn of(error: &reqwest::Error) -> Self {
        let mut cause = error.source();
        while let Some(this) = cause {
            let io = this.downcast_ref::<io::Error>();
            if let Some(failure) = io.map_or_else(|| Self::of_text(&this.to_string()), Self::of_io) {
                return failure;
            }
            // `source` of an `io::Error` skips the error inside it.
            cause = io.and_then(io::Error::get_ref).map_or_else(|| this.source(), |inner| Some(inner));
        }
        if error.is_timeout() { Self::Timeout } else { Self::Other }
    }

    fn of_io(error: &io::Error) -> Option<Self> {
        match error.kind() {
            // rustls reports what it does not accept as invalid data. It does so for a server that does not speak TLS, too.
            io::ErrorKind::InvalidData => Some(Self::Tls),
            io::ErrorKind::TimedOut => Some(Self::Timeout),
            // Other backends have no kind of their own.
            io::ErrorKind::Other => None,
            _ if error.raw_os_error().is_some_and(|code| code > 0) => Some(Self::Other),
            io::ErrorKind::UnexpectedEof => Some(Self::Other),
            _ => Self::of_text(&error.to_string()),
        }
    }

    /// hyper-util's texts for a tunnel, and the words of OpenSSL, `SChannel` and Secure Transport.
    fn of_text(text: &str) -> Option<Self> {
        match text {
            "tunnel error: proxy authorization required" => Some(Self::ProxyAuthentication),
            "tunnel error: unsuccessful" => Some(Self::Proxy),
            "dns error" | "tcp connect error" => Some(Self::Other),
            _ if text.contains("unexpected eof") => Some(Self::Other), // OpenSSL's word for a connection that ends
            _ => {
                let words = ["certificate", "SSL routines", "handshake failure", "protocol version"];
                words.iter().any(|word| text.contains(word)).then_some(Self::Tls)
            }
        }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for TransportError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
