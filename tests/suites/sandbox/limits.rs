//! Rate limits and penalties.

use std::time::{Duration, Instant};

use meetbit_client::sandbox::Sandbox;
use serde_json::json;

use crate::socket::{Answer, Socket, get, keys, post, request, start};

fn limits(answer: &Answer) -> [Option<&str>; 3] {
    ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"].map(|name| answer.header(name))
}

#[tokio::test]
async fn every_response_carries_the_limits_whatever_its_status() {
    let sandbox = start(Sandbox::builder().rate_limit(100, 100)).await;
    let answers = [
        get(&sandbox, "/users").await,
        get(&sandbox, "/nowhere").await,
        get(&sandbox, "/customers").await,
        post(&sandbox, "/customers", &json!({})).await,
    ];
    let statuses = answers.each_ref().map(|answer| answer.status);
    assert_eq!(statuses, [200, 404, 405, 400]);
    for answer in &answers {
        assert_eq!(answer.header("ratelimit-limit"), Some("100"));
    }
    for (bytes, status) in [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 401),
        ("nonsense\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\n\r\n", 411),
    ] {
        let mut socket = Socket::connect(&sandbox).await;
        socket.send(bytes).await;
        let answer = socket.answer().await;
        assert_eq!(answer.status, status);
        assert!(limits(&answer).iter().all(Option::is_some), "{answer:?}");
    }
}

#[tokio::test]
async fn the_sixth_request_in_a_second_is_too_many() {
    let sandbox = Sandbox::start().await.unwrap();
    let mut socket = Socket::connect(&sandbox).await;
    for remaining in ["4", "3", "2", "1", "0"] {
        socket.send(request(&sandbox, "GET", "/users", None)).await;
        let answer = socket.answer().await;
        assert_eq!((answer.status, limits(&answer)), (200, [Some("5"), Some(remaining), Some("1")]));
    }
    socket.send(request(&sandbox, "GET", "/users", None)).await;
    let answer = socket.answer().await;
    assert_eq!(answer.text(), (429, "Too many requests."));
    assert_eq!((answer.header("retry-after"), limits(&answer)), (Some("1"), [Some("5"), Some("0"), Some("1")]));
    assert_eq!((sandbox.penalties(), sandbox.suspended()), (0, false));
}

#[tokio::test]
async fn asking_too_early_doubles_the_wait_and_then_suspends_the_key() {
    let sandbox = start(Sandbox::builder().rate_limit(1, 100).retry_after(Duration::from_millis(1500))).await;
    let mut waits = Vec::new();
    for _ in 0..5 {
        waits.push(get(&sandbox, "/users").await.header("retry-after").map(String::from));
    }
    let expected = [None, Some("2"), Some("4"), Some("8"), Some("16")].map(|wait| wait.map(String::from));
    assert_eq!(waits, expected);
    assert_eq!((sandbox.penalties(), sandbox.suspended()), (3, true));
    assert_eq!(get(&sandbox, "/users").await.text(), (401, "Access key suspended."));
}

#[tokio::test]
async fn a_wait_that_is_kept_is_not_punished() {
    let sandbox = start(Sandbox::builder().rate_limit(1, 100)).await;
    get(&sandbox, "/users").await;
    assert_eq!(get(&sandbox, "/users").await.status, 429);
    tokio::time::sleep(Duration::from_secs(1)).await; // what Retry-After asks for
    assert_eq!(get(&sandbox, "/users").await.status, 200);
    assert_eq!(sandbox.penalties(), 0);
}

#[tokio::test]
async fn invalid_requests_and_refused_keys_count_too() {
    let sandbox = start(Sandbox::builder().rate_limit(1, 3)).await;
    let mut socket = Socket::connect(&sandbox).await;
    for _ in 0..3 {
        socket.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert_eq!(socket.answer().await.status, 401);
    }
    assert_eq!(get(&sandbox, "/users").await.status, 429);
}

#[tokio::test]
async fn keys_share_the_tenants_limit() {
    let sandbox = start(Sandbox::builder().rate_limit(5, 2).key("other", "s", ["*.*.*"])).await;
    assert_eq!(get(&sandbox, "/users").await.status, 200);
    assert_eq!(get(&sandbox, "/users").await.status, 200);
    let mut socket = Socket::connect(&sandbox).await;
    let other =
        "GET /api/public/v2.0/users HTTP/1.1\r\nHost: x\r\nX-Access-Key-Id: other\r\nX-Access-Key-Secret: s\r\n\r\n";
    socket.send(other).await;
    let answer = socket.answer().await;
    assert_eq!((answer.status, limits(&answer)), (429, [Some("2"), Some("0"), Some("1")]));
}

#[tokio::test]
async fn requests_that_were_on_their_way_before_the_429_went_out_are_not_punished() {
    let sandbox = start(Sandbox::builder().rate_limit(1, 100)).await;
    let slow = meetbit_client::sandbox::Fault::delay(Duration::from_millis(200)).after_acting();
    get(&sandbox, "/users").await;
    sandbox.fault(slow);
    let mut first = Socket::connect(&sandbox).await;
    first.send(request(&sandbox, "GET", "/users", None)).await;
    while sandbox.requests().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(get(&sandbox, "/users").await.header("retry-after"), Some("1"));
    assert_eq!(sandbox.penalties(), 0);
    assert_eq!(first.answer().await.status, 429);
}

/// A `429` leaves late, so a request that is sent right after the one that gets it is not an early one. Both kinds of reply to a
/// fault are tried. On a busy machine the second request may come too late for that; then it is tried again.
#[tokio::test]
async fn requests_that_are_sent_at_once_survive_a_429_that_one_of_them_gets() {
    let too_many = || http::Response::builder().status(429).header("retry-after", "1");
    for reply in [too_many().body(""), too_many().header("content-length", "0").body("")].map(Result::unwrap) {
        let together = async {
            loop {
                let sandbox = start(Sandbox::builder()).await;
                sandbox.reply(reply.clone());
                let mut sockets = [Socket::connect(&sandbox).await, Socket::connect(&sandbox).await];
                for (n, socket) in sockets.iter_mut().enumerate() {
                    socket.send(request(&sandbox, "GET", "/users", None)).await;
                    while sandbox.requests().len() <= n {
                        tokio::task::yield_now().await;
                    }
                }
                let mut statuses = Vec::new();
                for socket in &mut sockets {
                    statuses.push(socket.answer().await.status);
                }
                let times: Vec<_> = sandbox.requests().iter().map(|request| request.at).collect();
                if times[1].duration_since(times[0]) < Duration::from_millis(15) {
                    break (statuses, sandbox.penalties());
                }
            }
        };
        let (statuses, penalties) = tokio::time::timeout(Duration::from_mins(1), together).await.unwrap();
        assert_eq!((&statuses[..], penalties), (&[429, 200][..], 0));
    }
}

#[tokio::test]
async fn a_429_that_a_test_asks_for_is_meant() {
    let sandbox = start(Sandbox::builder().unlimited()).await;
    let too_many = http::Response::builder().status(429).header("retry-after", "30").body("").unwrap();
    sandbox.reply(too_many);
    assert_eq!(get(&sandbox, "/users").await.status, 429);
    assert_eq!(get(&sandbox, "/users").await.header("retry-after"), Some("60"));
    assert_eq!(sandbox.penalties(), 1);
}

#[tokio::test]
async fn arrivals_are_counted_where_they_arrive() {
    let sandbox = start(Sandbox::builder().rate_limit(2, 100)).await;
    let before = Instant::now();
    let mut socket = Socket::connect(&sandbox).await;
    // The head alone counts: the body may come much later.
    socket
        .send(format!("POST /api/public/v2.0/customers HTTP/1.1\r\n{}Content-Length: 2\r\n\r\n", keys(&sandbox)))
        .await;
    while sandbox.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(get(&sandbox, "/users").await.header("ratelimit-remaining"), Some("0"));
    let at = sandbox.requests()[0].at;
    assert!(before < at && at < Instant::now());
}
