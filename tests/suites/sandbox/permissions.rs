//! Keys and permissions.

use meetbit_client::sandbox::Sandbox;
use serde_json::json;

use crate::socket::{Socket, get, patch, post, start, unlimited};

#[tokio::test]
async fn a_missing_or_wrong_key_is_unauthenticated() {
    let sandbox = unlimited().await;
    let cases = [
        "",
        "X-Access-Key-Id: sandbox-key\r\n",
        "X-Access-Key-Secret: sandbox#secret*\r\n",
        "X-Access-Key-Id: sandbox-key\r\nX-Access-Key-Secret: wrong\r\n",
        "X-Access-Key-Id: wrong\r\nX-Access-Key-Secret: sandbox#secret*\r\n",
        "X-Access-Key-Id: sandbox-key\r\nX-Access-Key-Id: sandbox-key\r\nX-Access-Key-Secret: sandbox#secret*\r\n",
    ];
    for headers in cases {
        let mut socket = Socket::connect(&sandbox).await;
        let head = format!("POST /api/public/v2.0/customers HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: 0\r\n\r\n");
        socket.send(head).await;
        assert_eq!(socket.answer().await.text(), (401, "Invalid or missing access key."), "{headers}");
    }
}

#[tokio::test]
async fn the_key_is_checked_before_the_path() {
    let sandbox = unlimited().await;
    let mut socket = Socket::connect(&sandbox).await;
    socket.send("GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(socket.answer().await.status, 401);
}

#[tokio::test]
async fn a_missing_permission_is_denied_before_the_body_is_checked() {
    let sandbox = start(Sandbox::builder().unlimited().permissions(["users.read.*"])).await;
    assert_eq!(post(&sandbox, "/customers", &json!({})).await.text(), (401, "Access denied."));
    assert_eq!(get(&sandbox, "/users").await.status, 200);
}

#[tokio::test]
async fn a_permission_for_one_object_covers_no_other() {
    let sandbox = start(Sandbox::builder().unlimited().permissions(["users.update.1"])).await;
    assert_eq!(patch(&sandbox, "/users/1", &json!({})).await.status, 400);
    assert_eq!(patch(&sandbox, "/users/2", &json!({})).await.text(), (401, "Access denied."));
}

#[tokio::test]
async fn further_keys_have_permissions_of_their_own() {
    let builder =
        Sandbox::builder().unlimited().permissions(["users.read.*"]).key("other", "s", ["customers.create.*"]);
    let sandbox = start(builder).await;
    let mut socket = Socket::connect(&sandbox).await;
    let keys = "X-Access-Key-Id: other\r\nX-Access-Key-Secret: s\r\n";
    socket.send(format!("GET /api/public/v2.0/users HTTP/1.1\r\nHost: x\r\n{keys}\r\n")).await;
    assert_eq!(socket.answer().await.text(), (401, "Access denied."));
}

#[tokio::test]
async fn a_malformed_permission_is_refused_at_the_start() {
    let error = Sandbox::builder().permissions(["users.read"]).start().await.unwrap_err();
    assert!(format!("{error:?}").contains("users.read"), "{error:?}");
}
