//! The span of a call, with the field names of OpenTelemetry's HTTP semantic conventions, and the events that the front page lists.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meetbit_client::{Client, Credentials, Customers, ListUsers, NewCustomer, RateLimit, RetryPolicy, Users};
use meetbit_tests::client;
use meetbit_tests::probe::log_trap::LogTrap;
use meetbit_tests::server::raw_server::RawServer;
use meetbit_tests::server::replies;
use meetbit_tests::server::script::{Plan, Script};
use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber;
use tracing::{Event, Metadata, Subscriber, span};

#[tokio::test]
async fn a_call_is_a_span_named_after_its_endpoint_without_secret_or_body() {
    let trap = LogTrap::set();
    let server = RawServer::start(Plan::scripts([Script::new()
        .read_request()
        .write(replies::too_many_requests(Some("1")))
        .read_request()
        .write(replies::customer())]));
    let credentials = Credentials::new("id", "planted-s3cr#t-0f9");
    let client = Client::builder("acme.example.com").base_url(server.url()).credentials(credentials).build().unwrap();
    client.create_customer(&NewCustomer::new().first_name("Ada-in-the-body")).await.unwrap();

    let text = trap.text();
    let port = server.address().port();
    for field in [
        "otel.name=create_customer",
        "http.request.method=POST",
        "url.template=/customers",
        "server.address=127.0.0.1",
        &format!("server.port={port}"),
        "http.response.status_code=200",
        "http.request.resend_count=1",
    ] {
        assert!(text.contains(field), "{field} is not in\n{text}");
    }
    assert!(text.contains("meetbit_client span meetbit "));
    assert!(!text.contains("Ada-in-the-body"));
    trap.assert_absent("planted-s3cr#t-0f9");
}

#[tokio::test]
async fn a_429_is_an_event_of_the_gate_then_of_the_retry_then_of_the_wait_then_of_the_reply() {
    let server = RawServer::start(Plan::scripts([Script::new()
        .read_request()
        .write(replies::too_many_requests(Some("1")))
        .read_request()
        .write(replies::customer())]));
    let events = events_of(async {
        client::create(&client::client(&server), "gate").await.unwrap();
    });
    let events = events.await;
    let [closed, retry, waited, reply] = &events[..] else { panic!("{events:#?}") };
    assert_eq!(closed.split_once(" wait_ms=").unwrap().0, "WARN gate closed");
    assert!((900..=1000).contains(&millis(closed, "wait_ms")), "{closed}");
    assert!(retry.starts_with("WARN retry call=create_customer attempt=1 reason=RateLimited"), "{retry}");
    assert!(retry.contains(" http.response.status_code=429 "), "{retry}");
    assert!((900..=1000).contains(&millis(retry, "wait_ms")), "{retry}");
    assert!(waited.starts_with("INFO waited for the rate limit "), "{waited}");
    assert!(waited.ends_with(" reason=Gate"), "{waited}");
    assert!(millis(waited, "waited_ms") >= 900, "{waited}");
    assert!(reply.starts_with("INFO reply received call=create_customer attempts=2 "), "{reply}");
    assert!(millis(reply, "elapsed_ms") >= 900, "{reply}");
}

#[tokio::test]
async fn a_retry_and_a_failure_are_events_without_the_text_of_the_server() {
    let unavailable = || replies::reply(503, &[], "a text of the server");
    let server = RawServer::start(Plan::respond(move |_| unavailable()));
    let retry = RetryPolicy::default().max_attempts(2).backoff(Duration::from_millis(20), Duration::from_millis(20));
    let events = events_of(async {
        client::client(&server).list_users(&ListUsers::new()).retry(retry).await.unwrap_err();
    });
    let events = events.await;
    let [retry, failed] = &events[..] else { panic!("{events:#?}") };
    assert!(retry.starts_with("WARN retry call=list_users attempt=1 reason=Server "), "{retry}");
    assert!(retry.contains(" http.response.status_code=503 "), "{retry}");
    assert!(millis(retry, "wait_ms") <= 20, "{retry}");
    assert!(failed.starts_with("WARN call failed call=list_users attempts=2 "), "{failed}");
    assert!(failed.ends_with(" error.type=Server outcome=Unknown"), "{failed}");
}

#[tokio::test]
async fn a_429_with_a_wait_that_is_too_long_is_no_retry() {
    let server = RawServer::start(Plan::respond(|_| replies::too_many_requests(Some("300"))));
    let events = events_of(async {
        client::create(&client::client(&server), "long").await.unwrap_err();
    });
    let events = events.await;
    let [closed, failed] = &events[..] else { panic!("{events:#?}") };
    assert!(closed.starts_with("WARN gate closed wait_ms="), "{closed}");
    assert!(failed.starts_with("WARN call failed call=create_customer attempts=1 "), "{failed}");
}

#[tokio::test]
async fn a_wait_for_the_limit_is_an_event() {
    let server = RawServer::start(Plan::respond(|_| replies::customer()));
    let limit = RateLimit::every(Duration::from_millis(100));
    let events = events_of(async {
        let client = client::limited(&server, limit);
        client::create(&client, "first").await.unwrap();
        client::create(&client, "second").await.unwrap();
    });
    let events = events.await;
    let [first, waited, second] = &events[..] else { panic!("{events:#?}") };
    assert!(waited.starts_with("INFO waited for the rate limit waited_ms="), "{waited}");
    assert!(waited.ends_with(" reason=Key"), "{waited}");
    for reply in [first, second] {
        assert!(reply.starts_with("INFO reply received call=create_customer attempts=1 elapsed_ms="), "{reply}");
    }
}

/// The events that the client records while `work` runs, at any level. The task of a call keeps the subscriber.
async fn events_of(work: impl Future<Output = ()>) -> Vec<String> {
    let events = Events::default();
    work.with_subscriber(events.clone()).await;
    let kept = events.0.lock().unwrap();
    kept.clone()
}

fn millis(event: &str, field: &str) -> u64 {
    let (_, value) = event.split_once(&format!(" {field}=")).unwrap();
    value.split(' ').next().unwrap().parse().unwrap()
}

/// The events of the client as text: the level, the message, then ` name=value` for each field.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<String>>>);

impl Subscriber for Events {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("meetbit_client")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        assert_eq!(event.metadata().target(), "meetbit_client");
        let mut text = Text(event.metadata().level().to_string());
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let name = if field.name() == "message" { String::new() } else { format!("{field}=") };
        write!(self.0, " {name}{value:?}").unwrap();
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        write!(self.0, " {field}={value}").unwrap();
    }
}
