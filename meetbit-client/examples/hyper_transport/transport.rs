//! A service for `ClientBuilder::service` over hyper-util's client. `main.rs` says what it does and does not do.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use meetbit_client::http::header::ACCEPT_ENCODING;
use meetbit_client::http::{Request, Response};
use meetbit_client::{BoxError, Bytes};
use tower::Service;
use tower::limit::ConcurrencyLimit;

/// At most this many connections are in use, and at most this many are kept. Further requests wait before they are sent.
const MOST_CONNECTIONS: usize = 16;

/// An unused connection is kept this long.
const IDLE: Duration = Duration::from_secs(4);

/// Making a TCP connection may take this long for each address of the server.
const CONNECT: Duration = Duration::from_secs(10);

/// The largest body of a reply, in bytes.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// The service, whose clones share connections and their limit.
///
/// # Errors
/// The system's certificates cannot be used.
pub(crate) fn transport() -> io::Result<ConcurrencyLimit<HyperTransport>> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT));
    let tls = HttpsConnectorBuilder::new().try_with_platform_verifier().map_err(io::Error::other)?;
    let connector = tls.https_or_http().enable_http1().wrap_connector(tcp);
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(MOST_CONNECTIONS)
        .build(connector);
    Ok(ConcurrencyLimit::new(HyperTransport(client), MOST_CONNECTIONS))
}

/// hyper-util's client with whole bodies.
#[derive(Clone, Debug)]
pub(crate) struct HyperTransport(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Service<Request<Bytes>> for HyperTransport {
    type Response = Response<Bytes>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Bytes>) -> Self::Future {
        request.headers_mut().remove(ACCEPT_ENCODING); // nothing here decompresses
        let reply = self.0.request(request.map(Full::new));
        Box::pin(async move {
            let (head, body) = reply.await?.into_parts();
            let body = Limited::new(body, MOST_BYTES).collect().await?.to_bytes();
            Ok(Response::from_parts(head, body))
        })
    }
}
