//! What odd replies mean, and where requests go: promises 13 to 15, 17, 18 and 21.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    io::Write,
    process::Command,
    time::{Duration, Instant},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

use meetbit_client::{Client, Credentials, Customer, Error, ErrorKind, Method, Outcome};
use meetbit_tests::{
    client::{SECRET, THING, Thing, Things, builder, client, create},
    probe::lateness::Lateness,
    server::{
        ledger::marker,
        raw_server::RawServer,
        replies,
        script::{Plan, Script},
    },
};

use ErrorKind::{
    Conflict, Decode, NotFound, PermissionDenied, RateLimited, Server, Unauthenticated, UnexpectedStatus, Validation,
};
use Outcome::{Done, Rejected, Unknown};

type Headers = &'static [(&'static str, &'static str)];

const JSON: Headers = &[("content-type", "application/json")];
const HTML: Headers = &[("content-type", "text/html; charset=utf-8")];
const TEXT: Headers = &[("content-type", "text/plain")];

/// What a create comes to when it is answered so; there is one request.
async fn answered(reply: impl Into<Bytes>) -> Result<Customer, Error> {
    let reply = reply.into();
    let server = RawServer::start(Plan::each(move |_| Script::new().read_request().write(reply.clone()).close()));
    let result = create(&client(&server), &marker(1)).await;
    assert_eq!(server.finish().requests.len(), 1);
    result
}

#[tokio::test]
async fn promise_14_a_success_that_cannot_be_read_is_decode_and_done() {
    let customer = |id: &str| replies::CUSTOMER.replace("42", id);
    let deep = format!(r#"{{"message":"","new":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let positional = r#"["Customer created.",{"id":42}]"#;
    let table: [(Headers, Vec<u8>, &str); 24] = [
        (JSON, replies::CUSTOMER[..60].into(), "the JSON ends too early"),
        (JSON, b"{".to_vec(), "the JSON ends too early, at the top level"),
        (JSON, b"".to_vec(), "the body is empty"),
        (HTML, b"<html>Hello</html>".to_vec(), "(it is HTML"),
        (JSON, format!("{}x", replies::CUSTOMER).into(), "not JSON"),
        (JSON, replies::CUSTOMER.repeat(2).into(), "not JSON"),
        (JSON, customer("9223372036854775808").into(), "`data.id`"),
        (JSON, customer("1e400").into(), "a number out of range"),
        (JSON, customer("-1.5").into(), "a number at `data.id`, expected i64"),
        (JSON, customer("true").into(), "a boolean at `data.id`, expected i64"),
        (JSON, customer(r#""42""#).into(), "a string at `data.id`, expected i64"),
        (JSON, customer("null").into(), "null at `data.id`, expected i64"),
        (JSON, customer("[]").into(), "an array at `data.id`, expected i64"),
        (JSON, customer(r#"42,"id":43"#).into(), "the field `id` is duplicated at `data`"),
        (JSON, replies::CUSTOMER.replace(r#""id":42,"#, "").into(), "the field `id` is missing at `data`"),
        (JSON, br#"{"message":"ok"}"#.to_vec(), "the field `data` is missing at the top level"),
        (JSON, br#"{"message":"ok","data":null}"#.to_vec(), "null at `data`"),
        (JSON, b"[]".to_vec(), "an array at the top level"),
        (JSON, positional.into(), "an array at the top level, expected an object"),
        (JSON, b"null".to_vec(), "null at the top level"),
        (JSON, b"\xff\xfe{}".to_vec(), "not UTF-8"),
        (JSON, [br#"{"message":"a"#, &b"\0"[..], br#"","data":{}}"#].concat(), "not JSON at `message`"),
        (JSON, b"\0".repeat(100), "not JSON"),
        (JSON, deep.into(), "the field `data` is missing"),
    ];
    for (headers, body, says) in table {
        let error = answered(replies::reply(200, headers, &body)).await.unwrap_err();
        let context = format!("{:?} gave {error}", String::from_utf8_lossy(&body[..body.len().min(80)]));
        assert_eq!((error.kind(), error.outcome()), (Decode, Done), "{context}");
        assert_eq!(error.status().map(|status| status.as_u16()), Some(200), "{context}");
        assert!(
            error.to_string().starts_with("create_customer (POST /customers): the reply cannot be read: "),
            "{context}"
        );
        assert!(error.to_string().contains(says), "{context}");
        assert!(error.to_string().ends_with("it was processed: do not send it again"), "{context}");
    }
}

#[tokio::test]
async fn promise_14_a_message_has_the_path_and_types_and_never_the_value() {
    let private = "PRIVATE-0f-a-customer";
    let values = [
        format!(r#"{{"message":"","data":{{"id":"{private}"}}}}"#),
        format!(r#"{{"message":"","data":{{"id":1,"first_name":["{private}"]}}}}"#),
        format!(r#"{{"message":"","data":{{"id":1,"created_at":"{private}"}}}}"#),
        format!(r#"{{"message":"","data":"{private}"}}"#),
        format!(r#"{{"message":"","data":{{"{private}@x":1}}}}"#),
        format!(r#"{{"message":"","data":{{"id":1,"first_name":"{private}"#),
    ];
    for body in values {
        let error = answered(replies::reply(200, JSON, &body)).await.unwrap_err();
        assert_eq!(error.kind(), Decode);
        assert!(!format!("{error} {error:?}").contains(private), "{error:?}");
    }
}

#[tokio::test]
async fn promise_14_what_is_unknown_is_ignored_and_no_content_is_no_value() {
    let more = replies::CUSTOMER.replace("{\"id\"", r#"{"new":{"x":[1]},"id""#).replace("}}", r#","z":1},"meta":1}"#);
    let customer = answered(replies::reply(200, JSON, more)).await.unwrap();
    assert_eq!(customer.id.to_string(), "42");
    let spaced = format!("\r\n {} \n", replies::CUSTOMER);
    assert_eq!(answered(replies::reply(201, TEXT, spaced)).await.unwrap().first_name.as_deref(), Some("Ada"));
    for status in [202, 204] {
        let head = replies::head(status, if status == 204 { &[] } else { &[("content-length", "0")] });
        let server = RawServer::start(Plan::each(move |_| Script::new().read_request().write(head.clone()).close()));
        client(&server).delete_thing("1").await.unwrap();
        let error = create(&client(&server), &marker(1)).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (Decode, Done), "{status}");
    }
}

#[tokio::test]
async fn promise_14_a_reply_that_ends_before_its_end_is_no_success() {
    let long = [("content-type", "application/json"), ("content-length", "9999")];
    let cut = replies::head(200, &long) + replies::CUSTOMER;
    let chunked = replies::head(200, &[("transfer-encoding", "chunked")]);
    let cut_chunk = format!("{chunked}fff\r\n{}", replies::CUSTOMER);
    let no_last_chunk = format!("{chunked}{:x}\r\n{}\r\n", replies::CUSTOMER.len(), replies::CUSTOMER);
    for reply in [cut, cut_chunk, no_last_chunk] {
        let error = answered(reply.clone()).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (Decode, Done), "{reply}");
    }
}

/// What each of these replies means: status, headers, body; kind and outcome.
async fn means(table: &[(u16, Headers, &str, ErrorKind, Outcome)]) {
    for (status, headers, body, kind, outcome) in table.iter().copied() {
        let reply = if status == 304 { replies::head(304, &[]).into() } else { replies::reply(status, headers, body) };
        let error = answered(reply).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (kind, outcome), "{status} {body:?}");
        assert_eq!(error.status().map(|status| status.as_u16()), Some(status));
        assert_eq!(error.body(), Some(&*body.replace('\r', "\\u{d}")), "{status}");
        assert!(!error.to_string().contains("<html>"), "a page of HTML explains nothing: {error}");
    }
}

#[tokio::test]
async fn promise_14_the_status_decides_first() {
    let table: [(u16, Headers, &str, ErrorKind, Outcome); 14] = [
        (
            400,
            JSON,
            r#"{"message":"The email field is required.","errors":{"email":["The email field is required."]}}"#,
            Validation,
            Rejected,
        ),
        (403, TEXT, "Access denied.", UnexpectedStatus, Rejected),
        (404, TEXT, "Resource object does not exist.", NotFound, Rejected),
        (405, TEXT, "", UnexpectedStatus, Rejected),
        (409, TEXT, "The event is cancelled.", Conflict, Rejected),
        (422, JSON, r#"{"message":"x"}"#, UnexpectedStatus, Rejected),
        (500, TEXT, "An unexpected error occurred.", Server, Unknown),
        (502, HTML, "<html><h1>502 Bad Gateway</h1></html>", Server, Unknown),
        (503, TEXT, "", Server, Unknown),
        (504, HTML, "<html>", Server, Unknown),
        (599, JSON, replies::CUSTOMER, Server, Unknown),
        (304, TEXT, "", UnexpectedStatus, Unknown),
        (300, JSON, replies::CUSTOMER, UnexpectedStatus, Unknown),
        (418, JSON, replies::CUSTOMER, UnexpectedStatus, Rejected),
    ];
    means(&table).await;
}

#[tokio::test]
async fn promise_15_a_401_is_told_apart_by_its_text() {
    means(&[
        (401, TEXT, "Invalid or missing access key.", Unauthenticated, Rejected),
        (401, TEXT, "Invalid or missing access keys.", Unauthenticated, Rejected),
        (401, TEXT, "", Unauthenticated, Rejected),
        (401, HTML, "<html>Access denied</html>", Unauthenticated, Rejected),
        (401, TEXT, "Access denied.", PermissionDenied, Rejected),
        (401, TEXT, "Access Denied.", PermissionDenied, Rejected),
        (401, TEXT, "ACCESS DENIED", PermissionDenied, Rejected),
        (401, TEXT, " access denied.\r\n", PermissionDenied, Rejected),
        (401, JSON, r#"{"message":"Access denied."}"#, PermissionDenied, Rejected),
        (401, JSON, r#""Access denied.""#, PermissionDenied, Rejected),
    ])
    .await;
    let denied = answered(replies::reply(401, TEXT, "Access denied.")).await.unwrap_err();
    assert!(denied.to_string().contains("`customers.create.*`"), "{denied}");
}

#[tokio::test]
async fn promise_14_a_429_without_retry_after_is_rate_limited() {
    let server =
        RawServer::start(Plan::each(|_| Script::new().read_request().write(replies::too_many_requests(None)).close()));
    let error = create(&client(&server), &marker(1)).retry(meetbit_client::RetryPolicy::never()).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (RateLimited, Rejected));
    assert!(error.retry_after().unwrap() > std::time::Duration::from_millis(900));
}

#[tokio::test]
async fn promise_15_a_400_of_any_shape_is_a_validation() {
    let table = [
        (
            r#"{"message":"No.","errors":{"email":["Taken.","Ugly."],"address":{"city":["Where?"]}}}"#,
            "email: Taken.; email: Ugly.",
            2,
        ),
        (r#"{"message":"No.","errors":["One.","Two."]}"#, ": One.; : Two.", 1),
        (r#"{"message":"No.","errors":"Just so."}"#, "Just so.", 1),
        (r#"{"message":"No.","errors":{"email":"Taken."}}"#, "email: Taken.", 1),
        (r#"{"message":"No.","errors":null}"#, "No.", 0),
        (r#"{"message":"No."}"#, "No.", 0),
        (r#"{"message":["No."],"errors":{"a":["b"]}}"#, "a: b", 1),
        (r#"{"errors":{"email":[7,null,"Taken."]}}"#, "email: Taken.", 1),
        ("\"No.\"", "No.", 0),
        ("No.", "No.", 0),
        ("[]", "", 0),
        ("", "", 0),
        ("{", "{", 0),
        ("<html>No.</html>", "", 0),
    ];
    for (body, says, fields) in table {
        let error = answered(replies::reply(400, JSON, body)).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (Validation, Rejected), "{body}");
        assert_eq!(error.validation().unwrap().fields().len(), fields, "{body}");
        assert!(error.to_string().contains(says), "{body}: {error}");
        assert!(!error.to_string().contains("<html>"));
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn promise_13_what_is_encoded_well_is_decoded() {
    let (first, second) = replies::CUSTOMER.as_bytes().split_at(50);
    let plain = replies::CUSTOMER.as_bytes().to_vec();
    let table = [
        ("gzip", gzip(&plain)),
        ("GZip", gzip(&plain)),
        ("x-gzip", gzip(&plain)),
        ("gzip", [gzip(first), gzip(second)].concat()),
        ("identity", plain),
    ];
    for (encoding, body) in table {
        let customer = answered(replies::reply(200, &[("content-encoding", encoding)], body)).await.unwrap();
        assert_eq!(customer.id.to_string(), "42", "{encoding}");
    }
}

#[tokio::test]
async fn promise_13_what_is_encoded_otherwise_is_an_error() {
    let whole = gzip(replies::CUSTOMER.as_bytes());
    let mut corrupt = whole.clone();
    corrupt[20] ^= 0xff;
    let mut checksum = whole.clone();
    *checksum.last_mut().unwrap() ^= 1;
    let table = [
        ("br", whole.clone()),
        ("deflate", whole.clone()),
        ("zstd", whole.clone()),
        ("gzip, gzip", gzip(&whole)),
        ("gzip, identity", whole.clone()),
        ("", whole.clone()),
        ("\u{fc}", whole.clone()),
        ("br", replies::CUSTOMER.into()),
        ("gzip", replies::CUSTOMER.into()),
        ("gzip", corrupt),
        ("gzip", checksum),
        ("gzip", whole[..whole.len() / 2].into()),
        ("gzip", whole[..whole.len() - 1].into()),
        ("gzip", whole[..5].into()),
        ("gzip", [&whole[..], b"trailing junk"].concat()),
        ("gzip", [&whole[..], b"x"].concat()),
        ("gzip", gzip(b"")),
        ("gzip", Vec::new()),
    ];
    for (encoding, body) in table {
        let error = answered(replies::reply(200, &[("content-encoding", encoding)], &body)).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (Decode, Done), "{encoding:?} with {} bytes", body.len());
    }
    let both =
        answered(replies::reply(200, &[("content-encoding", "gzip"), ("content-encoding", "gzip")], &whole)).await;
    assert_eq!(both.unwrap_err().kind(), Decode);
}

/// A transfer coding was not asked for either, and hyper removes only chunks.
#[tokio::test]
async fn promise_13_a_transfer_coding_other_than_chunks_is_an_error() {
    let script = |coding: &str, body: &[u8]| {
        let head = replies::head(200, &[("transfer-encoding", coding)]);
        let chunk = [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n0\r\n\r\n"].concat();
        let framed = if coding.to_ascii_lowercase().ends_with("chunked") { chunk } else { body.to_vec() };
        Script::new().read_request().write([head.into_bytes(), framed].concat()).close()
    };
    let (plain, whole) = (replies::CUSTOMER.as_bytes(), gzip(replies::CUSTOMER.as_bytes()));
    for coding in ["gzip, chunked", "gzip,Chunked", "br, chunked", "gzip", "chunked, gzip", "xchunked"] {
        let script = script(coding, &whole);
        let server = RawServer::start(Plan::each(move |_| script.clone()));
        let error = client(&server).call::<()>(Method::POST, "/files").into_bytes().await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (Decode, Done), "{coding}");
        assert!(error.to_string().contains("a content encoding that was not asked for"), "{error}");
    }
    for coding in ["chunked", "Chunked", "identity", "identity, chunked", ", chunked"] {
        let script = script(coding, plain);
        let server = RawServer::start(Plan::each(move |_| script.clone()));
        let reply = client(&server).call::<()>(Method::POST, "/files").into_bytes().await;
        assert_eq!(reply.unwrap(), plain, "{coding}");
    }
}

#[tokio::test]
async fn promise_13_an_errors_text_is_bounded_and_escaped() {
    let error = answered(replies::reply(500, TEXT, "\u{1b}[31m".to_owned() + &"é".repeat(100_000))).await.unwrap_err();
    let body = error.body().unwrap();
    assert!(body.len() <= 8192 && body.len() > 8000);
    assert!(body.starts_with("\\u{1b}[31mé"));
    assert!(!error.to_string().contains('\u{1b}') && error.to_string().len() < 400);
    for headers in [&[("content-encoding", "br")][..], &[("content-encoding", "gzip")]] {
        let error = answered(replies::reply(404, headers, "\x01\x02")).await.unwrap_err();
        assert_eq!((error.kind(), error.body()), (NotFound, Some("")), "a status stands without its text");
    }
}

#[tokio::test]
async fn promise_17_the_target_of_a_redirect_sees_no_connection() {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = RawServer::start(Plan::scripts([])); // any connection is a violation
        let other_host = format!("http://localhost:{}/customers", elsewhere.address().port());
        let targets = [
            (format!("{}/customers", elsewhere.url()), "`127.0.0.1`"),
            (other_host, "`localhost`"),
            ("https://evil.example/x?y".to_owned(), "`evil.example`"),
            ("/elsewhere".to_owned(), ""),
        ];
        for (target, host) in targets {
            let error = answered(replies::reply(status, &[("location", &target)], "")).await.unwrap_err();
            assert_eq!((error.kind(), error.outcome()), (UnexpectedStatus, Unknown), "{status} {target}");
            assert!(error.to_string().contains(host), "{error}");
            let server = RawServer::start(Plan::scripts([Script::new()
                .read_request()
                .write(replies::reply(status, &[("location", &target)], ""))
                .close()]));
            assert_eq!(client(&server).get_thing("1").await.unwrap_err().kind(), UnexpectedStatus);
        }
    }
}

#[tokio::test]
async fn promise_21_the_prefix_is_kept_and_ids_are_one_segment() {
    let server = RawServer::start(Plan::respond(|_| replies::reply(200, JSON, THING)));
    let client = builder(&format!("{}/proxy/v9/", server.url())).build().unwrap();
    assert_eq!(client.get_thing("a/../b?c#d e").await.unwrap(), Thing { id: 7, text: "seven".into() });
    for id in ["", ".", "..", "%2e%2E", "a\nb", "%0d"] {
        let error = client.get_thing(id).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::InvalidRequest, Outcome::NotSent), "{id:?}");
    }
    let requests = server.finish().requests;
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].target(), "/proxy/v9/things/a%2F..%2Fb%3Fc%23d%20e");
}

/// Runs itself with proxies in the environment; the child calls this server.
#[tokio::test]
async fn promise_18_proxies_of_the_environment_are_not_used() {
    const URL: &str = "MEETBIT_TEST_URL";
    if let Ok(url) = std::env::var(URL) {
        let client = Client::builder("acme.example.com").base_url(url).credentials(Credentials::new("id", SECRET));
        client.build().unwrap().get_thing("1").await.unwrap();
        return;
    }
    let proxy = RawServer::start(Plan::scripts([])); // any connection is a violation
    let server = RawServer::start(Plan::respond(|_| replies::reply(200, JSON, THING)));
    let mut child = Command::new(std::env::current_exe().unwrap());
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(name, proxy.url());
    }
    child.env_remove("NO_PROXY").env_remove("no_proxy").env_remove("REQUEST_METHOD").env(URL, server.url());
    let arguments = ["--exact", "replies::promise_18_proxies_of_the_environment_are_not_used"];
    let done = tokio::task::spawn_blocking(move || child.args(arguments).output().unwrap()).await.unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    assert_eq!(server.finish().requests.len(), 1);
}

#[tokio::test]
async fn promise_15_the_text_of_an_error_counts_even_where_it_breaks_off() {
    let denied = |headers: &[(&str, &str)], body: &[u8]| [replies::head(401, headers).as_bytes(), body].concat();
    let table = [
        ("one byte short", denied(&[("content-length", "15")], b"Access denied.")),
        ("no last chunk", denied(&[("transfer-encoding", "chunked")], b"e\r\nAccess denied.\r\n")),
        ("no end of the gzip", {
            let text = gzip(b"Access denied.");
            denied(&[("content-encoding", "gzip"), ("content-length", "99")], &text[..text.len() - 4])
        }),
        ("a byte order mark", denied(&[("content-length", "17")], b"\xef\xbb\xbfAccess denied.")),
    ];
    for (case, reply) in table {
        let error = answered(reply).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (PermissionDenied, Rejected), "{case}: {error}");
    }
    let invalid = r#"{"message":"No.","errors":{"email":["Taken."]}}"#;
    let cut = [replies::head(400, &[("content-length", "99")]).as_bytes(), invalid.as_bytes()].concat();
    assert_eq!(answered(cut).await.unwrap_err().validation().unwrap().get("email").unwrap(), ["Taken."]);
}

#[tokio::test]
async fn promise_15_the_text_of_an_error_that_never_ends_counts_in_time() {
    let head = replies::head(401, &[]) + "Access denied.";
    let server = RawServer::start(Plan::scripts([Script::new().read_request().write(head).silence()]));
    let call = create(&client(&server), &marker(1)).timeout(Duration::from_millis(300));
    let control = Lateness::watch();
    let started = Instant::now();
    let error = call.await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (PermissionDenied, Rejected), "{error}");
    control.assert_within(started.elapsed(), Duration::from_millis(350));
}

#[tokio::test]
async fn promise_13_what_a_400_says_is_bounded_in_all() {
    let texts = vec!["x".repeat(1000); 16];
    let errors: std::collections::BTreeMap<_, _> = (0..60).map(|i| (format!("field_{i}"), &texts)).collect();
    let body = serde_json::json!({ "message": "No.", "errors": errors }).to_string();
    let error = answered(replies::reply(400, JSON, &body[..60_000])).await.unwrap_err();
    assert!((1..=60).contains(&error.validation().unwrap().fields().len()), "it is read as far as it goes");
    assert!((4_000..9_000).contains(&error.to_string().len()), "{}", error.to_string().len());
    for nested in [false, true] {
        let texts = vec!["x".repeat(100); 16];
        let errors: Vec<_> = (0..30).map(|_| texts.clone()).collect();
        let errors = if nested { serde_json::json!({ "a": errors }) } else { serde_json::json!(errors) };
        let body = serde_json::json!({ "message": "No.", "errors": errors }).to_string();
        let error = answered(replies::reply(400, JSON, body)).await.unwrap_err();
        let shown = error.to_string().len();
        assert!((4_000..9_000).contains(&shown), "{shown}");
    }
}

#[tokio::test]
async fn promise_14_a_status_that_was_read_is_known_whatever_became_of_the_reply() {
    let cut = [replies::head(200, &[("content-length", "99")]).as_bytes(), b"{"].concat();
    let encoded = replies::reply(200, &[("content-encoding", "br")], "x").to_vec();
    for reply in [cut, encoded] {
        let error = answered(reply).await.unwrap_err();
        assert_eq!((error.kind(), error.status().map(|status| status.as_u16())), (Decode, Some(200)));
    }
}

#[tokio::test]
async fn promise_13_a_reply_cannot_forge_lines_of_a_log() {
    let forged = "No.\r\n2026-01-01 INFO all is well\u{85}\u{2028}x";
    let json = serde_json::json!({ "message": forged, "errors": { "a\nb": [forged] } }).to_string();
    let message = serde_json::json!({ "message": forged }).to_string();
    for status in [400, 404, 409, 418, 500, 503] {
        for body in [forged, &json, &message] {
            let error = answered(replies::reply(status, TEXT, body)).await.unwrap_err();
            let validation = error.validation().map(|validation| format!("{validation} {validation:?}"));
            for shown in [error.to_string(), format!("{error:?}"), validation.unwrap_or_default()] {
                let escapes = !shown.chars().any(|c| c.is_control() || c == '\u{2028}');
                assert!(escapes, "{status} {shown:?}");
            }
        }
    }
    let error = answered(replies::reply(409, TEXT, forged)).await.unwrap_err();
    assert!(error.to_string().contains(r"No.\u{d}\n2026"), "{error}");
    assert_eq!(error.body(), Some("No.\\u{d}\n2026-01-01 INFO all is well\\u{85}\\u{2028}x"), "the body keeps lines");
    let own = Error::new(Conflict, "two\nlines");
    assert_eq!(own.to_string(), r"two\nlines");
}

#[tokio::test]
async fn promise_15_a_400_is_read_as_far_as_it_goes() {
    let table = [
        ("\u{feff}{\"message\":\"No.\",\"errors\":{\"email\":[\"Taken.\"]}}", "No."),
        ("{\"message\":\"No.\",\"errors\":{\"email\":[\"Taken.\"],\"name\":[\"\\ud800\"]}}", "No."),
        (r#"{"limit":1e999,"message":"No.","errors":{"email":["Taken."]}}"#, "No."),
        (r#"{"message":"No.","errors":{"email":["Taken."],"name":["Too lo"#, "No."),
        (r#"{"errors":{"email":["Taken."],"name":["Too long."]},"mess"#, "Taken."),
        (r#"{"message":"No.","errors":{"email":["Taken."]}} trailing"#, "No."),
        (r#"{"message":"No.","errors":{"email":["Taken."],}}"#, "No."),
    ];
    for (body, message) in table {
        let error = answered(replies::reply(400, JSON, body)).await.unwrap_err();
        let validation = error.validation().unwrap();
        assert_eq!(
            (validation.get("email").unwrap(), validation.message()),
            (&["Taken.".to_owned()][..], message),
            "{body}"
        );
    }
    let denied = answered(replies::reply(401, JSON, r#"{"message":"Access denied.","trace":"x"#)).await.unwrap_err();
    assert_eq!(denied.kind(), PermissionDenied);
}

#[tokio::test]
async fn a_404_of_a_path_without_arguments_names_the_base_url() {
    let error = answered(replies::reply(404, TEXT, "")).await.unwrap_err();
    assert_eq!(error.to_string(), "create_customer (POST /customers): not found (404): check the base URL");
    let server = RawServer::start(Plan::respond(|_| replies::reply(404, TEXT, "")));
    let error = client(&server).get_thing("1").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "get_thing (GET /things/{id}): not found (404): check the ids in the path, and the base URL"
    );
}

#[tokio::test]
async fn a_status_without_a_standard_name_is_shown_as_its_number() {
    for (status, says) in [(419, "the server answered 419: Gone."), (520, "the server failed with 520: Gone.")] {
        let error = answered(replies::reply(status, TEXT, "Gone.")).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
    for (status, says) in [(418, "the server answered 418 I'm a teapot"), (503, "failed with 503 Service Unavailable")]
    {
        let error = answered(replies::reply(status, TEXT, "")).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[tokio::test]
async fn promise_17_only_a_redirect_is_called_one() {
    let target = [("location", "https://evil.example/")];
    for (status, headers, is_redirect) in [
        (304, &[][..], false),
        (300, &[], false),
        (305, &[], false),
        (300, &target, true),
        (301, &target, true),
        (308, &[], true),
    ] {
        let reply =
            if status == 304 { replies::head(304, headers).into() } else { replies::reply(status, headers, "") };
        let error = answered(reply).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (UnexpectedStatus, Unknown));
        assert_eq!(error.to_string().contains("redirect"), is_redirect, "{error}");
    }
}

#[tokio::test]
async fn promise_17_the_target_of_a_redirect_is_named_however_it_is_written() {
    for (location, host) in [("//evil.example/x", "evil.example"), ("/elsewhere", "127.0.0.1")] {
        let error = answered(replies::reply(302, &[("location", location)], "")).await.unwrap_err();
        assert_eq!(error.kind(), UnexpectedStatus);
        assert!(error.to_string().contains(&format!("a redirect to `{host}`")), "{error}");
    }
}
