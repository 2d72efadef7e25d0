//! Whose state a client shares: promise 7.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response};
use meetbit_client::{Client, ErrorKind, RateLimit, RetryPolicy, sandbox::Sandbox};
use meetbit_tests::{
    client::{builder, create},
    server::{ledger::marker, replies},
};
use tower::service_fn;

const HOUR: Duration = Duration::from_hours(1);

/// A client of which nothing has been asked yet: nothing counts, nothing is closed, and a create goes.
async fn assert_untouched(client: &Client) {
    let status = client.rate_limit_status();
    assert_eq!((status.in_use, status.waiting, status.refusals, status.closed_for), (0, 0, 0, None));
    create(client, &marker(1)).timeout(Duration::from_secs(10)).await.unwrap();
}

/// A `429` that closes this client's key for a minute.
async fn close(client: &Client) {
    let error = create(client, &marker(0)).retry(RetryPolicy::never()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert!(client.rate_limit_status().closed_for.is_some());
}

fn too_many_requests() -> Response<&'static str> {
    Response::builder().status(429).header("retry-after", "60").body("Too many requests.").unwrap()
}

/// A sandbox on the port of this one, which ends.
async fn again(sandbox: Sandbox) -> Sandbox {
    let url: http::Uri = sandbox.base_url().parse().unwrap();
    drop(sandbox);
    loop {
        match Sandbox::builder().port(url.port_u16().unwrap()).start().await {
            Ok(sandbox) => return sandbox,
            Err(_) => tokio::task::yield_now().await, // the port is still being closed
        }
    }
}

#[tokio::test]
async fn promise_7_a_sandbox_on_a_port_that_another_one_had_is_not_closed_by_it() {
    let first = Sandbox::start().await.unwrap();
    first.reply(too_many_requests());
    close(&first.client()).await;
    assert_untouched(&again(first).await.client()).await;
}

#[tokio::test]
async fn promise_9_a_sandbox_on_a_port_that_another_one_had_is_not_delayed_by_it() {
    let first = Sandbox::start().await.unwrap();
    for n in 0..5 {
        create(&first.client(), &marker(n)).await.unwrap();
    }
    assert_untouched(&again(first).await.client()).await;
}

/// A client of a fake that gives these replies, the last of them over and over. All have the same domain and key.
fn faked(replies: impl IntoIterator<Item = Response<Bytes>>) -> Client {
    let mut replies: Vec<_> = replies.into_iter().collect();
    replies.reverse();
    let replies = Arc::new(Mutex::new(replies));
    let service = service_fn(move |_: Request<Bytes>| {
        let mut replies = replies.lock().unwrap();
        let reply = if replies.len() > 1 { replies.pop().unwrap() } else { replies[0].clone() };
        std::future::ready(Ok::<_, Infallible>(reply))
    });
    let credentials = meetbit_client::Credentials::new("the-same", "secret");
    let builder = builder("https://acme.example.com").credentials(credentials).rate_limit(RateLimit::default());
    builder.service(service).build().unwrap()
}

fn customer() -> Response<Bytes> {
    Response::new(Bytes::from_static(replies::CUSTOMER.as_bytes()))
}

#[tokio::test]
async fn promise_7_a_second_fake_with_the_same_domain_and_key_is_not_closed_by_the_first() {
    let first = faked([too_many_requests().map(Bytes::from)]);
    close(&first).await;
    assert_untouched(&faked([customer()])).await;
    let clone = first.clone();
    let error = create(&clone, &marker(1)).timeout(Duration::from_secs(5)).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::RateLimited, 0), "clones share it");
}

#[tokio::test]
async fn promise_9_a_second_fake_with_the_same_domain_and_key_is_not_delayed_by_the_first() {
    let first = faked([customer()]);
    for n in 0..5 {
        create(&first, &marker(n)).await.unwrap();
    }
    assert_untouched(&faked([customer()])).await;
}

#[tokio::test(start_paused = true)]
async fn promise_7_a_fake_waits_in_the_runtimes_time() {
    let (started, virtually) = (Instant::now(), tokio::time::Instant::now());
    create(&faked([too_many_requests().map(Bytes::from), customer()]), &marker(0)).timeout(HOUR).await.unwrap();
    assert!(virtually.elapsed() >= Duration::from_mins(1));
    assert!(started.elapsed() < Duration::from_mins(1));
    assert_untouched(&faked([customer()])).await; // though the clock has been advanced
}
