//! Layers and services of the user's own.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use meetbit_client::http::header::HOST;
use meetbit_client::http::{HeaderValue, Request, Response};
use meetbit_client::{Bytes, Client, Credentials, Customers, ErrorKind, NewCustomer, Outcome, RetryPolicy, Transport};
use meetbit_tests::server::raw_server::RawServer;
use meetbit_tests::server::replies;
use meetbit_tests::server::script::{Plan, Script};
use tokio::sync::{Notify, Semaphore};
use tower::layer::layer_fn;
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};

/// Sends a request again after a `503`, as careless middleware does, and after a `429` once its wait is over.
#[derive(Clone)]
struct Again(Transport);

impl Service<Request<Bytes>> for Again {
    type Response = Response<Bytes>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Bytes>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let inner = self.0.clone();
        Box::pin(async move {
            let reply = inner.clone().oneshot(request.clone()).await?;
            match reply.status().as_u16() {
                503 => inner.oneshot(request).await,
                429 => {
                    tokio::time::sleep(Duration::from_millis(1050)).await;
                    inner.oneshot(request).await
                }
                _ => Ok(reply),
            }
        })
    }
}

fn builder(url: &str) -> meetbit_client::ClientBuilder {
    Client::builder("acme.example.com").base_url(url).credentials(Credentials::new("id", "secret"))
}

#[tokio::test]
async fn a_429_that_middleware_ran_into_closes_the_gate_and_is_what_the_call_reports() {
    let unavailable = replies::reply(503, &[], "");
    let script = Script::new().read_request().write(unavailable).read_request();
    let server = RawServer::start(Plan::scripts([script.write(replies::too_many_requests(Some("60")))]));
    let client = builder(&server.url()).retry(RetryPolicy::never()).layer(layer_fn(Again)).build().unwrap();
    let error = client.create_customer(&NewCustomer::new()).await.unwrap_err();
    // The layer's first request ended with a `503`, which can come after the work was done.
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::RateLimited, Outcome::Unknown), "{error}");
    assert!(error.retry_after().unwrap() > Duration::from_secs(58));
    assert!(client.rate_limit_status().closed_for.unwrap() > Duration::from_secs(58));
    assert_eq!(server.finish().requests.len(), 2);
}

#[tokio::test]
async fn a_service_stands_in_for_the_network_and_its_failure_is_unknown() {
    let customer = |request: Request<Bytes>| async move {
        assert_eq!(request.uri(), "https://acme.example.com/api/public/v2.0/customers");
        if request.body().starts_with(br#"{"first_name":"Ada""#) {
            Ok(Response::new(Bytes::from(replies::CUSTOMER)))
        } else {
            Err("the cable is cut")
        }
    };
    let credentials = Credentials::new("id", "secret");
    let client = Client::builder("acme.example.com").credentials(credentials).service(service_fn(customer));
    let client = client.build().unwrap();
    assert_eq!(client.create_customer(&NewCustomer::new().first_name("Ada")).await.unwrap().id.0, 42);
    let error = client.create_customer(&NewCustomer::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome(), error.attempts()), (ErrorKind::Network, Outcome::Unknown, 1));
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the cable is cut");
}

#[tokio::test]
async fn a_second_429_closes_the_way_for_as_long_as_it_says() {
    let script = Script::new().read_request().write(replies::too_many_requests(Some("1"))).read_request();
    let server = RawServer::start(Plan::scripts([script.write(replies::too_many_requests(Some("60")))]));
    let client = builder(&server.url()).retry(RetryPolicy::never()).layer(layer_fn(Again)).build().unwrap();
    let error = client.create_customer(&NewCustomer::new()).await.unwrap_err();
    assert!(error.retry_after().unwrap() > Duration::from_secs(58), "{error}");
    let other = builder(&server.url()).timeout(Duration::from_secs(5)).build().unwrap();
    assert_eq!(other.create_customer(&NewCustomer::new()).await.unwrap_err().kind(), ErrorKind::RateLimited);
    assert_eq!(server.finish().requests.len(), 2);
}

#[tokio::test]
async fn a_status_that_middleware_changes_is_the_one_that_counts() {
    let server = RawServer::start(Plan::respond(|_| replies::customer()));
    let changed = layer_fn(|inner: Transport| {
        inner.map_response(|mut reply: Response<Bytes>| {
            *reply.status_mut() = meetbit_client::http::StatusCode::NOT_FOUND;
            reply
        })
    });
    let client = builder(&server.url()).layer(changed).build().unwrap();
    let error = client.create_customer(&NewCustomer::new()).await.unwrap_err();
    // The server answered `200`, so it has acted, whatever the layer makes of it.
    assert_eq!((error.kind(), error.outcome(), error.attempts()), (ErrorKind::NotFound, Outcome::Unknown, 1));
}

#[tokio::test]
async fn a_429_counts_as_an_attempt_though_middleware_tries_again_at_once() {
    let server = RawServer::start(Plan::respond(|_| replies::too_many_requests(Some("1"))));
    let impatient = layer_fn(|inner: Transport| {
        service_fn(move |request: Request<Bytes>| {
            let inner = inner.clone();
            async move {
                inner.clone().oneshot(request.clone()).await?;
                inner.oneshot(request).await // waits for `Retry-After`, as any request does
            }
        })
    });
    let client = builder(&server.url()).retry(RetryPolicy::default().max_attempts(2)).layer(impatient).build().unwrap();
    let error = client.create_customer(&NewCustomer::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::RateLimited, Outcome::Rejected), "{error}");
    assert_eq!((error.attempts(), server.finish().requests.len()), (2, 3));
}

#[tokio::test]
async fn promise_8_a_429_without_a_wait_that_a_layer_makes_asks_for_a_second() {
    let shedding = layer_fn(|_: Transport| {
        service_fn(|_: Request<Bytes>| async {
            Ok::<_, BoxError>(Response::builder().status(429).body(Bytes::new()).unwrap())
        })
    });
    let client = builder("http://127.0.0.1:1").layer(shedding).build().unwrap();
    let started = Instant::now();
    let error = client.create_customer(&NewCustomer::new()).await.unwrap_err();
    assert_eq!((error.retry_after(), error.attempts()), (Some(Duration::from_secs(1)), 3), "{error}");
    assert!(started.elapsed() >= Duration::from_secs(2));
}

#[tokio::test]
async fn promise_1_a_layer_that_repeats_a_request_never_makes_the_client_repeat_it_too() {
    // The first request is read and never answered; the layer gives up and sends another, which is rejected.
    let scripts = [
        Script::new().read_request().close(),
        Script::new().read_request().write(replies::too_many_requests(Some("1"))).close(),
    ];
    let server = RawServer::start(Plan::scripts(scripts));
    let again = layer_fn(|inner: Transport| {
        service_fn(move |request: Request<Bytes>| {
            let inner = inner.clone();
            async move {
                let _lost = inner.clone().oneshot(request.clone()).await;
                inner.oneshot(request).await
            }
        })
    });
    let client = builder(&server.url()).layer(again).build().unwrap();
    let error = client.create_customer(&NewCustomer::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::RateLimited, Outcome::Unknown), "{error}");
    assert_eq!(server.finish().requests.len(), 2);
}

#[tokio::test]
async fn promise_1_a_request_that_a_layer_keeps_leaves_the_outcome_unknown() {
    let departed = Arc::new(Notify::new());
    let departs = departed.clone();
    let service = service_fn(move |_: Request<Bytes>| {
        departs.notify_one();
        pending::<Result<Response<Bytes>, BoxError>>()
    });
    let detached = layer_fn(move |inner: Transport| {
        let departed = departed.clone();
        service_fn(move |request: Request<Bytes>| {
            let (kept, departed) = (tokio::spawn(inner.clone().oneshot(request)), departed.clone());
            async move {
                departed.notified().await;
                drop(kept); // it goes on
                Ok::<_, BoxError>(Response::builder().status(404).body(Bytes::new()).unwrap())
            }
        })
    });
    let client = Client::builder("acme.example.com").credentials(Credentials::new("id", "secret")).service(service);
    let client = client.layer(detached).build().unwrap();
    let error = client.create_customer(&NewCustomer::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::NotFound, Outcome::Unknown), "{error}");
}

#[tokio::test]
#[should_panic(expected = "after completion")]
async fn promise_1_a_future_that_is_polled_after_its_end_sends_nothing_again() {
    let server = RawServer::start(Plan::respond(|_| replies::customer()));
    let client = builder(&server.url()).build().unwrap();
    let mut call = Box::pin(client.create_customer(&NewCustomer::new()));
    call.as_mut().await.unwrap();
    assert_eq!(server.record().requests.len(), 1);
    let _panics = call.as_mut().await;
}

/// Holds each new connection until it may go on, and says that it is there.
#[derive(Clone)]
struct Held {
    connecting: Arc<Notify>,
    open: Arc<Semaphore>,
}

#[derive(Clone)]
struct HeldConnector<S>(S, Held);

impl<S> Layer<S> for Held {
    type Service = HeldConnector<S>;

    fn layer(&self, connector: S) -> Self::Service {
        HeldConnector(connector, self.clone())
    }
}

impl<S, R> Service<R> for HeldConnector<S>
where
    S: Service<R, Error = BoxError, Future: Send + 'static>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let (connection, held) = (self.0.call(request), self.1.clone());
        Box::pin(async move {
            held.connecting.notify_one();
            held.open.acquire().await?.forget();
            connection.await
        })
    }
}

/// The second request has its permit and connects when the first one gets a `429`.
#[tokio::test]
async fn promise_7_a_request_whose_permit_ends_below_a_layer_is_sent_later_with_the_same_headers() {
    let (answer, answered) = mpsc::channel();
    let answered = Mutex::new(answered);
    let server = RawServer::start(Plan::respond(move |_| match answered.lock().unwrap().recv() {
        Ok(()) => replies::too_many_requests(Some("1")),
        Err(_) => replies::customer(),
    }));
    let held = Held { connecting: Arc::default(), open: Arc::new(Semaphore::new(1)) };
    let http = reqwest::Client::builder().no_proxy().connector_layer(held.clone());
    let notes = layer_fn(|inner: Transport| {
        inner.map_request(|mut request: Request<Bytes>| {
            request.headers_mut().append("x-note", HeaderValue::from_static("one"));
            request.headers_mut().append("x-note", HeaderValue::from_static("two"));
            request
        })
    });
    let client = builder(&server.url()).http_client(http).layer(notes).build().unwrap();
    let call = || client.create_customer(&NewCustomer::new()).retry(RetryPolicy::never());
    let first = tokio::spawn(call());
    held.connecting.notified().await;
    server.until(|record| record.requests.len() == 1).await;
    let second = tokio::spawn(call());
    held.connecting.notified().await;
    answer.send(()).unwrap();
    drop(answer);
    assert_eq!(first.await.unwrap().unwrap_err().kind(), ErrorKind::RateLimited);
    held.open.add_permits(2);
    second.await.unwrap().unwrap();
    let requests = server.finish().requests;
    assert_eq!(requests.len(), 2);
    assert!(requests[1].head_read >= requests[0].head_read + Duration::from_secs(1), "early");
    assert_eq!(requests[1].head, requests[0].head);
    assert_eq!(requests[1].head.matches("x-note: ").count(), 2);
}

/// A layer that sends requests to this authority, with this `Host` header if it sets one.
fn moving(
    authority: String,
    host: Option<&'static str>,
) -> impl Layer<Transport, Service: MovedService> + Send + 'static {
    layer_fn(move |inner: Transport| {
        let authority = authority.clone();
        inner.map_request(move |mut request: Request<Bytes>| {
            let uri = format!("http://{authority}{}", request.uri().path());
            *request.uri_mut() = uri.parse().unwrap();
            if let Some(host) = host {
                request.headers_mut().insert(HOST, HeaderValue::from_static(host));
            }
            request
        })
    })
}

trait MovedService:
    Service<Request<Bytes>, Response = Response<Bytes>, Error = BoxError, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<S> MovedService for S where
    S: Service<Request<Bytes>, Response = Response<Bytes>, Error = BoxError, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

#[tokio::test]
async fn the_host_header_is_that_of_the_uri_that_a_layer_leaves_unless_the_layer_sets_one() {
    let server = RawServer::start(Plan::respond(|_| replies::customer()));
    let (own, other) = (server.address().to_string(), format!("localhost:{}", server.address().port()));
    let cases = [(&own, None, &*own), (&other, None, &*other), (&other, Some("acme.example.com"), "acme.example.com")];
    for (authority, host, _) in cases {
        let client = builder(&server.url()).layer(moving(authority.clone(), host)).build().unwrap();
        client.create_customer(&NewCustomer::new()).await.unwrap();
    }
    let requests = server.finish().requests;
    let hosts: Vec<_> = requests.iter().map(|request| request.header("host").unwrap()).collect();
    assert_eq!(hosts, cases.map(|(.., expected)| expected));
}

/// It drops the request, goes on after the reply, keeps the request without polling it, or sends it in another task.
#[tokio::test]
async fn promise_11_a_layer_that_never_ends_ends_at_the_deadline() {
    type Sent = Pin<Box<dyn Future<Output = Result<Response<Bytes>, BoxError>> + Send>>;
    let never = |sent: Sent| -> Sent {
        Box::pin(async move {
            drop(sent);
            pending().await
        })
    };
    let after = |sent: Sent| -> Sent {
        Box::pin(async move {
            sent.await?;
            pending().await
        })
    };
    let once = |mut sent: Sent| -> Sent {
        Box::pin(async move {
            let _kept = poll_fn(|context| Poll::Ready(sent.as_mut().poll(context).is_pending())).await;
            pending().await
        })
    };
    let elsewhere = |sent: Sent| -> Sent { Box::pin(async move { tokio::spawn(sent).await? }) };
    for way in [never, after, once, elsewhere] as [fn(Sent) -> Sent; 4] {
        let server = RawServer::start(Plan::each(|connection| match connection {
            0 => Script::new().read_request().wait(Duration::from_millis(50)).write(replies::customer()),
            _ => Script::new().read_request().silence(),
        }));
        let layer = layer_fn(move |inner: Transport| {
            service_fn(move |request: Request<Bytes>| way(Box::pin(inner.clone().oneshot(request))))
        });
        let client = builder(&server.url()).timeout(Duration::from_millis(700)).layer(layer).build().unwrap();
        let call = client.create_customer(&NewCustomer::new());
        let ended = tokio::time::timeout(Duration::from_secs(10), call).await.expect("the call has no end");
        if let Err(error) = ended {
            assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        }
        drop(server);
    }
}
