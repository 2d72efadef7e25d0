//! Starting and stopping.

use meetbit_client::sandbox::Sandbox;
use tokio::net::TcpStream;

use crate::socket::{Socket, get, start, unlimited};

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

#[test]
fn without_a_runtime_it_is_an_error_not_a_panic() {
    let mut start = Box::pin(Sandbox::start());
    let polled = start.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    assert!(matches!(polled, std::task::Poll::Ready(Err(_))));
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
