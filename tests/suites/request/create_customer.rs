//! Create Customer on the wire, byte for byte, and what is refused before it gets there.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::time::Duration;

use meetbit_client::{
    Address, Client, ClientBuilder, Credentials, Customers, Error, ErrorKind, NewCustomer, Outcome, RateLimit,
};
use meetbit_tests::server::raw_server::RawServer;
use meetbit_tests::server::record::Record;
use meetbit_tests::server::replies;
use meetbit_tests::server::script::Plan;

const SECRET: &str = "s3#cr*t value";

fn builder(url: &str) -> ClientBuilder {
    Client::builder("acme.example.com").base_url(url).credentials(Credentials::new("key id", SECRET))
}

async fn sent(customer: &NewCustomer) -> (Record, String) {
    let server = RawServer::start(Plan::respond(|_| replies::customer()));
    let client = builder(&format!("{}/prefix/v2.0/", server.url())).build().unwrap();
    client.create_customer(customer).await.unwrap();
    let host = server.address().to_string();
    (server.finish(), host)
}

fn expected(host: &str, body: &str) -> String {
    [
        "POST /prefix/v2.0/customers HTTP/1.1",
        "accept: application/json, */*;q=0.1",
        "accept-encoding: gzip",
        "user-agent: meetbit-client/0.1.0",
        "x-access-key-id: key id",
        "x-access-key-secret: s3#cr*t value",
        "content-type: application/json",
        &format!("host: {host}"),
        &format!("content-length: {}", body.len()),
        "",
        body,
    ]
    .join("\r\n")
}

fn whole(record: &Record) -> String {
    let request = &record.requests[0];
    format!("{}{}", request.head, String::from_utf8_lossy(&request.body))
}

#[tokio::test]
async fn an_empty_customer_is_six_nulls() {
    let (record, host) = sent(&NewCustomer::new()).await;
    let body =
        r#"{"first_name":null,"middle_name":null,"last_name":null,"email":null,"contact_number":null,"address":null}"#;
    assert_eq!(whole(&record), expected(&host, body));
}

#[tokio::test]
async fn a_full_customer_has_every_field() {
    let address = Address::new()
        .line_1("1 St \"James's\" Sq")
        .line_2("2nd floor")
        .city("Zürich")
        .region("Zürich")
        .region_code("ZH")
        .country("Switzerland")
        .country_code("CH")
        .postal_code("8001");
    let customer = NewCustomer::new()
        .first_name("Ada")
        .middle_name("King")
        .last_name("Lovelace")
        .email("ada@example.com")
        .contact_number("+15551234567")
        .address(address);
    let (record, host) = sent(&customer).await;
    let body = concat!(
        r#"{"first_name":"Ada","middle_name":"King","last_name":"Lovelace","email":"ada@example.com","#,
        r#""contact_number":"+15551234567","address":{"line_1":"1 St \"James's\" Sq","line_2":"2nd floor","#,
        r#""city":"Zürich","region":"Zürich","region_code":"ZH","country":"Switzerland","country_code":"CH","#,
        r#""postal_code":"8001"}}"#
    );
    assert_eq!(whole(&record), expected(&host, body));
}

#[tokio::test]
async fn an_empty_address_is_an_empty_object() {
    let (record, _) = sent(&NewCustomer::new().address(Address::new())).await;
    assert!(whole(&record).ends_with(r#""address":{}}"#));
}

#[tokio::test]
async fn a_call_adds_a_header_a_query_and_its_own_time_limit() {
    let server = RawServer::start(Plan::respond(|_| replies::customer()));
    let client = builder(&server.url()).build().unwrap();
    let call = client.create_customer(&NewCustomer::new()).timeout(Duration::from_secs(5));
    call.header("X-Trace", "abc").header("accept", "*/*").query("dry run", vec!["a&b", "ü"]).await.unwrap();
    let record = server.finish();
    assert_eq!(record.requests[0].target(), "/customers?dry+run=a%26b&dry+run=%C3%BC");
    assert_eq!(record.requests[0].header("x-trace"), Some("abc"));
    assert_eq!(record.requests[0].header("accept"), Some("*/*"));
}

#[tokio::test]
async fn time_limits_without_end_are_no_panic() {
    let server = RawServer::start(Plan::respond(|_| replies::customer()));
    let endless =
        builder(&server.url()).timeout(Duration::MAX).attempt_timeout(Duration::MAX).connect_timeout(Duration::MAX);
    let client = endless.idle_timeout(Duration::MAX).build().unwrap();
    client.create_customer(&NewCustomer::new()).timeout(Duration::MAX).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_valid_is_not_sent() {
    let server = RawServer::start(Plan::respond(|_| replies::customer()));
    let client = builder(&server.url()).build().unwrap();
    let long = "é".repeat(256);
    let invalid = [
        ("email", NewCustomer::new().email("ada"), "The email field must be a valid email address."),
        ("email", NewCustomer::new().email("ada@"), "The email field must be a valid email address."),
        ("email", NewCustomer::new().email("a da@example.com"), "The email field must be a valid email address."),
        (
            "contact_number",
            NewCustomer::new().contact_number("555-0100"),
            "The contact_number field format is invalid.",
        ),
        (
            "first_name",
            NewCustomer::new().first_name(&*long),
            "The first_name field must not be greater than 255 characters.",
        ),
        (
            "address.city",
            NewCustomer::new().address(Address::new().city(&*long)),
            "The address.city field must not be greater than 255 characters.",
        ),
    ];
    for (field, customer, text) in &invalid {
        let error = client.create_customer(customer).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome(), error.attempts()),
            (ErrorKind::Validation, Outcome::NotSent, 0),
            "{error}"
        );
        assert_eq!(error.validation().unwrap().get(field).unwrap(), [*text]);
        assert_eq!(error.validation().unwrap().message(), *text);
    }
    assert_eq!(server.finish().requests.len(), 0);
}

#[tokio::test]
async fn several_mistakes_are_summed_up_as_meetbit_does() {
    let client = builder("http://127.0.0.1:9").build().unwrap();
    let long = "x".repeat(256);
    let customer = NewCustomer::new().first_name(&*long).last_name(&*long).email("ada");
    let error = client.create_customer(&customer).await.unwrap_err();
    let message = error.validation().unwrap().message();
    assert_eq!(message, "The first_name field must not be greater than 255 characters. (and 2 more errors)");
}

#[tokio::test]
async fn characters_are_counted_not_bytes_and_unchecked_sends_all_the_same() {
    let server = RawServer::start(Plan::respond(|_| replies::customer()));
    let client = builder(&server.url()).rate_limit(RateLimit::unlimited()).build().unwrap();
    client.create_customer(&NewCustomer::new().first_name("é".repeat(255))).await.unwrap();
    client.create_customer(&NewCustomer::new().email("ada")).unchecked().await.unwrap();
    assert_eq!(server.finish().requests.len(), 2);
}

#[test]
fn a_client_that_is_set_up_wrongly_says_what_is_wrong_and_no_secret() {
    let good = || Client::builder("acme.example.com");
    let key = |secret: &str| Credentials::new("id", secret);
    let cases: Vec<(ClientBuilder, &str)> = vec![
        (good(), "access key"),
        (good().credentials(key("")), "the access key secret is empty"),
        (good().credentials(key("hush\nhush")), "the access key secret has a line break"),
        (good().credentials(key(" hush")), "the access key secret has leading or trailing whitespace"),
        (good().credentials(key("hüsh")), "the access key secret has a character that is not ASCII"),
        (good().credentials(Credentials::new("", "hush")), "the access key id is empty"),
        (
            good().credentials(key("hush")).base_url("http://10.0.0.1"),
            "plain http is allowed only for loopback addresses",
        ),
        (good().credentials(key("hush")).base_url("https://u:hush@x.example"), "user name or password"),
        (good().credentials(key("hush")).user_agent("a\nb"), "user agent"),
        (Client::builder("").credentials(key("hush")), "the tenant's domain is empty"),
        (Client::builder("good@evil").credentials(key("hush")), "the tenant's domain"),
        (Client::builder("http://x").credentials(key("hush")), "the tenant's domain"),
        (Client::builder("127.0.0.1").credentials(key("hush")), "the tenant's domain is an IP address"),
    ];
    for (builder, text) in cases {
        let error: Error = builder.build().unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Config, Outcome::NotSent));
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(text), "{shown}");
        assert!(!shown.contains("hush") && !shown.contains("hüsh"), "{shown}");
    }
}

#[tokio::test]
async fn headers_of_the_clients_own_and_hostile_values_are_refused() {
    let client = builder("http://127.0.0.1:9").build().unwrap();
    let call = || client.create_customer(&NewCustomer::new());
    let long_header = "x".repeat(10);
    let calls = [
        call().header("X-Access-Key-Secret", "other"),
        call().header("host", "evil.example"),
        call().header("content-length", "0"),
        call().header("transfer-encoding", "chunked"),
        call().header("x-note", "a\r\nx: y"),
        call().header("x-note", ""),
        call().header("x-note", " a"),
        call().header("x-note", " Zoë ".as_bytes()),
        call().header("x-note", "Zo\të"),
        call().header("bad name", long_header.as_str()),
        call().query("filter", vec![vec![1]]),
    ];
    for call in calls {
        assert_eq!(call.request().unwrap_err().kind(), ErrorKind::InvalidRequest);
        let error = call.await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::InvalidRequest, Outcome::NotSent), "{error}");
        assert_eq!(error.endpoint().unwrap().name(), "create_customer");
    }
}

#[test]
fn promise_16_a_request_and_everything_around_it_redacts_the_secret() {
    let builder = builder("http://127.0.0.1:9");
    let shown = format!("{builder:?}");
    let client = builder.build().unwrap();
    let call = client.create_customer(&NewCustomer::new());
    let shown = format!("{shown} {client:?} {call:?} {:?} {:?}", call.request().unwrap(), call.clone().send());
    meetbit_tests::probe::leak::assert_absent(&shown, SECRET);
    let secret = call.request().unwrap().headers()["x-access-key-secret"].clone();
    assert!(secret.is_sensitive());
    assert_eq!(secret, SECRET);
}

#[tokio::test]
async fn the_body_of_a_reply_that_cannot_be_read_is_kept_but_in_no_text() {
    let server =
        RawServer::start(Plan::respond(|_| replies::reply(200, &[("content-type", "text/html")], "<p>Ada\x07</p>")));
    let client = builder(&server.url()).build().unwrap();
    let error = client.create_customer(&NewCustomer::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Decode, Outcome::Done));
    assert_eq!(error.body(), Some("<p>Ada\\u{7}</p>"));
    assert!(!format!("{error} {error:?}").contains("Ada"));
}
