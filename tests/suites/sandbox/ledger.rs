//! The ledger.

use serde_json::json;

use crate::socket::{Socket, get, keys, post, unlimited};

#[tokio::test]
async fn a_request_is_written_down_as_it_was_sent() {
    let sandbox = unlimited().await;
    let body = json!({"first_name": "Ada"});
    post(&sandbox, "/customers?a=b%20c", &body).await;
    let [received] = sandbox.requests().try_into().unwrap();
    assert_eq!(received.method, http::Method::POST);
    assert_eq!(received.path, "/api/public/v2.0/customers");
    assert_eq!(received.query.as_deref(), Some("a=b%20c"));
    assert_eq!(received.headers["x-access-key-id"], sandbox.access_key_id());
    assert_eq!(received.body, body.to_string());
    assert!(received.complete);
    assert_eq!(received.status.unwrap(), 400);
}

#[tokio::test]
async fn a_body_that_was_cut_is_written_down_as_far_as_it_came() {
    let sandbox = unlimited().await;
    let mut socket = Socket::connect(&sandbox).await;
    socket
        .send(format!("POST /api/public/v2.0/customers HTTP/1.1\r\n{}Content-Length: 9\r\n\r\n{{\"a\"", keys(&sandbox)))
        .await;
    tokio::io::AsyncWriteExt::shutdown(&mut socket.stream).await.unwrap();
    assert_eq!(socket.rest().await.0, "");
    let [received] = sandbox.requests().try_into().unwrap();
    assert_eq!((&received.body[..], received.complete, received.status), (&b"{\"a\""[..], false, None));
}

#[tokio::test]
async fn the_secret_is_not_shown() {
    let sandbox = unlimited().await;
    get(&sandbox, "/users").await;
    let builder = meetbit_client::sandbox::Sandbox::builder().credentials("id", "sandbox#secret*");
    let shown = format!("{sandbox:?} {builder:?} {:?} {:?}", sandbox.requests(), sandbox.on(http::Method::GET, "/x"));
    assert!(!shown.contains("secret*"), "{shown}");
}
