//! Always bounded in time, and nothing goes on when nobody waits: promises 11 and 12.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    future::Future,
    time::{Duration, Instant},
};

use meetbit_client::{Error, ErrorKind, Outcome, RateLimit, RetryPolicy};
use meetbit_tests::{
    client::{Thing, Things, builder, client, create},
    probe::lateness::Lateness,
    server::{
        ledger::marker,
        raw_server::RawServer,
        replies,
        script::{Plan, Script},
        unreachable::Unanswering,
    },
};
use tokio::{runtime, sync::oneshot, time::timeout};

const LIMIT: Duration = Duration::from_millis(300);
const LATE: Duration = Duration::from_millis(50);
const PAUSE: Duration = Duration::from_millis(20);

/// Runs this on a runtime of one thread, and on one of several.
fn on_both_runtimes<F: Future<Output = ()> + Send + 'static>(work: impl Fn() -> F) {
    runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work());
    let several = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    several.block_on(async { tokio::spawn(work()).await.unwrap() });
}

/// A call that meets this script ends at its deadline, as `Timeout`.
fn ends_in_time(script: &Script) {
    ends_in_time_with(script, 100);
}

/// The same for a request with so many bytes in its body.
fn ends_in_time_with(script: &Script, bytes: usize) {
    on_both_runtimes(|| {
        let server = RawServer::start(Plan::scripts([script.clone()]));
        async move {
            let thing = Thing { id: 1, text: "x".repeat(bytes) };
            let call = client(&server).create_thing(&thing).timeout(LIMIT);
            let error = timed(call).await;
            assert_eq!((error.kind(), error.outcome(), error.attempts()), (ErrorKind::Timeout, Outcome::Unknown, 1));
        }
    });
}

async fn timed<T: std::fmt::Debug>(call: impl Future<Output = Result<T, Error>>) -> Error {
    let control = Lateness::watch();
    let started = Instant::now();
    let error = call.await.unwrap_err();
    let took = started.elapsed();
    assert!(took >= LIMIT, "{took:?}: {error:?}");
    control.assert_within(took, LIMIT + LATE);
    error
}

#[test]
fn promise_11_silence_ends_in_time() {
    ends_in_time(&Script::new().read_request().silence());
}

#[test]
fn promise_11_a_dripped_head_ends_in_time() {
    ends_in_time(&Script::new().read_request().drip(replies::customer(), 1, PAUSE));
    let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(100_000));
    ends_in_time(&Script::new().read_request().drip(endless, 1, PAUSE));
}

#[test]
fn promise_11_a_dripped_body_ends_in_time_and_is_no_decode() {
    let head = replies::head(200, &[("content-type", "application/json"), ("content-length", "99999")]);
    ends_in_time(&Script::new().read_request().write(head.clone()).drip(" ".repeat(99_999), 1, PAUSE));
    ends_in_time(&Script::new().read_request().write(head + r#"{"message":"#).silence());
}

#[test]
fn promise_11_a_flood_of_informational_replies_ends_in_time() {
    for every in [Duration::ZERO, PAUSE] {
        ends_in_time(&Script::new().read_request().flood(replies::head(103, &[("link", "</style.css>")]), every));
    }
}

#[test]
fn promise_11_a_server_that_stops_reading_ends_in_time() {
    ends_in_time_with(&Script::new().read_head().stop_reading(), 20_000_000);
}

#[test]
fn promise_11_a_refusal_whose_text_never_ends_stands() {
    on_both_runtimes(|| async {
        let head = replies::head(409, &[("content-length", "99999")]);
        let server = RawServer::start(Plan::scripts([Script::new().read_request().write(head).silence()]));
        let error = timed(create(&client(&server), &marker(1)).timeout(LIMIT)).await;
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Conflict, Outcome::Rejected));
    });
}

#[test]
fn promise_11_connecting_ends_in_time() {
    on_both_runtimes(|| async {
        let busy = Unanswering::new().await;
        let url = format!("http://{}", busy.address());
        let by_call = builder(&url).timeout(LIMIT).build().unwrap();
        assert_eq!(timed(create(&by_call, &marker(1))).await.outcome(), Outcome::NotSent);
        let by_attempt = builder(&url).attempt_timeout(LIMIT).retry(RetryPolicy::never()).build().unwrap();
        assert_eq!(timed(create(&by_attempt, &marker(1))).await.outcome(), Outcome::NotSent);
        let by_connect = builder(&url).connect_timeout(LIMIT).retry(RetryPolicy::never()).build().unwrap();
        let error = timed(create(&by_connect, &marker(1))).await;
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Connect, Outcome::NotSent));
    });
}

#[test]
fn promise_11_an_attempt_has_a_limit_of_its_own_and_never_outlives_the_call() {
    on_both_runtimes(|| async {
        let server = RawServer::start(Plan::each(|_| Script::new().read_request().silence()));
        let retry = RetryPolicy::default().backoff(Duration::ZERO, Duration::ZERO);
        let client = builder(&server.url()).attempt_timeout(LIMIT / 2).retry(retry).build().unwrap();
        let error = timed(client.get_thing("1").retry(retry.max_attempts(2))).await;
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 2));
        let error = timed(client.get_thing("1").timeout(LIMIT).retry(retry.max_attempts(9))).await;
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!((2..=3).contains(&error.attempts()));
    });
}

#[test]
fn promise_11_a_deadline_of_nothing_sends_nothing() {
    on_both_runtimes(|| async {
        let server = RawServer::start(Plan::scripts([]));
        let error = create(&client(&server), &marker(1)).timeout(Duration::ZERO).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome(), error.attempts()), (ErrorKind::Timeout, Outcome::NotSent, 0));
    });
}

#[tokio::test]
async fn promise_12_dropping_the_future_closes_the_connection_and_sends_no_more() {
    let before_the_reply = Script::new().read_request();
    let in_the_body = Script::new().read_request().write(replies::head(200, &[("content-length", "99")]));
    for script in [before_the_reply, in_the_body] {
        let server = RawServer::start(Plan::each(move |connection| match connection {
            0 => script.clone(),
            _ => Script::new().respond(|_| replies::customer()),
        }));
        let client = client(&server);
        let call = tokio::spawn(create(&client, &marker(1)).retry(RetryPolicy::default()));
        server.until(|record| record.read_in_full() == 1).await;
        call.abort();
        let closed = server.until(|record| record.connections[0].closed_by_client.is_some());
        timeout(Duration::from_secs(1), closed).await.unwrap();
        create(&client, &marker(2)).await.unwrap();
        let record = server.finish();
        assert_eq!((record.requests.len(), record.connections.len()), (2, 2), "on a connection of its own");
    }
}

#[tokio::test]
async fn promise_12_a_dropped_call_does_not_go_on_between_its_attempts() {
    let (sent, refused) = oneshot::channel();
    let mut sent = Some(sent);
    let server = RawServer::start(Plan::each(move |_| {
        sent.take().map(|sent: oneshot::Sender<()>| sent.send(()));
        Script::new().read_request().write(replies::too_many_requests(Some("1"))).respond(|_| replies::customer())
    }));
    let client = builder(&server.url()).rate_limit(RateLimit::default()).build().unwrap();
    let call = tokio::spawn(create(&client, &marker(1)));
    refused.await.unwrap();
    while client.rate_limit_status().closed_for.is_none() {
        tokio::task::yield_now().await;
    }
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    assert_eq!(client.rate_limit_status().waiting, 0);
    create(&client, &marker(2)).await.unwrap(); // after the wait
    let bodies: Vec<_> = server.finish().requests.into_iter().map(|request| request.body).collect();
    assert_eq!(bodies.len(), 2);
    assert!(String::from_utf8_lossy(&bodies[1]).contains(&marker(2)));
}
