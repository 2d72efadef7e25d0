//! The span of a call, with the field names of OpenTelemetry's HTTP semantic conventions.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use meetbit_client::{Client, Credentials, Customers, NewCustomer};
use meetbit_tests::probe::log_trap::LogTrap;
use meetbit_tests::server::raw_server::RawServer;
use meetbit_tests::server::replies;
use meetbit_tests::server::script::{Plan, Script};

#[tokio::test]
async fn a_call_is_a_span_named_after_its_endpoint_without_secret_or_body() {
    let trap = LogTrap::set();
    let server = RawServer::start(Plan::scripts([Script::new()
        .read_request()
        .write(replies::too_many_requests(Some("1")))
        .read_request()
        .write(replies::customer())]));
    let credentials = Credentials::new("id", "planted-s3cr#t-0f9");
    let client = Client::builder("acme.example.com").base_url(server.url()).credentials(credentials).build().unwrap();
    client.create_customer(&NewCustomer::new().first_name("Ada-in-the-body")).await.unwrap();

    let text = trap.text();
    let port = server.address().port();
    for field in [
        "otel.name=create_customer",
        "http.request.method=POST",
        "url.template=/customers",
        "server.address=127.0.0.1",
        &format!("server.port={port}"),
        "http.response.status_code=200",
        "http.request.resend_count=1",
        "reason=Gate",
    ] {
        assert!(text.contains(field), "{field} is not in\n{text}");
    }
    assert!(!text.contains("Ada-in-the-body"));
    trap.assert_absent("planted-s3cr#t-0f9");
}
