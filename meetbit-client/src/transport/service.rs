//! The seam to the network: tower's `Service`.

use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderValue;
use tokio::time::{Instant, sleep_until};
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt};

use crate::rate_limit::permit::Permit;
use crate::request::outgoing::OutgoingRequest;
use crate::transport::carried::{Carried, remove_own_host};
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
    /// Sends a request within its time limit. `BoxCloneSyncService` would allocate for its clone, too.
    send: Arc<dyn Fn(http::Request<Bytes>, Arc<AttemptObserver>) -> Sending + Send + Sync>,
}

type Sending = Pin<Box<dyn Future<Output = Sent> + Send>>;

impl Transport {
    pub(crate) fn http(http: Http) -> Self {
        Self(Inner::Http(Arc::new(http)))
    }

    pub(crate) fn service(service: BoxService, limits: Limits, host: HeaderValue) -> Self {
        Self(Inner::Service(Arc::new(UserService { service, limits, host })))
    }

    pub(crate) fn layered<L>(self, layer: &L) -> Self
    where
        L: Layer<Self>,
        L::Service: HttpService,
        <L::Service as Service<http::Request<Bytes>>>::Future: Send + 'static,
        <L::Service as Service<http::Request<Bytes>>>::Error: Into<BoxError>,
    {
        let service = layer.layer(self);
        let one = service.clone();
        let send = move |request, observer: Arc<AttemptObserver>| -> Sending {
            let mut service = one.clone();
            Box::pin(async move {
                // It is pinned here, because each function that takes it by value makes the box larger. malloc is slow
                // above 1,032 bytes.
                let reply = pin!(async {
                    poll_fn(|context| service.poll_ready(context)).await?;
                    service.call(request).await
                });
                in_time(&observer, reply).await
            })
        };
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
                Box::pin(service.send(outgoing.request_to(&url), observer)).await
            }
            Inner::Layered(layered) => {
                let response = layered.start(outgoing, observer)?.await?;
                if !observer.has_seen(&response) {
                    observer.on_middleware_head(response.status(), response.headers());
                }
                Ok(response)
            }
        }
    }
}

impl Layered {
    /// Passes the request to middleware.
    fn start(
        &self,
        outgoing: &OutgoingRequest<'_>,
        observer: &Arc<AttemptObserver>,
    ) -> Result<Sending, TransportError> {
        let url = outgoing.parsed_url().map_err(TransportError::url)?;
        let mut request = outgoing.request_to(&url);
        request.extensions_mut().insert(Carried { observer: observer.clone(), url });
        Ok((self.send)(request, observer.clone()))
    }
}

/// Ends middleware at the deadline of its call. We cannot observe when and how often middleware sends a request, so a failure that
/// is not one of ours counts as `Unknown`.
///
/// While a request of the attempt waits in this task, its timer ends it in time and wakes the task, so no second timer runs. A
/// timer costs 450 instructions.
async fn in_time<E: Into<BoxError>>(
    observer: &AttemptObserver,
    mut middleware: Pin<&mut impl Future<Output = Result<http::Response<Bytes>, E>>>,
) -> Sent {
    let mut timer = pin!(sleep_until(observer.turn.deadline));
    poll_fn(|context| {
        observer.forget_timer();
        if let Poll::Ready(sent) = middleware.as_mut().poll(context) {
            return Poll::Ready(sent.map_err(|error| TransportError::middleware(error.into())));
        }
        if observer.has_timer_of(context.waker()) {
            return Poll::Pending;
        }
        timer.as_mut().poll(context).map(|()| Err(TransportError::timeout()))
    })
    .await
}

/// The user's own service instead of the network.
struct UserService {
    service: BoxService,
    limits: Limits,
    /// The client's own `Host` header.
    host: HeaderValue,
}

impl UserService {
    async fn send(&self, request: http::Request<Bytes>, observer: &AttemptObserver) -> Sent {
        let mut exchange = ServiceExchange { service: &self.service, request: Some(request), observer };
        limited::send(&self.limits.limiter, observer, &mut exchange).await
    }
}

/// One request on its way to a user's service.
struct ServiceExchange<'a> {
    service: &'a BoxService,
    /// It is taken when it departs, because it is not sent again then.
    request: Option<http::Request<Bytes>>,
    observer: &'a AttemptObserver,
}

impl Exchange for ServiceExchange<'_> {
    async fn send(&mut self, permit: Arc<Permit>, _limit: Instant) -> Sent {
        let mut service = self.service.clone();
        let ready = service.ready().await.map_err(TransportError::middleware)?;
        let Some(request) = self.request.take_if(|_| permit.depart()) else {
            return Err(TransportError::timeout()); // `limited` sends it back into the queue
        };
        let response = ready.call(request).await.map_err(TransportError::middleware)?;
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

    fn call(&mut self, mut request: http::Request<Bytes>) -> Self::Future {
        match &mut self.0 {
            Inner::Http(http) => {
                let http = http.clone();
                match http.take(request) {
                    Ok((mut request, observer)) => {
                        Box::pin(async move { seen(http.send_request(&mut request, &observer).await, &observer) })
                    }
                    Err(error) => Box::pin(ready(Err(error.into()))),
                }
            }
            Inner::Service(service) => {
                let service = service.clone();
                let observer = Carried::observer(request.extensions(), &service.limits);
                if Carried::for_uri(request.extensions(), request.uri()).is_none() {
                    remove_own_host(request.headers_mut(), &service.host);
                }
                Box::pin(async move { seen(service.send(request, &observer).await, &observer) })
            }
            Inner::Layered(layered) => layered.service.call(request),
        }
    }
}

/// Lets the observer know the reply again after it has passed through middleware.
fn seen(sent: Sent, observer: &AttemptObserver) -> Result<http::Response<Bytes>, BoxError> {
    let response = sent?;
    observer.see(&response);
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
