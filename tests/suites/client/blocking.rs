//! `Call::wait`, for programs without an async runtime.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::process::Command;

use meetbit_client::{Client, Credentials, Customers, ErrorKind, NewCustomer, Outcome, RateLimit, RetryPolicy};
use meetbit_tests::server::raw_server::RawServer;
use meetbit_tests::server::replies;
use meetbit_tests::server::script::Plan;
use tokio::runtime::{Builder, Runtime};

fn server_and_client() -> (RawServer, Client) {
    let server = RawServer::start(Plan::respond(|_| replies::customer()));
    let credentials = Credentials::new("id", "secret");
    let client = Client::builder("acme.example.com")
        .base_url(server.url())
        .credentials(credentials)
        .rate_limit(RateLimit::unlimited())
        .build()
        .unwrap();
    (server, client)
}

#[test]
fn a_call_is_waited_for_and_connections_are_used_again() {
    let (server, client) = server_and_client();
    for _ in 0..20 {
        assert_eq!(client.create_customer(&NewCustomer::new()).wait().unwrap().id.0, 42);
    }
    let record = server.finish();
    assert_eq!(record.requests.len(), 20);
    // Most of the time it is one; a connection may not be back when the next call wants it.
    assert!(record.connections.len() < 10, "{}", record.connections.len());
}

#[tokio::test]
async fn waiting_inside_a_runtime_sends_nothing_and_says_why() {
    let (server, client) = server_and_client();
    let error = client.create_customer(&NewCustomer::new()).wait().unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::InvalidRequest, Outcome::NotSent));
    assert!(error.to_string().contains("await the call instead"), "{error}");
    assert_eq!(server.finish().requests.len(), 0);
}

/// Waits for a create on this thread.
fn wait(client: &Client) {
    assert_eq!(client.create_customer(&NewCustomer::new()).wait().unwrap().id.0, 42);
}

fn refused(client: &Client) {
    let error = client.create_customer(&NewCustomer::new()).wait().unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::InvalidRequest, Outcome::NotSent), "{error}");
}

fn runtimes() -> [Runtime; 2] {
    let one = Builder::new_current_thread().enable_all().build().unwrap();
    let several = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    [one, several]
}

#[test]
fn a_call_is_waited_for_inside_spawn_blocking() {
    for runtime in runtimes() {
        let (server, client) = server_and_client();
        runtime.block_on(async {
            let both = client.clone();
            tokio::task::spawn_blocking(move || [wait(&both), wait(&both)]).await.unwrap();
            client.create_customer(&NewCustomer::new()).await.unwrap();
        });
        assert_eq!(server.finish().requests.len(), 3);
    }
}

#[test]
fn a_call_is_waited_for_inside_block_in_place() {
    let (server, client) = server_and_client();
    let [_, runtime] = runtimes();
    runtime.block_on(async {
        tokio::task::block_in_place(|| wait(&client));
        let client = client.clone();
        tokio::spawn(async move { tokio::task::block_in_place(|| wait(&client)) }).await.unwrap();
    });
    assert_eq!(server.finish().requests.len(), 2);
}

#[test]
fn a_call_is_waited_for_on_a_thread_that_entered_a_handle() {
    for runtime in runtimes() {
        let (server, client) = server_and_client();
        {
            let _inside = runtime.enter();
            wait(&client);
        }
        let handle = runtime.handle().clone();
        let scoped = client.clone();
        std::thread::spawn(move || {
            let _inside = handle.enter();
            wait(&scoped);
        })
        .join()
        .unwrap();
        wait(&client); // and outside
        assert_eq!(server.finish().requests.len(), 3);
    }
}

#[test]
fn waiting_in_async_code_is_refused_wherever_it_would_block_a_worker() {
    for runtime in runtimes() {
        let (server, client) = server_and_client();
        runtime.block_on(async {
            refused(&client);
            let spawned = client.clone();
            tokio::spawn(async move { refused(&spawned) }).await.unwrap();
            let local = tokio::task::LocalSet::new();
            local.run_until(async { refused(&client) }).await;
            tokio::task::yield_now().await;
            client.create_customer(&NewCustomer::new()).await.unwrap(); // the task goes on
        });
        assert_eq!(server.finish().requests.len(), 1);
    }
}

#[tokio::test]
async fn an_error_comes_out_of_a_wait_inside_spawn_blocking() {
    let (server, client) = server_and_client();
    drop(server);
    let call = client.create_customer(&NewCustomer::new()).retry(RetryPolicy::never());
    let error = tokio::task::spawn_blocking(move || call.wait()).await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Connect, Outcome::NotSent));
}

/// A forked process has the memory of the runtime that blocking calls run on, and none of its threads.
#[test]
fn promise_11_a_call_is_waited_for_in_a_forked_process() {
    let server = RawServer::start(Plan::respond(|_| replies::customer()));
    let status = Command::new(env!("CARGO_BIN_EXE_forked_process")).arg(server.url()).status().unwrap();
    assert!(status.success(), "{status}");
    assert_eq!(server.finish().requests.len(), 3);
}
