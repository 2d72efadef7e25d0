//! What the stream under the HTTP server does to replies: where it cuts, what it lets through, what it replaces.

use std::time::Duration;

use http::Response;
use meetbit_client::sandbox::{Fault, Sandbox};
use serde_json::json;

use crate::socket::{Socket, get, post, request, unlimited};

/// Sends `GET /users` into a fault.
async fn list_into(sandbox: &Sandbox, fault: Fault) -> Socket {
    sandbox.fault(fault);
    let mut socket = Socket::connect(sandbox).await;
    socket.send(request(sandbox, "GET", "/users", None)).await;
    socket
}

#[tokio::test]
async fn a_cut_within_the_head_sends_no_byte_of_the_body() {
    let sandbox = unlimited().await;
    let mut socket = list_into(&sandbox, Fault::cut_head(usize::MAX)).await;
    assert_eq!(socket.head().await.status, 200);
    assert!(matches!(socket.rest().await, (rest, Ok(())) if rest.is_empty()));
    assert!(matches!(list_into(&sandbox, Fault::cut_head(0)).await.rest().await, (rest, Ok(())) if rest.is_empty()));
}

#[tokio::test]
async fn a_cut_within_the_body_ends_the_connection_even_after_all_of_it() {
    let sandbox = unlimited().await;
    let whole = get(&sandbox, "/users").await.body;
    for (after, length) in [(0, 0), (1, 1), (whole.len(), whole.len()), (usize::MAX, whole.len())] {
        let mut socket = list_into(&sandbox, Fault::cut_body(after)).await;
        assert_eq!(socket.head().await.header("content-length"), Some(whole.len().to_string().as_str()));
        let (rest, end) = socket.rest().await;
        assert_eq!((rest.as_str(), end.is_ok()), (&whole[..length], true), "{after}");
    }
}

#[tokio::test]
async fn a_drip_keeps_its_pace_for_the_whole_body_and_ends_with_it() {
    let sandbox = unlimited().await;
    let pause = Duration::from_millis(10);
    let before = std::time::Instant::now();
    let mut socket = list_into(&sandbox, Fault::drip_body(100, pause)).await;
    let length = u32::try_from(socket.answer().await.body.len()).unwrap();
    assert!(before.elapsed() >= pause * ((length - 1) / 100), "{length} bytes in {:?}", before.elapsed());

    let mut socket = list_into(&sandbox, Fault::drip(0, Duration::ZERO)).await; // a byte at a time
    assert_eq!(socket.answer().await.data().as_array().unwrap().len(), 2);
    assert_eq!(get(&sandbox, "/users").await.status, 200);
}

#[tokio::test]
async fn a_request_is_acted_on_though_its_client_has_gone() {
    let sandbox = unlimited().await;
    sandbox.fault(Fault::delay(Duration::from_millis(50)));
    let nobody = json!({
        "first_name": null, "middle_name": null, "last_name": null,
        "email": null, "contact_number": null, "address": null,
    });
    let mut socket = Socket::connect(&sandbox).await;
    socket.send(request(&sandbox, "POST", "/customers", Some(&nobody))).await;
    while !sandbox.requests().first().is_some_and(|received| received.complete) {
        tokio::task::yield_now().await;
    }
    drop(socket);
    let acted = async {
        while sandbox.requests()[0].status.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), acted).await.unwrap();
    assert_eq!(post(&sandbox, "/customers", &nobody).await.data()["id"], 2);
}

#[tokio::test]
async fn a_refusal_after_a_good_request_is_as_complete_as_the_first() {
    let sandbox = unlimited().await;
    let mut socket = Socket::connect(&sandbox).await;
    socket.send(request(&sandbox, "GET", "/users", None)).await;
    assert_eq!(socket.answer().await.status, 200);
    socket.send("nonsense\r\n\r\n").await;
    let answer = socket.answer().await;
    assert_eq!(answer.text(), (400, "The request is malformed."));
    for (name, value) in [("connection", "close"), ("ratelimit-limit", "4294967295"), ("ratelimit-reset", "1")] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    assert!(matches!(socket.rest().await, (rest, Ok(())) if rest.is_empty()));
}

#[tokio::test]
async fn a_scripted_reply_with_framing_of_its_own_is_sent_byte_for_byte() {
    let sandbox = unlimited().await;
    let chunked = Response::builder().header("transfer-encoding", "chunked").body("1\r\nx\r\n0\r\n\r\n").unwrap();
    let (rest, _) = list_into(&sandbox, Fault::reply(chunked)).await.rest().await;
    assert_eq!(rest, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n");

    let informational = Response::builder().status(103).body("").unwrap();
    let (rest, _) = list_into(&sandbox, Fault::reply(informational)).await.rest().await;
    assert_eq!(rest, "HTTP/1.1 103 Early Hints\r\n\r\n");

    sandbox.reply(Response::builder().header("content-length", "5").body("12345").unwrap());
    let mut socket = Socket::connect(&sandbox).await;
    socket.send(request(&sandbox, "HEAD", "/users", None)).await;
    assert_eq!(socket.rest().await.0, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
}

#[tokio::test]
async fn a_scripted_reply_to_head_and_without_content_has_no_body() {
    let sandbox = unlimited().await;
    for (method, status) in [("HEAD", 200), ("GET", 204), ("GET", 304)] {
        sandbox.reply(Response::builder().status(status).body("never sent").unwrap());
        let mut socket = Socket::connect(&sandbox).await;
        socket.send(request(&sandbox, method, "/users", None)).await;
        assert_eq!(socket.head().await.status, status);
        socket.send(request(&sandbox, "GET", "/users", None)).await;
        assert_eq!(socket.answer().await.status, 200); // no body came between
    }
}

#[tokio::test]
async fn a_pipelined_request_waits_for_the_reply_before_it() {
    let sandbox = unlimited().await;
    let list = request(&sandbox, "GET", "/users", None);
    for next in [Fault::close(), Fault::raw("raw"), Fault::cut_head(8), Fault::drip(500, Duration::ZERO)] {
        let text = format!("{next:?}");
        sandbox.fault(Fault::drip(20, Duration::from_millis(1)));
        sandbox.fault(next);
        let mut socket = Socket::connect(&sandbox).await;
        socket.send([list.as_str(), &list].concat()).await;
        assert_eq!(socket.answer().await.data().as_array().unwrap().len(), 2, "{text}");
        let rest = match text.as_str() {
            text if text.contains("Close") => "",
            text if text.contains("Raw") => "raw",
            text if text.contains("CutHead") => "HTTP/1.1",
            _ => continue,
        };
        assert!(matches!(socket.rest().await, (text, Ok(())) if text == rest), "{text}");
    }
    let requests = sandbox.requests();
    assert!(requests.iter().all(|received| received.complete), "{requests:?}");
}
