//! Webhooks that the sandbox sends: what goes on the wire, how often, and where to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use http::{HeaderMap, HeaderName, StatusCode};
use meetbit_client::ErrorKind;
use meetbit_client::sandbox::{Delivery, DeliveryReport, Sandbox};
use meetbit_client::webhook::{self, Deduplicator, Event, MemoryDeduplicator, Seen, Verifier, Webhook};
use meetbit_tests::server::raw_server::RawServer;
use meetbit_tests::server::record::{Record, Request};
use meetbit_tests::server::replies;
use meetbit_tests::server::script::{Plan, Script};
use meetbit_tests::server::unreachable::Refusing;
use serde_json::json;
use tokio::net::TcpListener;

const SECRET: &str = "hush#hush*";

fn event() -> Event {
    Event::new("meeting_links.scheduled", json!({"id": 1234, "email": "ada@example.com"}))
}

fn status(status: u16) -> Script {
    Script::new().read_request().write(replies::reply(status, &[], "")).close()
}

fn silence() -> Script {
    Script::new().read_request().silence()
}

/// A receiver that gets exactly so many tries: one more is a violation.
fn receiver(scripts: impl IntoIterator<Item = Script>) -> RawServer {
    RawServer::start(Plan::scripts(scripts))
}

async fn prepare(url: &str) -> Delivery {
    Sandbox::start().await.unwrap().deliver(url, SECRET, &event()).pause(Duration::ZERO)
}

async fn deliver(receiver: &RawServer) -> DeliveryReport {
    prepare(&receiver.url()).await.await.unwrap()
}

/// Each try as a status, or as the kind of its failure.
fn tries(report: &DeliveryReport) -> Vec<Result<u16, ErrorKind>> {
    let plain = |tried: &meetbit_client::Result<StatusCode>| match tried {
        Ok(status) => Ok(status.as_u16()),
        Err(error) => Err(error.kind()),
    };
    report.tries.iter().map(plain).collect()
}

fn headers(request: &Request) -> HeaderMap {
    let lines = request.head.lines().skip(1).filter_map(|line| line.split_once(": "));
    lines.map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect()
}

fn verified(record: &Record) -> Vec<Webhook> {
    let verifier = Verifier::new(SECRET).unwrap();
    record.requests.iter().map(|request| verifier.verify(&headers(request), &request.body).unwrap()).collect()
}

#[tokio::test]
async fn a_webhook_that_is_taken_at_once_is_sent_once() {
    for taken in [200, 202, 204, 299] {
        let receiver = receiver([status(taken)]);
        let report = deliver(&receiver).await;
        assert!(report.is_taken());
        assert_eq!(tries(&report), [Ok(taken)]);
        let webhooks = verified(&receiver.finish());
        assert_eq!(webhooks.len(), 1);
        assert_eq!((&webhooks[0].id, &webhooks[0].event), (&report.id, &event()));
    }
}

#[tokio::test]
async fn a_webhook_is_a_signed_post_of_json() {
    let receiver = receiver([status(204)]);
    let report = prepare(&format!("{}/hooks/in?tenant=1", receiver.url())).await.await.unwrap();
    let host = receiver.address().to_string();
    let record = receiver.finish();
    let request = &record.requests[0];
    assert!(request.head.starts_with("POST /hooks/in?tenant=1 HTTP/1.1\r\n"), "{}", request.head);
    let body = r#"{"event":"meeting_links.scheduled","data":{"id":1234,"email":"ada@example.com"}}"#;
    assert_eq!(request.body, body);

    let mut headers = headers(request);
    let timestamp = headers[webhook::TIMESTAMP].to_str().unwrap().to_owned();
    assert_eq!(timestamp.len(), "2024-08-22T01:04:05Z".len(), "{timestamp}");
    let signature = webhook::Signer::new(SECRET).unwrap().sign(&report.id, &timestamp, body.as_bytes());
    let length = body.len().to_string();
    for (name, value) in [
        ("host", &*host),
        ("accept", "*/*"),
        ("content-type", "application/json"),
        ("content-length", &length),
        (webhook::ID, &report.id),
        (webhook::TIMESTAMP, &timestamp),
        (webhook::SIGNATURE, &signature),
    ] {
        assert_eq!(headers.remove(name).unwrap(), value, "{name}");
    }
    assert!(headers.is_empty(), "{headers:?}");
}

#[tokio::test]
async fn ids_are_random_uuids() {
    let sandbox = Sandbox::start().await.unwrap();
    let receiver = RawServer::start(Plan::each(|_| status(204)));
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(sandbox.deliver(&receiver.url(), SECRET, &event()).await.unwrap().id);
    }
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[2] != ids[0], "{ids:?}");
    for id in ids {
        assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{id}");
        assert!(id.chars().all(|c| c == '-' || c.is_ascii_hexdigit()), "{id}");
        assert!(id[14..].starts_with('4') && id[19..].starts_with(['8', '9', 'a', 'b']), "{id}");
    }
}

#[tokio::test]
async fn repeats_carry_the_same_id_and_verify() {
    let receiver = receiver([status(500), status(500), status(200)]);
    let report = deliver(&receiver).await;
    assert!(report.is_taken());
    assert_eq!(tries(&report), [Ok(500), Ok(500), Ok(200)]);
    let seen = MemoryDeduplicator::new();
    let webhooks = verified(&receiver.finish());
    assert!(webhooks.iter().all(|webhook| webhook.id == report.id && webhook.event == event()));
    let repeats: Vec<_> = webhooks.iter().map(|webhook| seen.check(&webhook.id)).collect();
    assert_eq!(repeats, [Seen::First, Seen::Repeat, Seen::Repeat]);
}

#[tokio::test]
async fn every_try_is_signed_anew_after_the_pause() {
    let receiver = receiver([status(503), status(204)]);
    let report = prepare(&receiver.url()).await.pause(Duration::from_secs(1)).await.unwrap();
    assert!(report.is_taken());
    let record = receiver.finish();
    assert!(record.requests[1].head_read - record.requests[0].head_read >= Duration::from_secs(1));
    let webhooks = verified(&record);
    assert!(webhooks[1].timestamp > webhooks[0].timestamp, "{webhooks:?}");
    assert_eq!(webhooks[1].id, webhooks[0].id);
}

#[tokio::test]
async fn five_failures_are_the_last() {
    let receiver = receiver([500, 404, 400, 503, 500].map(status));
    let report = deliver(&receiver).await;
    assert!(!report.is_taken());
    assert_eq!(tries(&report), [Ok(500), Ok(404), Ok(400), Ok(503), Ok(500)]);
    assert_eq!(verified(&receiver.finish()).len(), 5);
}

#[tokio::test]
async fn the_fifth_try_can_be_taken() {
    let receiver = receiver([500, 500, 500, 500, 200].map(status));
    assert!(deliver(&receiver).await.is_taken());
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_a_failure() {
    let receiver = receiver([silence(), silence(), silence(), silence(), silence()]);
    let report = prepare(&receiver.url()).await.answer_within(Duration::from_millis(100)).await.unwrap();
    assert!(!report.is_taken());
    assert_eq!(tries(&report), [Err(ErrorKind::Timeout); 5]);
    let text = report.tries[0].as_ref().unwrap_err().to_string();
    assert_eq!(text, "the receiver did not answer within 100ms; answer first and work afterwards");
    assert_eq!(verified(&receiver.finish()).len(), 5);
}

#[tokio::test]
async fn what_failed_once_is_taken_the_next_time() {
    let first = [
        (silence(), ErrorKind::Timeout),
        (Script::new().read_request().close(), ErrorKind::Network),
        (Script::new().read_request().reset(), ErrorKind::Network),
        (Script::new().read_request().write("HTTP/1.1 20").close(), ErrorKind::Network),
        (Script::new().read_request().write("nonsense\r\n\r\n").close(), ErrorKind::Network),
    ];
    for (script, kind) in first {
        let receiver = receiver([script, status(200)]);
        let report = prepare(&receiver.url()).await.answer_within(Duration::from_secs(1)).await.unwrap();
        assert!(report.is_taken());
        assert_eq!(tries(&report), [Err(kind), Ok(200)]);
    }
}

#[tokio::test]
async fn nobody_there_is_five_failures() {
    let nobody = Refusing::new();
    let report = prepare(&format!("http://{}", nobody.address())).await.await.unwrap();
    assert!(!report.is_taken());
    assert_eq!(tries(&report), [Err(ErrorKind::Connect); 5]);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = receiver([]);
    for code in [301, 302, 307, 308] {
        let reply = replies::reply(code, &[("location", &elsewhere.url())], "");
        let receiver = receiver([Script::new().read_request().write(reply).close(), status(204)]);
        let report = deliver(&receiver).await;
        assert_eq!(tries(&report), [Ok(code), Ok(204)]);
    }
    assert!(elsewhere.finish().connections.is_empty());
}

#[tokio::test]
async fn the_head_of_an_answer_is_enough() {
    let head = replies::head(200, &[("content-length", "5")]);
    let receiver = receiver([Script::new().read_request().write(head).silence()]);
    let report = deliver(&receiver).await;
    assert_eq!(tries(&report), [Ok(200)]);
}

#[tokio::test]
async fn only_this_machine_is_a_destination() {
    let sandbox = Sandbox::start().await.unwrap();
    for url in [
        "http://example.com/webhooks",
        "http://10.0.0.1/webhooks",
        "http://0.0.0.0/webhooks",
        "http://[::2]/webhooks",
        "http://localhost.example.com/webhooks",
        "http://127.0.0.1.example.com/webhooks",
        "http://127.0.0.1@example.com/webhooks",
        "https://127.0.0.1/webhooks",
        "ftp://127.0.0.1/webhooks",
        "127.0.0.1:3000",
        "/webhooks",
        "",
    ] {
        let error = sandbox.deliver(url, SECRET, &event()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(error.to_string().contains("http://127.0.0.1:3000/webhooks"), "{url}: {error}");
    }
}

#[tokio::test]
async fn localhost_is_this_machine() {
    let receiver = receiver([status(204)]);
    let url = format!("http://localhost:{}/", receiver.address().port());
    assert!(prepare(&url).await.await.unwrap().is_taken());
}

#[tokio::test]
async fn an_unusable_secret_is_an_error_and_nothing_is_sent() {
    let sandbox = Sandbox::start().await.unwrap();
    let receiver = receiver([]);
    for secret in ["", " hush", "hush\n"] {
        let error = sandbox.deliver(&receiver.url(), secret, &event()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
    }
    assert!(receiver.finish().connections.is_empty());
}

#[tokio::test]
async fn the_vendors_limit_holds_unless_set_and_the_secret_is_not_shown() {
    let sandbox = Sandbox::start().await.unwrap();
    let shown = format!("{:?}", sandbox.deliver("http://127.0.0.1:1", SECRET, &event()));
    assert!(shown.contains("answer_within: 10s, pause: 1s"), "{shown}");
    assert!(!shown.contains("hush"), "{shown}");
}

/// What a receiver keeps: how often each webhook was new or a repeat.
#[derive(Clone, Default)]
struct Inbox {
    seen: Arc<MemoryDeduplicator>,
    came: Arc<Mutex<Vec<(String, Seen)>>>,
}

async fn receive(State(inbox): State<Inbox>, headers: HeaderMap, body: Bytes) -> StatusCode {
    match Verifier::new(SECRET).unwrap().verify(&headers, &body) {
        Ok(webhook) => {
            let seen = inbox.seen.check(&webhook.id);
            inbox.came.lock().unwrap().push((webhook.id, seen));
            StatusCode::NO_CONTENT
        }
        Err(error) => error.status(),
    }
}

#[tokio::test]
async fn an_axum_receiver_takes_webhooks_and_tells_repeats() {
    let inbox = Inbox::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhooks", listener.local_addr().unwrap());
    let router = Router::new().route("/webhooks", post(receive)).with_state(inbox.clone());
    tokio::spawn(axum::serve(listener, router).into_future());

    let delivery = prepare(&url).await;
    let first = tokio::spawn(delivery.clone().into_future()).await.unwrap().unwrap();
    let again = delivery.await.unwrap();
    assert!(first.is_taken() && again.is_taken());
    assert_eq!(first.id, again.id);
    let id = first.id;
    assert_eq!(*inbox.came.lock().unwrap(), [(id.clone(), Seen::First), (id, Seen::Repeat)]);

    let forged = Sandbox::start().await.unwrap().deliver(&url, "another secret", &event());
    let report = forged.pause(Duration::ZERO).await.unwrap();
    assert_eq!(tries(&report), [Ok(401); 5]);
    assert_eq!(inbox.came.lock().unwrap().len(), 2);
}
