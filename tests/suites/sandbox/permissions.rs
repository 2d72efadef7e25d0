//! Keys and permissions.

use meetbit_client::sandbox::Sandbox;
use meetbit_client::{ErrorKind, ListUsers, Users as _};
use serde_json::json;

use crate::socket::{Socket, get, patch, post, start, unlimited};

#[tokio::test]
async fn a_missing_or_wrong_key_is_unauthenticated() {
    let sandbox = unlimited().await;
    let id = format!("X-Access-Key-Id: {}\r\n", sandbox.access_key_id());
    let secret = format!("X-Access-Key-Secret: {}\r\n", sandbox.access_key_secret());
    let cases = [
        String::new(),
        id.clone(),
        secret.clone(),
        format!("{id}X-Access-Key-Secret: wrong\r\n"),
        format!("X-Access-Key-Id: wrong\r\n{secret}"),
        format!("{id}{id}{secret}"),
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

#[tokio::test]
async fn each_sandbox_has_a_key_of_its_own() {
    let builder = Sandbox::builder();
    let first = start(builder.clone()).await;
    let second = start(builder).await;
    assert_ne!(first.access_key_id(), second.access_key_id());
    let own = start(Sandbox::builder().credentials("my-key", "my-secret")).await;
    assert_eq!((own.access_key_id(), own.access_key_secret()), ("my-key", "my-secret"));
}

#[tokio::test]
async fn a_client_of_a_new_sandbox_does_not_wait_for_an_old_one_on_its_port() {
    let old = Sandbox::builder().unlimited().start().await.unwrap();
    let port = old.base_url().split([':', '/']).nth(4).unwrap().parse().unwrap();
    old.reply(http::Response::builder().status(429).header("retry-after", "3600").body("").unwrap());
    let refused = old.client().list_users(&ListUsers::new()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::RateLimited);
    let mut socket = Socket::connect(&old).await;
    drop(old);
    let _ = socket.rest().await; // the port is free now
    let new = start(Sandbox::builder().unlimited().port(port)).await;
    assert_eq!(new.client().list_users(&ListUsers::new()).await.unwrap().len(), 2);
}
