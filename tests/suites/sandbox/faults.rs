//! Faults and scripted replies.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use http::{Method, Response};
use meetbit_client::sandbox::{Fault, Sandbox};
use meetbit_tests::probe::lateness::Lateness;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use crate::socket::{Socket, get, post, request, unlimited};

const SLOW: Duration = Duration::from_millis(200);
const WHILE: Duration = Duration::from_millis(150);

fn nobody() -> Value {
    json!({
        "first_name": null, "middle_name": null, "last_name": null,
        "email": null, "contact_number": null, "address": null,
    })
}

/// Sends a customer into a fault.
async fn into(sandbox: &Sandbox, fault: Fault) -> Socket {
    sandbox.fault(fault);
    let mut socket = Socket::connect(sandbox).await;
    socket.send(request(sandbox, "POST", "/customers", Some(&nobody()))).await;
    socket
}

/// How many customers were created before.
async fn created(sandbox: &Sandbox) -> i64 {
    post(sandbox, "/customers", &nobody()).await.data()["id"].as_i64().unwrap() - 1
}

#[tokio::test]
async fn a_delay_waits_before_or_after_acting() {
    let sandbox = unlimited().await;
    let before = Instant::now();
    let mut socket = into(&sandbox, Fault::delay(WHILE)).await;
    assert_eq!(created(&sandbox).await, 0); // not yet
    assert_eq!(socket.answer().await.data()["id"], 2);
    assert!(before.elapsed() >= WHILE);

    let mut socket = into(&sandbox, Fault::delay(WHILE).after_acting()).await;
    while !sandbox.requests().last().unwrap().complete || sandbox.requests().len() < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(created(&sandbox).await, 3); // already
    assert_eq!(socket.answer().await.data()["id"], 3);
}

#[tokio::test]
async fn silence_keeps_the_connection_open_and_says_nothing() {
    let sandbox = unlimited().await;
    let mut socket = into(&sandbox, Fault::silence()).await;
    assert!(timeout(WHILE, socket.rest()).await.is_err());
    let received = &sandbox.requests()[0];
    assert!(received.complete && received.status.is_none());
    assert_eq!(created(&sandbox).await, 0);
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let sandbox = unlimited().await;
    let (rest, end) = into(&sandbox, Fault::reset()).await.rest().await;
    assert_eq!((rest.as_str(), end.unwrap_err().kind()), ("", ErrorKind::ConnectionReset));
    assert_eq!(created(&sandbox).await, 0);
}

#[tokio::test]
async fn a_close_is_no_reset() {
    let sandbox = unlimited().await;
    let (rest, end) = into(&sandbox, Fault::close()).await.rest().await;
    assert!(rest.is_empty() && end.is_ok());
    assert_eq!(created(&sandbox).await, 0);
}

#[tokio::test]
async fn after_acting_the_customer_is_there_and_only_the_reply_is_lost() {
    let faults = [
        Fault::reset(),
        Fault::close(),
        Fault::raw("x"),
        Fault::reply(Response::builder().status(500).body("").unwrap()),
    ];
    for fault in faults {
        let sandbox = unlimited().await;
        let text = format!("{fault:?}");
        let _ = into(&sandbox, fault.after_acting()).await.stream.read(&mut [0]).await;
        assert_eq!(created(&sandbox).await, 1, "{text}");
    }
}

#[tokio::test]
async fn a_server_that_stops_reading_leaves_the_body_unread() {
    let sandbox = unlimited().await;
    sandbox.fault(Fault::stop_reading());
    let mut socket = Socket::connect(&sandbox).await;
    let head = request(&sandbox, "POST", "/customers", None).replace("Content-Length: 0", "Content-Length: 99");
    socket.send(&head).await;
    while sandbox.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    socket.send("x".repeat(99)).await;
    assert!(timeout(WHILE, socket.rest()).await.is_err());
    let received = &sandbox.requests()[0];
    assert_eq!((received.body.len(), received.complete, received.status), (0, false, None));
}

#[tokio::test]
async fn a_head_is_cut_where_it_was_asked_for() {
    let sandbox = unlimited().await;
    let (rest, end) = into(&sandbox, Fault::cut_head(12)).await.rest().await;
    assert_eq!((rest.as_str(), end.is_ok()), ("HTTP/1.1 200", true));
    assert_eq!(sandbox.requests()[0].status.unwrap(), 200);
    assert_eq!(created(&sandbox).await, 1);
}

#[tokio::test]
async fn a_body_is_cut_though_its_length_was_announced() {
    let sandbox = unlimited().await;
    let mut socket = into(&sandbox, Fault::cut_body(10)).await;
    let length: usize = socket.head().await.header("content-length").unwrap().parse().unwrap();
    let (rest, end) = socket.rest().await;
    assert_eq!((rest.as_str(), end.is_ok()), (r#"{"message""#, true));
    assert!(length > 10);
    assert_eq!(created(&sandbox).await, 1);
}

#[tokio::test]
async fn a_drip_is_slow_and_complete() {
    let sandbox = unlimited().await;
    for (fault, head_is_slow) in [(Fault::drip(100, SLOW), true), (Fault::drip_body(100, SLOW), false)] {
        let control = Lateness::watch();
        let before = Instant::now();
        let mut socket = into(&sandbox, fault).await;
        socket.head().await;
        let head = before.elapsed();
        if head_is_slow {
            assert!(head >= SLOW, "{head:?}");
        } else {
            control.assert_within(head, SLOW / 2);
        }
        socket.stream.read_exact(&mut [0; 150]).await.unwrap();
        // The first piece of the body may come together with the head.
        let pauses = if head_is_slow { 2 } else { 1 };
        assert!(before.elapsed() >= pauses * SLOW, "the body came at once");
    }
    let mut socket = into(&sandbox, Fault::drip(64, Duration::from_millis(1))).await;
    assert_eq!(socket.answer().await.data()["id"], 3);
    socket.send(request(&sandbox, "GET", "/users", None)).await; // the connection goes on
    assert_eq!(socket.answer().await.status, 200);
}

#[tokio::test]
async fn informational_replies_come_without_end() {
    let sandbox = unlimited().await;
    let mut socket = into(&sandbox, Fault::flood_informational()).await;
    for _ in 0..1000 {
        assert_eq!((socket.head().await.status, socket.head().await.status), (100, 103));
    }
    assert_eq!(created(&sandbox).await, 0);
}

#[tokio::test]
async fn a_flood_is_as_long_as_it_says() {
    let sandbox = unlimited().await;
    let total = 10_000_001;
    let mut socket = into(&sandbox, Fault::flood_body(total)).await;
    assert_eq!(socket.head().await.header("content-length"), Some("10000001"));
    let (rest, _) = socket.rest().await;
    assert_eq!(rest.len() as u64, total);
    assert_eq!(created(&sandbox).await, 0);
}

#[tokio::test]
async fn an_encoding_is_claimed_whatever_the_bytes() {
    let sandbox = unlimited().await;
    let answer = into(&sandbox, Fault::encoding("br", "plain")).await.answer().await;
    assert_eq!((answer.status, answer.header("content-encoding"), answer.body.as_str()), (200, Some("br"), "plain"));
    let answer = into(&sandbox, Fault::encoding("a\nb", "plain")).await.answer().await;
    assert_eq!(answer.header("content-encoding"), Some("invalid"));
}

#[tokio::test]
async fn a_redirect_names_its_target() {
    let sandbox = unlimited().await;
    let answer = into(&sandbox, Fault::redirect("http://127.0.0.1:1/x")).await.answer().await;
    assert_eq!((answer.status, answer.header("location")), (307, Some("http://127.0.0.1:1/x")));
    assert_eq!(created(&sandbox).await, 0);
}

#[tokio::test]
async fn raw_bytes_go_out_as_they_are() {
    let sandbox = unlimited().await;
    let (rest, end) = into(&sandbox, Fault::raw("HTTP/1.1 299 Odd\r\n\r\nx\0")).await.rest().await;
    assert_eq!((rest.as_str(), end.is_ok()), ("HTTP/1.1 299 Odd\r\n\r\nx\0", true));
    assert_eq!(sandbox.requests()[0].status.unwrap(), 299);
}

#[tokio::test]
async fn a_scripted_reply_is_sent_once_and_nothing_is_done() {
    let sandbox = unlimited().await;
    sandbox.reply(
        Response::builder().status(502).header("content-type", "text/html").body("<h1>Bad gateway</h1>").unwrap(),
    );
    let answer = post(&sandbox, "/customers", &nobody()).await;
    assert_eq!((answer.status, answer.body.as_str()), (502, "<h1>Bad gateway</h1>"));
    assert_eq!(answer.header("ratelimit-limit"), None);
    assert_eq!(sandbox.requests()[0].status.unwrap(), 502);
    assert_eq!(created(&sandbox).await, 0);
}

#[tokio::test]
async fn a_reply_without_content_has_no_length() {
    let sandbox = unlimited().await;
    sandbox.reply(Response::builder().status(204).body("").unwrap());
    let mut socket = Socket::connect(&sandbox).await;
    socket.send(request(&sandbox, "GET", "/users", None)).await;
    let answer = socket.answer().await;
    assert_eq!((answer.status, answer.header("content-length"), answer.header("connection")), (204, None, None));
}

#[tokio::test]
async fn a_reply_with_a_wrong_length_is_sent_as_it_stands_and_ends_the_connection() {
    let sandbox = unlimited().await;
    let mut socket =
        into(&sandbox, Fault::reply(Response::builder().header("content-length", "99").body("short").unwrap())).await;
    assert_eq!(socket.head().await.header("content-length"), Some("99"));
    assert_eq!(socket.rest().await.0, "short");
}

#[tokio::test]
async fn faults_queue_up_one_for_each_request() {
    let sandbox = Sandbox::builder().unlimited().fault(Fault::raw("first")).start().await.unwrap();
    sandbox.fault(Fault::raw("second"));
    for text in ["first", "second"] {
        let mut socket = Socket::connect(&sandbox).await;
        socket.send(request(&sandbox, "GET", "/users", None)).await;
        assert_eq!(socket.rest().await.0, text);
    }
    assert_eq!(get(&sandbox, "/users").await.status, 200);
}

#[tokio::test]
async fn a_fault_can_wait_for_one_operation() {
    let sandbox = unlimited().await;
    let teapot = || Response::builder().status(418).body("").unwrap();
    sandbox.on(Method::PATCH, "/users/{user_id}").reply(teapot());
    sandbox.on(Method::POST, "/customers").fault(Fault::reply(teapot()));
    assert_eq!(get(&sandbox, "/users").await.status, 200);
    assert_eq!(post(&sandbox, "/customers", &nobody()).await.status, 418);
    assert_eq!(crate::socket::patch(&sandbox, "/users/7", &nobody()).await.status, 418);
    assert_eq!(post(&sandbox, "/customers", &nobody()).await.status, 200);
}
