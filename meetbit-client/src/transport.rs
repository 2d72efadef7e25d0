//! The seam to the network: tower's `Service`, with reqwest behind it.

mod body;
mod gated_body;
mod latest;
pub(crate) mod observer;

use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, io};

use bytes::Bytes;
use http::{HeaderMap, Method};
use reqwest::Url;
use tokio::time::Instant;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt};

use crate::client::prepared::Plan;
use crate::error::{ErrorKind, Outcome};
use crate::transport::body::BodyError;
use crate::transport::gated_body::Departing;
use crate::transport::observer::{Noted, Watch};

/// Any error of a service.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// What sends requests: the innermost service, which layers given to
/// [`ClientBuilder::layer`](crate::ClientBuilder::layer) wrap.
///
/// It is a [`tower::Service`] from `http::Request<Bytes>` to `http::Response<Bytes>`: bodies are whole on both sides, the
/// reply's decompressed and within the size limit. Every attempt of a call passes through it once.
#[derive(Clone)]
pub struct Transport(Kind);

#[derive(Clone)]
enum Kind {
    Http(Http),
    Service(Foreign),
}

/// Middleware, or what stands in the network's place.
#[derive(Clone)]
struct Foreign {
    service: BoxCloneSyncService<http::Request<Bytes>, http::Response<Bytes>, BoxError>,
    /// [`Http`] comes behind it, which takes the [`Watch`] from the request.
    reaches_http: bool,
}

impl Transport {
    pub(crate) fn http(http: Http) -> Self {
        Self(Kind::Http(http))
    }

    pub(crate) fn service<S>(service: S) -> Self
    where
        S: Service<http::Request<Bytes>, Response = http::Response<Bytes>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
    {
        Self(Kind::Service(Foreign::new(service, false)))
    }

    pub(crate) fn layered<L>(self, layer: &L) -> Self
    where
        L: Layer<Self>,
        L::Service: Service<http::Request<Bytes>, Response = http::Response<Bytes>> + Clone + Send + Sync + 'static,
        <L::Service as Service<http::Request<Bytes>>>::Error: Into<BoxError>,
        <L::Service as Service<http::Request<Bytes>>>::Future: Send + 'static,
    {
        let reaches_http = match &self.0 {
            Kind::Http(_) => true,
            Kind::Service(inner) => inner.reaches_http,
        };
        Self(Kind::Service(Foreign::new(layer.layer(self), reaches_http)))
    }

    /// Makes one attempt, and takes note of the reply's head.
    pub(crate) async fn send(&self, plan: &Plan, watch: &Arc<Watch>) -> Result<http::Response<Bytes>, Failure> {
        match &self.0 {
            Kind::Http(http) => http.receive(http.launch(plan.outgoing(), Some(watch)), Some(watch)).await,
            Kind::Service(foreign) => {
                let response = foreign.launch(plan, watch)?.await.map_err(Failure::foreign)?;
                let is_noted = response.extensions().get::<Noted>().is_some();
                if !is_noted || watch.status() != Some(response.status()) {
                    watch.note(response.status(), response.headers());
                }
                Ok(response)
            }
        }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Http(_) => "Transport(http)",
            Kind::Service(_) => "Transport(service)",
        })
    }
}

impl Service<http::Request<Bytes>> for Transport {
    type Response = http::Response<Bytes>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match &mut self.0 {
            Kind::Http(_) => Poll::Ready(Ok(())),
            Kind::Service(foreign) => foreign.service.poll_ready(context),
        }
    }

    fn call(&mut self, request: http::Request<Bytes>) -> Self::Future {
        match &mut self.0 {
            Kind::Http(http) => {
                let http = http.clone();
                Box::pin(async move { http.send_request(request).await.map_err(Into::into) })
            }
            Kind::Service(foreign) => foreign.service.call(request),
        }
    }
}

impl Foreign {
    fn new<S>(service: S, reaches_http: bool) -> Self
    where
        S: Service<http::Request<Bytes>, Response = http::Response<Bytes>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
    {
        Self { service: BoxCloneSyncService::new(service.map_err(Into::into)), reaches_http }
    }

    /// Hands the request over. What is done with it cannot be seen, so that it leaves now or not at all.
    fn launch(
        &self,
        plan: &Plan,
        watch: &Arc<Watch>,
    ) -> Result<impl Future<Output = Result<http::Response<Bytes>, BoxError>> + use<>, Failure> {
        if !watch.depart() {
            return Err(Failure::TIMEOUT.not_sent());
        }
        let mut request = plan.request().map_err(|_| Failure::uri())?;
        if self.reaches_http {
            request.extensions_mut().insert(watch.clone());
        }
        Ok(self.service.clone().oneshot(request))
    }
}

/// A request about to be sent.
pub(crate) struct Outgoing<'a> {
    pub(crate) method: &'a Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The network, through reqwest.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    pub(crate) client: reqwest::Client,
    pub(crate) max_response_size: usize,
}

type Sent = Result<reqwest::Response, reqwest::Error>;

/// How long the text of an error may take to arrive; its status says enough.
const ERROR_TEXT: Duration = Duration::from_secs(5);

impl Http {
    /// Where middleware stands before it.
    async fn send_request(self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, Failure> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).map_err(|_| Failure::uri())?;
        let watch = parts.extensions.get::<Arc<Watch>>();
        let sent = self.launch(Outgoing { method: &parts.method, url, headers: parts.headers, body }, watch);
        let mut response = self.receive(sent, watch).await?;
        response.extensions_mut().insert(Noted);
        Ok(response)
    }

    /// Apart from [`receive`](Self::receive), so that the future of a call does not hold the request as well.
    fn launch(&self, outgoing: Outgoing<'_>, watch: Option<&Arc<Watch>>) -> impl Future<Output = Sent> + use<> {
        let mut request = reqwest::Request::new(outgoing.method.clone(), outgoing.url);
        *request.headers_mut() = outgoing.headers;
        *request.body_mut() = Some(match watch {
            Some(watch) => reqwest::Body::wrap(Departing::new(outgoing.body, watch.clone())),
            None => outgoing.body.into(),
        });
        self.client.execute(request)
    }

    async fn receive(
        &self,
        sent: impl Future<Output = Sent>,
        watch: Option<&Arc<Watch>>,
    ) -> Result<http::Response<Bytes>, Failure> {
        let mut response = sent.await.map_err(Failure::sending)?;
        let status = response.status();
        if let Some(watch) = watch {
            watch.note(status, response.headers());
        }
        let body = if status.is_success() {
            body::read(&mut response, self.max_response_size).await.map_err(Failure::reading)?
        } else {
            // At the limit of the attempt it ends by itself, since what is within a time limit is polled first.
            let until = Instant::now() + ERROR_TEXT;
            body::read_text(&mut response, watch.map_or(until, |watch| until.min(watch.limit()))).await
        };
        let mut whole = http::Response::new(body);
        *whole.status_mut() = status;
        std::mem::swap(whole.headers_mut(), response.headers_mut());
        Ok(whole)
    }
}

/// Why an attempt has no reply that can be used.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) outcome: Outcome,
    /// Another attempt may fare better.
    pub(crate) temporary: bool,
    pub(crate) message: &'static str,
    pub(crate) source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Failure {
    pub(crate) const TIMEOUT: Self = Self {
        kind: ErrorKind::Timeout,
        outcome: Outcome::Unknown,
        temporary: true,
        message: "no reply in time",
        source: None,
    };

    pub(crate) const TOO_LARGE: Self = Self {
        kind: ErrorKind::TooLarge,
        outcome: Outcome::Done,
        temporary: false,
        message: "the reply is larger than `max_response_size`",
        source: None,
    };

    /// The same, where the request has not left.
    pub(crate) fn not_sent(self) -> Self {
        let kind = if self.kind == ErrorKind::Network { ErrorKind::Connect } else { self.kind };
        Self { kind, outcome: Outcome::NotSent, ..self }
    }

    fn uri() -> Self {
        let message = "the address of the request cannot be a URI";
        Self { kind: ErrorKind::InvalidRequest, outcome: Outcome::NotSent, temporary: false, message, source: None }
    }

    fn sending(error: reqwest::Error) -> Self {
        let (kind, outcome, temporary, message) = if error.is_builder() {
            (ErrorKind::InvalidRequest, Outcome::NotSent, false, "the request cannot be made")
        } else if error.is_timeout() && !error.is_connect() {
            return Self::TIMEOUT; // one that the author of the HTTP client set
        } else if !error.is_connect() {
            (ErrorKind::Network, Outcome::Unknown, true, "the connection broke before the reply")
        } else if is_tls_refusal(&error) {
            (ErrorKind::Connect, Outcome::NotSent, false, "the server's certificate or TLS version is not accepted")
        } else {
            (ErrorKind::Connect, Outcome::NotSent, true, "no connection could be made")
        };
        Self { kind, outcome, temporary, message, source: Some(Arc::new(error.without_url())) }
    }

    fn reading(error: BodyError) -> Self {
        let done = |kind, message, source| Self { kind, outcome: Outcome::Done, temporary: false, message, source };
        match error {
            BodyError::TooLarge => Self::TOO_LARGE,
            BodyError::Encoding => {
                done(ErrorKind::Decode, "the reply has a content encoding that was not asked for", None)
            }
            BodyError::Broken(error) if error.is_timeout() => Self::TIMEOUT,
            BodyError::Broken(error) => {
                done(ErrorKind::Decode, "the reply ended before it was whole", Some(Arc::new(error.without_url())))
            }
            BodyError::Corrupt(error) => {
                done(ErrorKind::Decode, "the reply's gzip encoding is broken", Some(Arc::new(error)))
            }
        }
    }

    /// A failure of our own that came up through middleware, or one that the middleware made.
    fn foreign(error: BoxError) -> Self {
        let error: Arc<dyn StdError + Send + Sync> = error.into();
        let mut cause: Option<&(dyn StdError + 'static)> = Some(&*error);
        while let Some(this) = cause {
            if let Some(failure) = this.downcast_ref::<Self>() {
                return failure.clone();
            }
            cause = this.source();
        }
        let message = "the service that sends requests failed";
        Self { kind: ErrorKind::Network, outcome: Outcome::Unknown, temporary: true, message, source: Some(error) }
    }
}

/// rustls reports what it does not accept as invalid data; anything else may pass.
fn is_tls_refusal(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(this) = cause {
        let io = this.downcast_ref::<io::Error>();
        if io.is_some_and(|error| error.kind() == io::ErrorKind::InvalidData) {
            return true;
        }
        // The source of an `io::Error` is not the error in it but that one's source.
        cause = io.and_then(io::Error::get_ref).map_or_else(|| this.source(), |inner| Some(inner));
    }
    false
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message)
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
