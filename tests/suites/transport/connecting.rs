//! What an error says when no connection could be made.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]
use std::net::TcpListener;
use std::time::Duration;

use meetbit_client::{Client, Error, ErrorKind, Outcome, RetryPolicy};
use meetbit_tests::client::{Things, builder, create};
use meetbit_tests::server::raw_server::RawServer;
use meetbit_tests::server::replies;
use meetbit_tests::server::script::{Plan, Script};
use meetbit_tests::server::tls::Authority;
use meetbit_tests::server::unreachable::Refusing;

fn brisk() -> RetryPolicy {
    RetryPolicy::default().backoff(Duration::ZERO, Duration::ZERO)
}

async fn failed(client: &Client) -> Error {
    let error = create(client, "a").await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Connect, Outcome::NotSent), "{error:?}");
    error
}

#[tokio::test]
async fn promise_1_a_connection_error_names_host_and_port() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port(); // closed at once
    let client = builder(&format!("http://127.0.0.1:{port}")).retry(RetryPolicy::never()).build().unwrap();
    let error = failed(&client).await;
    assert!(error.to_string().contains(&format!("no connection could be made to 127.0.0.1:{port}")), "{error}");
    let name = builder("https://does-not-exist.invalid").retry(RetryPolicy::never()).build().unwrap();
    let error = failed(&name).await.to_string();
    assert!(error.contains("no connection could be made to does-not-exist.invalid:443"), "{error}");
}

#[tokio::test]
async fn promise_2_a_tls_error_names_host_and_port() {
    let server = RawServer::start_tls(Plan::each(|_| Script::new()), Authority::new().trusted());
    let error = failed(&builder(&server.url()).retry(brisk()).build().unwrap()).await;
    let expected = format!(
        "the certificate or TLS version of {} is not accepted, or the server does not speak TLS",
        server.address()
    );
    assert!(error.to_string().contains(&expected), "{error}");
    assert_eq!((error.attempts(), server.finish().connections.len()), (1, 1));
}

/// The error of a client whose proxy answers `CONNECT` with this, and how many connections the proxy saw.
async fn through_proxy(script: Script) -> (Error, usize) {
    let proxy = RawServer::start(Plan::each(move |_| script.clone()));
    let http = reqwest::Client::builder().proxy(reqwest::Proxy::all(proxy.url()).unwrap());
    let client = builder("https://acme.example.com").http_client(http).retry(brisk()).build().unwrap();
    let error = failed(&client).await;
    let record = proxy.finish();
    assert!(record.requests.iter().all(|request| request.method() == "CONNECT"));
    (error, record.connections.len())
}

#[tokio::test]
async fn promise_1_a_proxy_that_refuses_is_asked_once_and_named() {
    for status in [407, 403, 502] {
        let (error, connections) =
            through_proxy(Script::new().read_head().write(replies::reply(status, &[], "no"))).await;
        assert_eq!((error.attempts(), connections), (1, 1), "{error}");
        let text = error.to_string();
        assert!(text.contains("the proxy refused to connect to acme.example.com:443"), "{text}");
        assert_eq!(text.contains("it requires authentication (407)"), status == 407, "{text}");
    }
}

#[tokio::test]
async fn promise_1_a_proxy_that_breaks_off_is_asked_again() {
    let (error, connections) = through_proxy(Script::new().read_head().close()).await;
    assert_eq!((error.attempts(), connections), (3, 3), "{error}");
    assert!(error.to_string().contains("no connection could be made to acme.example.com:443"), "{error}");
}

#[tokio::test]
async fn a_proxy_that_cannot_be_reached_is_named() {
    let refusing = Refusing::new();
    let proxy = reqwest::Proxy::all(format!("http://{}", refusing.address())).unwrap();
    let http = reqwest::Client::builder().proxy(proxy);
    let error = failed(&builder("https://acme.example.com").http_client(http).retry(brisk()).build().unwrap()).await;
    let text = error.to_string();
    assert!(text.contains("no connection could be made to the proxy for acme.example.com:443"), "{text}");
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 3), "{text}");
}

#[tokio::test]
async fn promise_2_a_handshake_that_breaks_off_is_tried_again() {
    let server = RawServer::start(Plan::each(|_| Script::new().read_exact(5).close()));
    let client = builder(&server.url().replace("http:", "https:")).retry(brisk()).build().unwrap();
    let error = client.get_thing("1").await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 3), "{error}");
    assert_eq!(server.finish().connections.len(), 3);
}
