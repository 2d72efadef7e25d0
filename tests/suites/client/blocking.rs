//! `Call::wait`, for programs without an async runtime.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use meetbit_client::{Client, Credentials, Customers, ErrorKind, NewCustomer, Outcome, RateLimit};
use meetbit_tests::server::raw_server::RawServer;
use meetbit_tests::server::replies;
use meetbit_tests::server::script::Plan;

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
