//! The seam to the network: tower's `Service`.

use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt};

use crate::rate_limit::permit::Permit;
use crate::request::outgoing::OutgoingRequest;
use crate::transport::carried::Carried;
use crate::transport::error::TransportError;
use crate::transport::http::Http;
use crate::transport::limited::{self, Exchange, Sent};
use crate::transport::limits::Limits;
use crate::transport::observer::AttemptObserver;

/// Any error of a service.
pub type BoxError = Box<dyn StdError + Send + Sync>;

type BoxService = BoxCloneSyncService<http::Request<Bytes>, http::Response<Bytes>, BoxError>;

/// Sends requests. It is the innermost service, which layers given to
/// [`ClientBuilder::layer`](crate::ClientBuilder::layer) wrap.
///
/// It is a [`tower::Service`] from `http::Request<Bytes>` to `http::Response<Bytes>`: bodies are complete on both sides, and
/// the reply's is decompressed and within the size limit. Each request takes a permit of the rate limit right before
/// it is sent, after all layers, so a layer can hold back or repeat requests without exceeding the limit.
#[derive(Clone)]
pub struct Transport(Inner);

#[derive(Clone)]
enum Inner {
    Http(Arc<Http>),
    Service(Arc<UserService>),
    Layered(Layered),
}

/// A service with the user's layers.
#[derive(Clone)]
struct Layered {
    /// For another layer.
    service: BoxService,
    /// Sends a request within a time limit. `BoxCloneSyncService` would allocate for its clone, too.
    send: Arc<dyn Fn(http::Request<Bytes>, Instant) -> InTime + Send + Sync>,
}

type InTime = Pin<Box<dyn Future<Output = Result<Result<http::Response<Bytes>, BoxError>, Elapsed>> + Send>>;

impl Transport {
    pub(crate) fn http(http: Http) -> Self {
        Self(Inner::Http(Arc::new(http)))
    }

    pub(crate) fn service(service: BoxService, limits: Limits) -> Self {
        Self(Inner::Service(Arc::new(UserService { service, limits })))
    }

    pub(crate) fn layered<L>(self, layer: &L) -> Self
    where
        L: Layer<Self>,
        L::Service: HttpService,
        <L::Service as Service<http::Request<Bytes>>>::Future: Send + 'static,
        <L::Service as Service<http::Request<Bytes>>>::Error: Into<BoxError>,
    {
        let service = layer.layer(self);
        let one = service.clone().map_err(Into::into);
        let send = move |request, deadline| -> InTime { Box::pin(timeout_at(deadline, one.clone().oneshot(request))) };
        Self(Inner::Layered(Layered { service: boxed(service), send: Arc::new(send) }))
    }

    /// Makes one attempt, and records the head of its reply. The rarer ways are boxed, so that the state of a usual call stays
    /// small.
    pub(crate) async fn send(&self, outgoing: &OutgoingRequest<'_>, observer: &Arc<AttemptObserver>) -> Sent {
        outgoing.check_url().map_err(TransportError::url)?;
        match &self.0 {
            Inner::Http(http) => http.send(outgoing, observer).await,
            Inner::Service(service) => {
                let url = outgoing.parsed_url().map_err(TransportError::url)?;
                let request = || outgoing.request_and_host(&url).0;
                Box::pin(service.send(&request, observer)).await
            }
            Inner::Layered(layered) => {
                let sent = layered.start(outgoing, observer)?.await;
                through_middleware(sent, observer)
            }
        }
    }
}

impl Layered {
    /// Passes the request to middleware.
    fn start(&self, outgoing: &OutgoingRequest<'_>, observer: &Arc<AttemptObserver>) -> Result<InTime, TransportError> {
        let url = outgoing.parsed_url().map_err(TransportError::url)?;
        let (mut request, host) = outgoing.request_and_host(&url);
        request.extensions_mut().insert(Carried { observer: observer.clone(), url, host });
        Ok((self.send)(request, observer.turn.deadline))
    }
}

/// The reply of middleware. We cannot observe when and how often middleware sends a request, so a failure that is not one of
/// ours counts as `Unknown`.
fn through_middleware(
    sent: Result<Result<http::Response<Bytes>, BoxError>, Elapsed>,
    observer: &AttemptObserver,
) -> Sent {
    let response = sent.map_err(|_| TransportError::timeout())?.map_err(TransportError::middleware)?;
    let is_observed = response.extensions().get::<Observed>().is_some();
    if !is_observed || observer.status() != Some(response.status()) {
        observer.on_middleware_head(response.status(), response.headers());
    }
    Ok(response)
}

/// Marks a reply whose head has been recorded, as opposed to one that middleware has made or kept.
#[derive(Clone, Copy, Debug)]
struct Observed;

/// The user's own service instead of the network.
struct UserService {
    service: BoxService,
    limits: Limits,
}

/// Makes a request, which may be sent more than once.
type MakeRequest<'a> = &'a (dyn Fn() -> http::Request<Bytes> + Sync);

impl UserService {
    async fn send(&self, request: MakeRequest<'_>, observer: &AttemptObserver) -> Sent {
        let exchange = ServiceExchange { service: &self.service, request, observer };
        limited::send(&self.limits.limiter, observer, &exchange).await
    }
}

/// One request on its way to a user's service.
struct ServiceExchange<'a> {
    service: &'a BoxService,
    request: MakeRequest<'a>,
    observer: &'a AttemptObserver,
}

impl Exchange for ServiceExchange<'_> {
    async fn send(&self, permit: Arc<Permit>, _limit: Instant) -> Sent {
        let mut service = self.service.clone();
        let ready = service.ready().await.map_err(TransportError::middleware)?;
        if !permit.depart() {
            return Err(TransportError::timeout()); // `limited` sends it back into the queue
        }
        let response = ready.call((self.request)()).await.map_err(TransportError::middleware)?;
        self.observer.on_response_head(&permit, response.status(), response.headers());
        Ok(response)
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Inner::Http(_) => "Transport(http)",
            Inner::Service(_) | Inner::Layered(_) => "Transport(service)",
        })
    }
}

impl Service<http::Request<Bytes>> for Transport {
    type Response = http::Response<Bytes>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match &mut self.0 {
            Inner::Http(_) | Inner::Service(_) => Poll::Ready(Ok(())),
            Inner::Layered(layered) => layered.service.poll_ready(context),
        }
    }

    fn call(&mut self, request: http::Request<Bytes>) -> Self::Future {
        match &mut self.0 {
            Inner::Http(http) => {
                let http = http.clone();
                match http.take(request) {
                    Ok(request) => Box::pin(async move {
                        let mut sent = http.send_request(&request).await;
                        // They are reqwest's own, and the mark takes their memory.
                        if let Ok(response) = &mut sent {
                            response.extensions_mut().clear();
                        }
                        observed(sent)
                    }),
                    Err(error) => Box::pin(ready(Err(error.into()))),
                }
            }
            Inner::Service(service) => {
                let service = service.clone();
                let observer = Carried::observer(request.extensions(), &service.limits);
                Box::pin(async move { observed(service.send(&|| request.clone(), &observer).await) })
            }
            Inner::Layered(layered) => layered.service.call(request),
        }
    }
}

fn observed(result: Sent) -> Result<http::Response<Bytes>, BoxError> {
    let mut response = result?;
    response.extensions_mut().insert(Observed);
    Ok(response)
}

/// A tower service that can stand in for the network, or wrap it.
pub(crate) trait HttpService:
    Service<http::Request<Bytes>, Response = http::Response<Bytes>> + Clone + Send + Sync + 'static
{
}

impl<S> HttpService for S where
    S: Service<http::Request<Bytes>, Response = http::Response<Bytes>> + Clone + Send + Sync + 'static
{
}

pub(crate) fn boxed<S>(service: S) -> BoxService
where
    S: HttpService,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    BoxCloneSyncService::new(service.map_err(Into::into))
}
