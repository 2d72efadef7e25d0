//! What the server says of waits and limits: promises 7 to 9.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    future::{Future, poll_fn},
    task::Poll,
    time::{Duration, Instant},
};

use meetbit_client::{ErrorKind, Outcome, RateLimit, RetryPolicy};
use meetbit_tests::{
    client::{Things, create, limited},
    probe::lateness::Lateness,
    server::{
        ledger::marker,
        raw_server::RawServer,
        replies,
        script::{Plan, Script},
    },
};
use tokio::{
    task::{JoinSet, yield_now},
    time::timeout,
};

const SECOND: Duration = Duration::from_secs(1);

/// A call is polled until its request is at the server, and then no more, as in a busy `select!` loop.
async fn a_429_of_a_call_that_is_not_polled() {
    let work = Duration::from_millis(50);
    let server = RawServer::start(Plan::each(move |connection| {
        let first = if connection == 0 { replies::too_many_requests(Some("2")) } else { replies::customer() };
        Script::new().read_request().wait(work).write(first).respond(|_| replies::customer())
    }));
    let client = limited(&server, RateLimit::default());
    let mut call = Box::pin(create(&client, &marker(0)));
    while server.record().requests.is_empty() {
        poll_fn(|context| {
            assert!(call.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        yield_now().await;
    }
    server.until(|record| record.requests[0].answered == Some(429)).await;
    let closed = async {
        while client.rate_limit_status().closed_for.is_none() {
            yield_now().await;
        }
    };
    timeout(SECOND, closed).await.expect("the 429 has arrived and closes nothing");
    for n in 1..7 {
        let error = create(&client, &marker(n)).timeout(SECOND / 2).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::RateLimited, Outcome::NotSent));
    }
    let (first, later) = tokio::join!(call, create(&client, &marker(7)));
    first.unwrap();
    later.unwrap();
    let requests = server.finish().requests;
    assert_eq!(requests.len(), 3);
    let open = requests[0].head_read + work + 2 * SECOND;
    assert!(requests[1..].iter().all(|request| request.head_read >= open), "early");
}

#[tokio::test]
async fn promise_7_a_429_counts_though_its_call_is_not_polled() {
    a_429_of_a_call_that_is_not_polled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_7_a_429_counts_though_its_call_is_not_polled_on_several_threads() {
    tokio::spawn(a_429_of_a_call_that_is_not_polled()).await.unwrap();
}

#[tokio::test]
async fn promise_8_an_odd_retry_after_never_means_soon() {
    let in_a_day = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    let values = [
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Fri, 31 Dec 99999 23:59:59 GMT",
        &in_a_day.to_string(),
        "2015-10-21T07:28:00Z",
        "2015-10-21",
        "\"3600\"",
        "'3600'",
        "3600 (60 minutes)",
        "3600s",
        "3600;",
        "1e5",
        "0x10",
        "soon",
        "-",
    ];
    for value in values {
        let server = RawServer::start(Plan::respond({
            let value = value.to_owned();
            move |_| replies::too_many_requests(Some(&value))
        }));
        let client = limited(&server, RateLimit::default());
        let error = create(&client, &marker(1)).timeout(30 * SECOND).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::RateLimited, 1), "{value}: {error}");
        assert!(error.retry_after().unwrap() > 59 * SECOND, "{value}: {error}");
        let later = create(&client, &marker(2)).timeout(30 * SECOND).await.unwrap_err();
        assert_eq!((later.kind(), later.outcome()), (ErrorKind::RateLimited, Outcome::NotSent), "{value}: {later}");
        assert_eq!(server.finish().requests.len(), 1, "{value}");
    }
}

/// How long after a success with these headers the next request arrives.
async fn held(headers: &'static [(&str, &str)]) {
    let server = RawServer::start(Plan::each(|_| {
        let first = replies::reply(200, headers, replies::CUSTOMER);
        Script::new().read_request().write(first).respond(|_| replies::customer())
    }));
    let client = limited(&server, RateLimit::default());
    let control = Lateness::watch();
    create(&client, &marker(1)).await.unwrap();
    create(&client, &marker(2)).timeout(10 * SECOND).await.unwrap();
    let requests = server.finish().requests;
    let wait = requests[1].head_read - requests[0].head_read;
    assert!(wait >= SECOND, "{wait:?} with {headers:?}");
    control.assert_within(wait, 2 * SECOND);
}

#[tokio::test]
async fn promise_9_a_reset_that_is_no_span_holds_about_a_second() {
    tokio::join!(
        held(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "1760000000")]),
        held(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "60000")]),
        held(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "99999999999999999999999")]),
        held(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "61")]),
    );
}

#[tokio::test]
async fn promise_9_a_limit_that_a_proxy_says_slows_nothing() {
    let server = RawServer::start(Plan::respond(|request| match request.method() {
        "GET" => replies::reply(502, &[("ratelimit-limit", "1")], "Bad gateway"),
        _ => replies::customer(),
    }));
    let client = limited(&server, RateLimit::default());
    client.get_thing("1").retry(RetryPolicy::never()).await.unwrap_err();
    assert_eq!(client.rate_limit_status().limit, 5);
    let control = Lateness::watch();
    let started = Instant::now();
    let calls: JoinSet<_> = (0..4).map(|n| create(&client, &marker(n))).collect();
    assert!(calls.join_all().await.iter().all(Result::is_ok));
    control.assert_within(started.elapsed(), SECOND / 2); // with a limit of one it would take four seconds
}
