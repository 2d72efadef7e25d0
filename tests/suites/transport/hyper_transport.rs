//! The example `hyper_transport`: what holds for a service of the user's own against servers that misbehave.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]
use std::time::Duration;

use meetbit_client::{Client, ClientBuilder, ErrorKind, Outcome, RetryPolicy};
use meetbit_tests::client::{THING, Things, create};
use meetbit_tests::server::ledger::{Ledger, marker};
use meetbit_tests::server::raw_server::RawServer;
use meetbit_tests::server::replies;
use meetbit_tests::server::script::{Plan, Script};
use meetbit_tests::server::unreachable::{Refusing, Unanswering};

#[path = "../../../meetbit-client/examples/hyper_transport/transport.rs"]
mod transport;

fn builder(url: &str) -> ClientBuilder {
    let retry = RetryPolicy::default().backoff(Duration::from_millis(5), Duration::from_millis(20));
    meetbit_tests::client::builder(url).service(transport::transport().unwrap()).retry(retry)
}

fn client(server: &RawServer) -> Client {
    builder(&server.url()).timeout(Duration::from_secs(5)).build().unwrap()
}

/// Each connection reads one request and ends like this.
fn ending(end: impl Fn(Script) -> Script + Send + 'static) -> RawServer {
    RawServer::start(Plan::each(move |_| end(Script::new().read_request())))
}

#[tokio::test]
async fn promise_1_hyper_does_not_repeat_a_create_after_a_reset_or_an_early_end() {
    let ends: [fn(Script) -> Script; 4] = [
        Script::reset,
        Script::close,
        |script| script.write("HTTP/1.1 2").close(),
        |script| script.write(replies::head(200, &[("content-length", "1000")])).write("{").close(),
    ];
    for end in ends {
        let server = ending(end);
        let error = create(&client(&server), &marker(1)).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome(), error.attempts()), (ErrorKind::Network, Outcome::Unknown, 1));
        assert_eq!(server.finish().requests.len(), 1);
    }
}

#[tokio::test]
async fn promise_1_hyper_does_not_repeat_a_create_after_a_5xx() {
    for status in [500, 502, 503, 504] {
        let server = RawServer::start(Plan::respond(move |_| replies::reply(status, &[("retry-after", "0")], "no")));
        let error = create(&client(&server), &marker(1)).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome(), error.attempts()), (ErrorKind::Server, Outcome::Unknown, 1));
        assert_eq!(server.finish().requests.len(), 1);
    }
}

#[tokio::test]
async fn promise_1_hyper_repeats_an_idempotent_call() {
    let server = RawServer::start(Plan::each(|connection| match connection {
        0 => Script::new().read_request().reset(),
        _ => Script::new().read_request().write(replies::reply(200, &[], THING)),
    }));
    assert_eq!(client(&server).get_thing("1").send().await.unwrap().attempts, 2);
    assert_eq!(server.finish().requests.len(), 2);
}

#[tokio::test]
async fn promise_1_hyper_repeats_a_create_after_a_429_and_after_its_wait() {
    let script = Script::new().read_request().write(replies::too_many_requests(Some("1")));
    let server = RawServer::start(Plan::scripts([script.read_request().write(replies::customer())]));
    let response = create(&client(&server), &marker(1)).send().await.unwrap();
    assert_eq!(response.attempts, 2);
    let record = server.finish();
    assert_eq!(Ledger::of(&record.requests).readings(&marker(1)), [Some(429), Some(200)]);
}

#[tokio::test]
async fn a_429_through_hyper_closes_the_gate_of_the_client() {
    let server = RawServer::start(Plan::respond(|_| replies::too_many_requests(Some("60"))));
    let client = client(&server);
    for attempts in [1, 0] {
        let error = create(&client, &marker(1)).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::RateLimited, attempts), "{error}");
        assert!(error.retry_after().unwrap() > Duration::from_secs(58), "{error}");
    }
    assert_eq!(server.finish().requests.len(), 1);
}

#[tokio::test]
async fn promise_1_a_create_through_hyper_is_not_repeated_after_a_time_out() {
    let server = ending(Script::silence);
    let client = builder(&server.url()).attempt_timeout(Duration::from_millis(50)).build().unwrap();
    let error = create(&client, &marker(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome(), error.attempts()), (ErrorKind::Timeout, Outcome::Unknown, 1));
    assert_eq!(server.finish().requests.len(), 1);
}

#[tokio::test]
async fn the_deadline_of_a_call_holds_while_hyper_connects() {
    let busy = Unanswering::new().await;
    let url = format!("http://{}", busy.address());
    let client = builder(&url).timeout(Duration::from_millis(100)).build().unwrap();
    let error = create(&client, &marker(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Timeout, Outcome::Unknown));
}

#[tokio::test]
async fn a_refused_connection_is_not_known_to_be_one() {
    let gone = Refusing::new();
    let client = builder(&format!("http://{}", gone.address())).build().unwrap();
    let error = create(&client, &marker(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome(), error.attempts()), (ErrorKind::Network, Outcome::Unknown, 1));
    assert_eq!(client.get_thing("1").await.unwrap_err().attempts(), 3);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_gzip_is_not_asked_for() {
    let elsewhere = RawServer::start(Plan::scripts([]));
    let location = format!("{}/customers", elsewhere.url());
    let server = RawServer::start(Plan::respond(move |_| replies::reply(307, &[("location", &location)], "")));
    assert_eq!(create(&client(&server), &marker(1)).await.unwrap_err().kind(), ErrorKind::UnexpectedStatus);
    let record = server.finish();
    assert_eq!((record.requests.len(), record.requests[0].header("accept-encoding")), (1, None));
    assert!(elsewhere.finish().connections.is_empty());
}

#[tokio::test]
async fn a_large_reply_is_not_read_to_its_end() {
    let endless = |script: Script| script.write(replies::head(200, &[])).flood(vec![b' '; 1 << 20], Duration::ZERO);
    let server = ending(endless);
    let error = create(&client(&server), &marker(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome(), error.attempts()), (ErrorKind::Network, Outcome::Unknown, 1));
}

#[tokio::test]
async fn a_call_that_finds_all_connections_in_use_waits_before_it_is_sent() {
    let server = ending(Script::silence);
    let client = client(&server);
    let calls: Vec<_> = (0..16).map(|n| tokio::spawn(create(&client, &marker(n)))).collect();
    server.until(|record| record.read_in_full() == 16).await;
    let error = create(&client, &marker(16)).timeout(Duration::from_millis(100)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Timeout, Outcome::NotSent));
    calls.iter().for_each(tokio::task::JoinHandle::abort);
    assert_eq!(server.finish().requests.len(), 16);
}
