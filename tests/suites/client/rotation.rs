//! Credentials that change while a client uses them.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meetbit_client::{Client, Credentials, ErrorKind, ListUsers, Outcome, RetryPolicy, Users as _};
use meetbit_tests::client::builder;
use meetbit_tests::probe::leak;
use meetbit_tests::server::raw_server::RawServer;
use meetbit_tests::server::record::{Record, Request};
use meetbit_tests::server::replies::{reply, too_many_requests};
use meetbit_tests::server::script::Plan;
use tower::layer::util::Identity;

const USERS: &str = r#"{"message":"Users.","data":[]}"#;

/// Credentials that are those of `key` with its number at the time.
fn rotating(run: &str, key: impl Fn() -> usize + Send + Sync + 'static) -> Credentials {
    let run = format!("{run}-{:016x}", fastrand::u64(..));
    Credentials::rotating(move || {
        let key = key();
        Credentials::new(format!("{run}-{key}"), secret(key))
    })
}

fn secret(key: usize) -> String {
    format!("PLANTED#s3cret-number-{key}")
}

/// Credentials that are others each time that they are read.
fn counting() -> Credentials {
    let next = AtomicUsize::new(0);
    rotating("counting", move || next.fetch_add(1, Ordering::SeqCst))
}

/// The secrets that were sent.
fn secrets(record: &Record) -> Vec<String> {
    record.requests.iter().map(|request| request.header("x-access-key-secret").unwrap().to_owned()).collect()
}

fn quick() -> RetryPolicy {
    RetryPolicy::default().backoff(Duration::from_millis(1), Duration::from_millis(1))
}

#[tokio::test]
async fn each_attempt_reads_the_key() {
    let answered = AtomicUsize::new(0);
    let plan = Plan::respond(move |_| match answered.fetch_add(1, Ordering::SeqCst) {
        0 => reply(503, &[], "down"),
        _ => reply(200, &[], USERS),
    });
    let server = RawServer::start(plan);
    let client = builder(&server.url()).credentials(counting()).retry(quick()).build().unwrap();
    client.list_users(&ListUsers::new()).await.unwrap();
    client.list_users(&ListUsers::new()).await.unwrap();
    let record = server.finish();
    assert_eq!(secrets(&record), [secret(1), secret(2), secret(3)]);
    let ids: Vec<_> = record.requests.iter().map(|request| request.header("x-access-key-id").unwrap()).collect();
    assert!(ids.iter().zip(1..).all(|(id, n)| id.ends_with(&format!("-{n}"))), "{ids:?}");
}

#[tokio::test]
async fn an_inspected_request_has_the_current_key() {
    let client = builder("http://127.0.0.1:1").credentials(counting()).build().unwrap();
    let call = client.list_users(&ListUsers::new());
    for n in 1..4 {
        let request = call.request().unwrap();
        assert_eq!(request.headers()["x-access-key-secret"], secret(n));
        leak::assert_absent(&format!("{request:?}"), &secret(n));
    }
}

/// A client whose key has the number in the mutex, for a server that answers `429` to key 1.
fn gated(server: &RawServer, has_layer: bool) -> (Client, Arc<Mutex<usize>>) {
    let current = Arc::new(Mutex::new(1));
    let read = current.clone();
    let credentials = rotating("gated", move || *read.lock().unwrap());
    let builder = builder(&server.url()).credentials(credentials).retry(RetryPolicy::never());
    let builder = if has_layer { builder.layer(Identity::new()) } else { builder };
    (builder.build().unwrap(), current)
}

fn key(request: &Request) -> &str {
    request.header("x-access-key-id").unwrap().rsplit_once('-').unwrap().1
}

#[tokio::test]
async fn the_rate_limit_follows_the_id_of_the_key() {
    for has_layer in [false, true] {
        let server = RawServer::start(Plan::respond(|request| match key(request) {
            "1" => too_many_requests(Some("30")),
            _ => reply(200, &[], USERS),
        }));
        let (client, current) = gated(&server, has_layer);
        let list = || client.list_users(&ListUsers::new());
        assert_eq!(list().await.unwrap_err().kind(), ErrorKind::RateLimited);
        assert!(client.rate_limit_status().closed_for.is_some());
        *current.lock().unwrap() = 2;
        list().await.unwrap();
        assert_eq!(client.rate_limit_status().closed_for, None);
        *current.lock().unwrap() = 1;
        let error = list().timeout(Duration::from_secs(10)).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::RateLimited, Outcome::NotSent), "{error}");
        let record = server.finish();
        assert_eq!(record.requests.iter().map(key).collect::<Vec<_>>(), ["1", "2"]);
    }
}

#[tokio::test]
async fn promise_16_the_secret_of_the_attempt_is_redacted() {
    let echo = |status: u16| {
        move |request: &Request| {
            let secret = request.header("x-access-key-secret").unwrap();
            let body = format!(r#"{{"message":"{secret}","data":{}}}"#, if status == 200 { "[]" } else { "1" });
            reply(if status == 201 { 200 } else { status }, &[("x-echo", secret)], body)
        }
    };
    for status in [200, 201, 400, 409, 500] {
        let server = RawServer::start(Plan::respond(echo(status)));
        let client = builder(&server.url()).credentials(counting()).retry(RetryPolicy::never()).build().unwrap();
        let shown = match client.list_users(&ListUsers::new()).send().await {
            Ok(response) => format!("{response:?}"),
            Err(error) => format!("{error} {error:?} {:?} {:?}", error.body(), error.headers()),
        };
        assert_eq!(secrets(&server.finish()), [secret(1)]);
        leak::assert_absent(&shown, &secret(1));
        assert!(shown.contains("[redacted]") || shown.contains("Sensitive"), "{status}: {shown}");
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_a_header_is_not_sent_and_not_shown() {
    let server = RawServer::start(Plan::respond(|_| reply(503, &[], "down")));
    let failing_from = |good: usize| {
        let reads = AtomicUsize::new(0);
        Credentials::rotating(move || match reads.fetch_add(1, Ordering::SeqCst) {
            read if read < good => Credentials::new("key", "secret"),
            _ => Credentials::new("key", "PLANTED#s3cret\nof-two-lines"),
        })
    };
    let client = |good| builder(&server.url()).credentials(failing_from(good)).retry(quick()).build();
    let refused = client(0).unwrap_err();
    let error = client(1).unwrap().list_users(&ListUsers::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome(), error.attempts()), (ErrorKind::Config, Outcome::NotSent, 0));
    assert_eq!(error.endpoint().unwrap().name(), "list_users");
    assert_eq!(server.record().requests.len(), 0);
    let later = client(2).unwrap().list_users(&ListUsers::new()).await.unwrap_err();
    assert_eq!((later.kind(), later.outcome(), later.attempts()), (ErrorKind::Config, Outcome::Unknown, 1));
    let shown = format!("{refused} {refused:?} {error} {error:?} {later:?} {:?}", failing_from(0));
    leak::assert_absent(&shown, "PLANTED#s3cret");
    assert!(shown.contains("the access key secret has a line break"), "{shown}");
}
