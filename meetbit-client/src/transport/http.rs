//! The network, through reqwest.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use reqwest::Url;
use tokio::task::yield_now;
use tokio::time::Instant;

use crate::rate_limit::permit::Permit;
use crate::request::base_url::ParsedUrl;
use crate::request::outgoing::{OutgoingRequest, UrlError};
use crate::transport::body;
use crate::transport::carried::Carried;
use crate::transport::connections::{Checkout, Connections};
use crate::transport::error::TransportError;
use crate::transport::gated_body::GatedBody;
use crate::transport::limited::{self, Exchange, Sent};
use crate::transport::limits::Limits;
use crate::transport::observer::AttemptObserver;

/// The body of an error may take this long to arrive. Its status says enough.
const ERROR_BODY: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub(crate) struct Http {
    connections: Arc<Connections>,
    limits: Limits,
    max_response_size: usize,
}

impl Http {
    pub(crate) fn new(connections: Connections, limits: Limits, max_response_size: usize) -> Self {
        Self { connections: Arc::new(connections), limits, max_response_size }
    }

    /// Sends the request of a call.
    pub(crate) async fn send(&self, outgoing: &OutgoingRequest<'_>, observer: &AttemptObserver) -> Sent {
        let exchange = HttpExchange { http: self, head: Head::Call(outgoing), observer };
        limited::send(&self.limits.limiter, observer, &exchange).await
    }

    /// Sends a request that comes through middleware.
    pub(crate) async fn send_request(&self, request: &MiddlewareRequest) -> Sent {
        let observer = &*request.observer;
        let exchange = HttpExchange { http: self, head: Head::Middleware(request), observer };
        limited::send(&self.limits.limiter, observer, &exchange).await
    }

    /// Takes a request that comes through middleware.
    pub(crate) fn take(&self, request: http::Request<Bytes>) -> Result<MiddlewareRequest, TransportError> {
        let (mut parts, body) = request.into_parts();
        let url = match Carried::for_uri(&parts.extensions, &parts.uri) {
            Some(carried) => {
                carried.set_host(&mut parts.headers);
                carried.url.clone()
            }
            None => Arc::new(parse(parts.uri)?),
        };
        parts.headers.remove(header::CONTENT_LENGTH); // `GatedBody` says it
        let observer = Carried::observer(&parts.extensions, &self.limits);
        Ok(MiddlewareRequest { method: parts.method, url, headers: Headers::new(parts.headers), body, observer })
    }
}

fn parse(uri: Uri) -> Result<ParsedUrl, TransportError> {
    let url = Url::parse(&uri.to_string()).map_err(|_| TransportError::url(UrlError::Invalid))?;
    Ok(ParsedUrl { url, uri })
}

/// A request that comes through middleware.
#[derive(Debug)]
pub(crate) struct MiddlewareRequest {
    method: Method,
    url: Arc<ParsedUrl>,
    headers: Headers,
    body: Bytes,
    observer: Arc<AttemptObserver>,
}

/// Headers that are sent once, and rarely again: if the permit ends before the request departs. The first request takes the map,
/// because a clone of a map is two allocations and a list is one.
#[derive(Debug)]
struct Headers {
    first: Mutex<Option<HeaderMap>>,
    again: Vec<(HeaderName, HeaderValue)>,
}

impl Headers {
    fn new(first: HeaderMap) -> Self {
        let mut again = Vec::with_capacity(first.len());
        again.extend(first.iter().map(|(name, value)| (name.clone(), value.clone())));
        Self { first: Mutex::new(Some(first)), again }
    }

    fn next(&self) -> HeaderMap {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        first.unwrap_or_else(|| {
            let mut headers = HeaderMap::with_capacity(self.again.len());
            for (name, value) in &self.again {
                headers.append(name, value.clone());
            }
            headers
        })
    }
}

/// One request on its way to reqwest.
#[derive(Clone, Copy)]
struct HttpExchange<'a> {
    http: &'a Http,
    head: Head<'a>,
    observer: &'a AttemptObserver,
}

#[derive(Clone, Copy)]
enum Head<'a> {
    Call(&'a OutgoingRequest<'a>),
    Middleware(&'a MiddlewareRequest),
}

impl Head<'_> {
    fn request(self) -> reqwest::Request {
        match self {
            Self::Call(outgoing) => outgoing.head(),
            Self::Middleware(request) => {
                let mut head = reqwest::Request::new(request.method.clone(), request.url.url.clone());
                *head.headers_mut() = request.headers.next();
                head
            }
        }
    }

    fn body(self) -> Bytes {
        match self {
            Self::Call(outgoing) => outgoing.body(),
            Self::Middleware(request) => request.body.clone(),
        }
    }
}

impl Exchange for HttpExchange<'_> {
    async fn send(&self, permit: Arc<Permit>, limit: Instant) -> Sent {
        let checkout = self.http.connections.checkout(permit.granted_at).map_err(TransportError::set_up)?;
        if checkout.is_quiet {
            yield_now().await; // the runtime sees which connections have been closed since it last looked
        }
        let mut response = self.execute(&checkout, permit.clone()).await.map_err(TransportError::sending)?;
        let status = response.status();
        self.observer.on_response_head(&permit, status, response.headers());
        let body = if status.is_success() {
            body::read(&mut response, self.http.max_response_size).await.map_err(TransportError::reading)?
        } else {
            // The future is boxed, so that the state of a call stays small.
            Box::pin(body::read_text(&mut response, limit.min(Instant::now() + ERROR_BODY))).await
        };
        let mut whole = http::Response::new(body);
        *whole.status_mut() = status;
        std::mem::swap(whole.headers_mut(), response.headers_mut());
        std::mem::swap(whole.extensions_mut(), response.extensions_mut()); // for their memory
        Ok(whole)
    }
}

impl HttpExchange<'_> {
    /// It is not an `async fn`, so that the state of a call does not hold the request as well.
    fn execute(
        &self,
        checkout: &Checkout,
        permit: Arc<Permit>,
    ) -> impl Future<Output = reqwest::Result<reqwest::Response>> + use<> {
        let mut request = self.head.request();
        if checkout.number > 0 {
            set_pool(request.url_mut(), checkout.number);
        }
        let body = GatedBody::new(self.head.body(), permit, request.method());
        *request.body_mut() = Some(reqwest::Body::wrap(body));
        checkout.client.execute(request)
    }
}

/// Gives the request connections of this number. The pool of connections tells user names apart, and reqwest does not send
/// the user name of a URL that is set after the request is made.
fn set_pool(url: &mut Url, number: usize) {
    let _always_ok = url.set_username(&number.to_string()); // the URL has a host
}
