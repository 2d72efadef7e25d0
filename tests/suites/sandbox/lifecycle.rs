//! Starting and stopping.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use meetbit_client::sandbox::{Fault, Sandbox};
use meetbit_client::{ListUsers, Users as _};
use tokio::net::TcpStream;

use crate::socket::{Socket, get, request, start, unlimited};

#[tokio::test]
async fn dropping_the_last_handle_ends_listener_and_connections() {
    let sandbox = unlimited().await;
    let clone = sandbox.clone();
    let mut socket = Socket::connect(&sandbox).await;
    get(&sandbox, "/users").await;
    drop(sandbox);
    assert_eq!(get(&clone, "/users").await.status, 200);
    let address = socket.stream.peer_addr().unwrap();
    drop(clone);
    assert_eq!(socket.rest().await.0, ""); // the open connection ends
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_port_can_be_chosen_but_not_shared() {
    let first = unlimited().await;
    let port = Socket::connect(&first).await.stream.peer_addr().unwrap().port();
    assert!(Sandbox::builder().port(port).start().await.is_err());
    let free = { std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port() };
    let second = start(Sandbox::builder().port(free)).await;
    assert_eq!(second.base_url(), format!("http://127.0.0.1:{free}/api/public/v2.0"));
}

/// Drives a future on this thread, without a runtime.
fn without_a_runtime<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
            std::task::Poll::Ready(value) => return value,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}

/// One request from blocking code.
fn answer_to_blocking_code(sandbox: &Sandbox) -> String {
    let address = sandbox.base_url().strip_prefix("http://").unwrap().split('/').next().unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let head = request(sandbox, "GET", "/users", None).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_runs_without_a_runtime() {
    let sandbox = without_a_runtime(Sandbox::start()).unwrap();
    assert!(answer_to_blocking_code(&sandbox).starts_with("HTTP/1.1 200 OK"));
}

#[test]
fn it_outlives_the_runtime_that_started_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sandbox = runtime.block_on(unlimited());
    assert!(answer_to_blocking_code(&sandbox).starts_with("HTTP/1.1 200 OK")); // nobody drives the runtime
    drop(runtime);
    assert!(answer_to_blocking_code(&sandbox).starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn it_answers_a_runtime_whose_only_thread_is_blocked() {
    let sandbox = unlimited().await;
    assert!(answer_to_blocking_code(&sandbox).starts_with("HTTP/1.1 200 OK"));
}

#[test]
fn blocking_calls_reach_a_sandbox_that_a_runtime_started() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sandbox = runtime.block_on(unlimited());
    let users = sandbox.client().list_users(&ListUsers::new()).wait().unwrap();
    assert_eq!(users.len(), 2);
}

#[tokio::test]
async fn dropping_it_blocks_nothing_and_frees_its_port() {
    for fault in [Fault::silence(), Fault::delay(Duration::from_hours(1)), Fault::flood_informational()] {
        let sandbox = unlimited().await;
        sandbox.fault(fault);
        let mut socket = Socket::connect(&sandbox).await;
        socket.send(request(&sandbox, "GET", "/users", None)).await;
        while sandbox.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        let port = socket.stream.peer_addr().unwrap().port();
        let before = Instant::now();
        drop(sandbox);
        assert!(before.elapsed() < Duration::from_secs(5), "the drop took {:?}", before.elapsed());
        let _ = socket.rest().await; // ends, and so has the listener
        let again = start(Sandbox::builder().port(port)).await;
        assert_eq!(get(&again, "/users").await.status, 200);
    }
}

#[tokio::test]
async fn an_ordinary_client_is_served() {
    let sandbox = unlimited().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for _ in 0..3 {
        let response = client
            .get(format!("{}/users", sandbox.base_url()))
            .header("x-access-key-id", sandbox.access_key_id())
            .header("x-access-key-secret", sandbox.access_key_secret())
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.text().await.unwrap().contains("Grace"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_are_served_at_once() {
    let sandbox = unlimited().await;
    let calls = (0..100).map(|_| {
        let sandbox = sandbox.clone();
        tokio::spawn(async move { get(&sandbox, "/users").await.status })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), 200);
    }
    assert_eq!(sandbox.requests().len(), 100);
}
