//! No call waits for another one that goes nowhere: promise 9.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    future::{Future, poll_fn},
    mem,
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use meetbit_client::{Client, ListUsers, RateLimit, Users};
use meetbit_tests::{
    client::{create, keyed, limited},
    probe::lateness::Lateness,
    server::{ledger::marker, raw_server::RawServer, replies, script::Plan},
};
use tokio::{runtime, task::JoinSet};

/// "About a second": the second for which the requests before count, and what it takes to hand the turn on.
const ABOUT_A_SECOND: Duration = Duration::from_millis(1500);

fn server() -> RawServer {
    RawServer::start(Plan::respond(|request| match request.method() {
        "GET" => replies::reply(200, &[], r#"{"message":"Found.","data":[{"id":1}]}"#),
        _ => replies::customer(),
    }))
}

/// Polls a future once, which does not end with that.
async fn poll_once<F: Future>(future: &mut std::pin::Pin<Box<F>>) {
    poll_fn(|context| {
        assert!(future.as_mut().poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
}

/// Five calls that were begun and are not polled any more.
async fn set_aside(client: &Client) -> Vec<std::pin::Pin<Box<impl Future + use<>>>> {
    let mut calls: Vec<_> = (0..5).map(|n| Box::pin(create(client, &marker(n)))).collect();
    for call in &mut calls {
        poll_once(call).await;
    }
    calls
}

/// A create with this client ends within about a second.
async fn goes(client: Client) {
    let control = Lateness::watch();
    let started = Instant::now();
    create(&client, &marker(99)).timeout(Duration::from_secs(10)).await.unwrap();
    control.assert_within(started.elapsed(), ABOUT_A_SECOND);
}

#[tokio::test]
async fn promise_9_calls_that_are_set_aside_while_they_connect_keep_nobody_waiting() {
    let server = server();
    let client = limited(&server, RateLimit::default());
    let calls = set_aside(&client).await;
    goes(client.clone()).await;
    for call in calls {
        call.await;
    }
    assert!(server.finish().busiest(Duration::from_secs(1)) <= 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_9_calls_that_are_set_aside_keep_no_other_task_waiting() {
    let server = server();
    let client = limited(&server, RateLimit::default());
    let calls = set_aside(&client).await;
    tokio::spawn(goes(client.clone())).await.unwrap();
    drop(calls);
    assert!(server.finish().busiest(Duration::from_secs(1)) <= 5);
}

#[tokio::test]
async fn promise_9_calls_that_are_leaked_keep_nobody_waiting() {
    let server = server();
    let client = limited(&server, RateLimit::default());
    mem::forget(set_aside(&client).await);
    goes(client.clone()).await;
    tokio::spawn(goes(client)).await.unwrap();
    assert!(server.finish().busiest(Duration::from_secs(1)) <= 5);
}

#[tokio::test]
async fn promise_9_pages_that_are_kept_keep_nobody_waiting() {
    let server = server();
    let client = limited(&server, RateLimit::default());
    let mut lists: Vec<_> = (0..5).map(|_| client.list_users(&ListUsers::new()).pages(10)).collect();
    for pages in &mut lists {
        let mut next = pin!(pages.next());
        poll_fn(|context| {
            assert!(next.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
    }
    goes(client).await;
    for pages in &mut lists {
        assert_eq!(pages.next().await.unwrap().unwrap().len(), 1);
    }
    assert!(server.finish().busiest(Duration::from_secs(1)) <= 5);
}

#[tokio::test]
async fn promise_9_calls_of_a_runtime_that_is_not_driven_keep_no_other_waiting() {
    let server = server();
    let client = limited(&server, RateLimit::default());
    let of_client = client.clone();
    let (idle, calls) = tokio::task::spawn_blocking(move || {
        let idle = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let calls = idle.block_on(set_aside(&of_client));
        (idle, calls)
    })
    .await
    .unwrap();
    goes(client).await;
    drop(calls);
    idle.shutdown_background();
    assert!(server.finish().busiest(Duration::from_secs(1)) <= 5);
}

#[tokio::test]
async fn promise_9_one_call_of_a_third_key_does_not_wait_behind_two_busy_ones() {
    let server = server();
    let mut callers = JoinSet::new();
    for id in ["one", "two"] {
        let client = keyed(&server.url(), id, RateLimit::default());
        (0..100).for_each(|n| drop(callers.spawn(create(&client, &marker(n)))));
    }
    server.until(|record| record.requests.len() >= 10).await;
    for _ in 0..3 {
        goes(keyed(&server.url(), "three", RateLimit::default())).await;
    }
    callers.shutdown().await;
    assert!(server.finish().busiest(Duration::from_secs(1)) <= 10);
}

#[tokio::test]
async fn promise_9_a_lower_limit_does_not_refuse_what_goes_in_time_behind_a_higher_one() {
    let server = server();
    let [fast, slow] = [5, 1].map(|limit| keyed(&server.url(), "shared", RateLimit::per_second(limit).tenant(10)));
    let mut callers = JoinSet::new();
    (0..10).for_each(|n| drop(callers.spawn(create(&fast, &marker(n)))));
    server.until(|record| record.requests.len() == 5).await;
    // Five go with it at once and five after a second; one second later nothing counts any more.
    create(&slow, &marker(99)).timeout(Duration::from_secs(5)).await.unwrap();
    assert!(callers.join_all().await.iter().all(Result::is_ok));
    assert!(server.finish().busiest(Duration::from_secs(1)) <= 5);
}
