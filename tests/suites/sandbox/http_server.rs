//! HTTP/1.1 as such: framing, persistence, limits, bad input.

use serde_json::json;

use crate::socket::{Answer, Socket, keys, post, request, unlimited};

const LIST: &str = "/api/public/v2.0/users";

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let sandbox = unlimited().await;
    let mut socket = Socket::connect(&sandbox).await;
    for _ in 0..3 {
        socket.send(request(&sandbox, "GET", "/users", None)).await;
        assert_eq!(socket.answer().await.status, 200);
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let sandbox = unlimited().await;
    let mut socket = Socket::connect(&sandbox).await;
    let three = [
        request(&sandbox, "GET", "/users", None),
        request(&sandbox, "POST", "/customers", Some(&json!({}))),
        request(&sandbox, "GET", "/nowhere", None),
    ];
    socket.send(three.concat()).await;
    let statuses = [socket.answer().await.status, socket.answer().await.status, socket.answer().await.status];
    assert_eq!(statuses, [200, 400, 404]);
}

#[tokio::test]
async fn a_request_may_arrive_byte_by_byte() {
    let sandbox = unlimited().await;
    let mut socket = Socket::connect(&sandbox).await;
    socket.stream.set_nodelay(true).unwrap();
    for byte in request(&sandbox, "POST", "/customers", Some(&json!({"first_name": "Ada"}))).bytes() {
        socket.send([byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(socket.answer().await.errors().as_object().unwrap().len(), 5);
}

#[tokio::test]
async fn chunked_bodies_are_read_and_the_next_request_after_them() {
    let sandbox = unlimited().await;
    let mut socket = Socket::connect(&sandbox).await;
    let head = format!(
        "POST /api/public/v2.0/customers HTTP/1.1\r\n{}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        keys(&sandbox)
    );
    socket.send(format!("{head}8;x=y\r\n{{\"email\"\r\n5\r\n:\"x\"}}\r\n0\r\nX-Trailer: y\r\n\r\n")).await;
    socket.send(request(&sandbox, "GET", "/users", None)).await;
    assert_eq!(socket.answer().await.errors()["email"], json!(["The email field must be a valid email address."]));
    assert_eq!(socket.answer().await.status, 200);
    assert_eq!(sandbox.requests()[0].body, r#"{"email":"x"}"#);
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_gets_it() {
    let sandbox = unlimited().await;
    let mut socket = Socket::connect(&sandbox).await;
    let head = format!(
        "POST /api/public/v2.0/customers HTTP/1.1\r\n{}Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
        keys(&sandbox)
    );
    socket.send(&head).await;
    assert_eq!(socket.head().await.status, 100);
    socket.send("{}").await;
    assert_eq!(socket.answer().await.status, 400);
    // A client that does not wait is answered too, with or without a `100 Continue` before the reply.
    socket.send(format!("{head}{{}}")).await;
    let mut answer = socket.answer().await;
    if answer.status == 100 {
        answer = socket.answer().await;
    }
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let sandbox = unlimited().await;
    let mut socket = Socket::connect(&sandbox).await;
    socket.send(request(&sandbox, "GET", "/users", None)).await;
    let get = socket.answer().await;
    socket.send(request(&sandbox, "HEAD", "/users", None)).await;
    let head = socket.head().await;
    assert_eq!((head.status, head.header("content-length")), (200, get.header("content-length")));
    socket.send(request(&sandbox, "GET", "/users", None)).await;
    assert_eq!(socket.answer().await.status, 200); // no body came between
}

#[tokio::test]
async fn connection_close_is_kept_and_announced() {
    let sandbox = unlimited().await;
    for close in ["Connection: close", "connection: keep-alive, Close"] {
        let mut socket = Socket::connect(&sandbox).await;
        socket.send(format!("GET {LIST} HTTP/1.1\r\n{}{close}\r\n\r\n", keys(&sandbox))).await;
        assert_eq!(socket.answer().await.header("connection"), Some("close"));
        assert!(matches!(socket.rest().await, (rest, Ok(())) if rest.is_empty()));
    }
    // HTTP/1.0 closes unless it says otherwise.
    let mut socket = Socket::connect(&sandbox).await;
    socket.send(format!("GET {LIST} HTTP/1.0\r\n{}\r\n", keys(&sandbox))).await;
    assert_eq!(socket.answer().await.status, 200);
    assert!(matches!(socket.rest().await, (rest, Ok(())) if rest.is_empty()));
}

async fn answer_to(bytes: &[u8]) -> Answer {
    let sandbox = unlimited().await;
    let mut socket = Socket::connect(&sandbox).await;
    socket.send(bytes).await;
    let answer = socket.answer().await;
    assert_eq!(answer.header("connection"), Some("close"), "{} bytes: {answer:?}", bytes.len());
    assert!(matches!(socket.rest().await, (rest, Ok(())) if rest.is_empty()));
    answer
}

#[tokio::test]
async fn what_is_not_http_is_refused_and_the_connection_closed() {
    let long_header = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(70_000));
    let endless_header = "x".repeat(70_000);
    let many_headers = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(200));
    let cases: [(&str, u16); 18] = [
        ("nonsense\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: x\r\n\r\n", 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\n\r\n", 411),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999999\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\nContent-Length: 2\r\n\r\n{}", 417),
        (&long_header, 431),
        (&endless_header, 431),
        (&many_headers, 431),
    ];
    for (bytes, status) in cases {
        let start: String = bytes.chars().take(60).collect();
        assert_eq!(answer_to(bytes.as_bytes()).await.status, status, "{start}");
    }
}

#[tokio::test]
async fn a_request_with_two_lengths_is_read_by_its_chunks_and_ends_the_connection() {
    // RFC 9112, 6.1: such a request may be smuggled past a proxy, so nothing that follows it is read.
    let lengths =
        ["Content-Length: 2\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 2"];
    for lengths in lengths {
        let answer = answer_to(
            format!("POST / HTTP/1.1\r\nHost: x\r\n{lengths}\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")
                .as_bytes(),
        )
        .await;
        assert_eq!(answer.status, 401);
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_and_while_it_is_read() {
    let announced = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n";
    assert_eq!(answer_to(announced.as_bytes()).await.status, 413);
    let chunk = format!("20000\r\n{}\r\n", "x".repeat(0x20000));
    let chunked = format!("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(9));
    assert_eq!(answer_to(chunked.as_bytes()).await.status, 413);
}

#[tokio::test]
async fn a_large_body_within_the_bound_is_read() {
    let sandbox = unlimited().await;
    let answer = post(&sandbox, "/customers", &json!({"unknown": "x".repeat(1_000_000)})).await;
    assert_eq!(answer.errors().as_object().unwrap().len(), 6);
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_told_apart() {
    let sandbox = unlimited().await;
    let mut socket = Socket::connect(&sandbox).await;
    socket.send(request(&sandbox, "GET", "/nowhere", None)).await;
    let text = "the sandbox has no GET /nowhere: script it with `Sandbox::on`";
    assert_eq!(socket.answer().await.text(), (404, text));
    for (method, path, allow) in
        [("DELETE", "/users", "GET, HEAD, POST"), ("TRACE", "/users/1", "PATCH"), ("GET", "/customers", "POST")]
    {
        socket.send(request(&sandbox, method, path, None)).await;
        let answer = socket.answer().await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)));
    }
}

#[tokio::test]
async fn a_target_in_absolute_form_is_understood() {
    let sandbox = unlimited().await;
    let mut socket = Socket::connect(&sandbox).await;
    socket.send(format!("GET {}/users?page_size=1 HTTP/1.1\r\n{}\r\n", sandbox.base_url(), keys(&sandbox))).await;
    assert_eq!(socket.answer().await.data().as_array().unwrap().len(), 1);
}
