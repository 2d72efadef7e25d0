//! Foreign text, mutated: see `meetbit_tests::fuzz` for how to run it longer and how to save a regression.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{cell::Cell, collections::HashMap, convert::Infallible, net::IpAddr, rc::Rc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use jiff::Timestamp;
use meetbit_client::{
    Client, Credentials, ErrorKind, Outcome, RetryPolicy,
    webhook::{ID, SIGNATURE, Signer, TIMESTAMP, Verifier},
};
use meetbit_tests::{
    client::{SECRET, Things, builder, create},
    fuzz, leak,
};
use tokio::runtime;

#[test]
fn promise_20_any_domain_is_a_plain_name_or_refused() {
    fuzz::run("domain", |input| {
        let domain = String::from_utf8_lossy(input);
        match Client::builder(&*domain).credentials(Credentials::new("id", SECRET)).build() {
            Ok(client) => {
                let uri = create(&client, "x").request().unwrap().uri().to_string();
                assert_eq!(uri, format!("https://{}/api/public/v2.0/customers", domain.to_ascii_lowercase()));
                assert!(domain.parse::<IpAddr>().is_err() && !domain.contains(['@', ':', '/', '\\', '%', '?', '#']));
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Config),
        }
    });
}

#[test]
fn promise_18_any_base_url_is_safe_or_refused() {
    fuzz::run("base_url", |input| {
        let url = String::from_utf8_lossy(input);
        match builder(&url).build() {
            Ok(client) => {
                let request = create(&client, "x").request().unwrap();
                let uri = request.uri();
                let host = uri.host().unwrap().trim_matches(['[', ']']);
                let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
                assert!(uri.scheme_str() == Some("https") || loopback, "{uri}");
                assert!(
                    uri.path().ends_with("/customers") && !uri.authority().unwrap().as_str().contains('@'),
                    "{uri}"
                );
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Config),
        }
    });
}

#[test]
fn promise_21_any_path_argument_is_one_segment_of_its_own_or_refused() {
    let client = builder("https://acme.example.com/prefix").build().unwrap();
    let mut seen: HashMap<String, String> = HashMap::new();
    fuzz::run("path", |input| {
        let id = String::from_utf8_lossy(input).into_owned();
        match client.get_thing(&id).request() {
            Ok(request) => {
                let path = request.uri().path().to_owned();
                let segments: Vec<_> = path.split('/').collect();
                assert!(matches!(segments[..], ["", "prefix", "things", last] if !last.is_empty()), "{path}");
                assert!(request.uri().query().is_none());
                let decoded = percent_encoding::percent_decode_str(segments[3]).decode_utf8().unwrap();
                assert_eq!(decoded, id);
                assert_eq!(*seen.entry(path).or_insert_with(|| id.clone()), id);
            }
            Err(error) => assert!(matches!(error.kind(), ErrorKind::InvalidRequest)),
        }
    });
}

/// An input is a status, lines of headers, an empty line, and a body.
fn reply(input: &[u8]) -> Option<Response<Bytes>> {
    let end = input.windows(2).position(|two| two == b"\n\n")?;
    let (head, body) = (&input[..end], &input[end + 2..]);
    let mut lines = head.split(|byte| *byte == b'\n');
    let status = std::str::from_utf8(lines.next()?).ok()?.parse::<u16>().ok().filter(|status| *status >= 200)?;
    let mut reply = Response::builder().status(status).body(Bytes::copy_from_slice(body)).ok()?;
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        reply.headers_mut().append(name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?);
    }
    Some(reply)
}

#[test]
fn promise_14_any_reply_is_read_or_explained() {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tried = Rc::new(Cell::new(0));
    fuzz::run("reply", |input| {
        let Some(reply) = reply(input) else { return };
        tried.set(tried.get() + 1);
        let status = reply.status();
        let echoed = reply.clone();
        let service =
            tower::service_fn(move |_: Request<Bytes>| std::future::ready(Ok::<_, Infallible>(reply.clone())));
        let origin = format!("http://127.0.0.1:{}/{}", 1 + tried.get() % 65_535, tried.get());
        let client = builder(&origin).service(service).retry(RetryPolicy::never()).build().unwrap();
        match runtime.block_on(create(&client, "x").send()) {
            Ok(response) => assert!(status.is_success() && response.status == status),
            Err(error) => {
                let said = format!("{error} {error:?}");
                leak::assert_absent(&said, SECRET);
                assert!(error.body().is_none_or(|body| body.len() <= 8192));
                assert!(!error.to_string().contains(['\u{1b}', '\0', '\u{202e}']), "{error:?} for {echoed:?}");
                let outcome = match status.as_u16() {
                    200..300 => Outcome::Done,
                    400..500 => Outcome::Rejected,
                    _ => Outcome::Unknown,
                };
                assert_eq!(error.outcome(), outcome);
                if error.kind() == ErrorKind::RateLimited {
                    assert!(error.retry_after().unwrap() > Duration::from_millis(900), "never early");
                }
            }
        }
    });
    assert!(tried.get() > 20, "most inputs are no replies");
}

/// An input is id, timestamp and signature, a line each, and a body.
#[test]
fn promise_22_any_webhook_is_the_signed_one_or_refused() {
    let now: Timestamp = "2024-08-22T01:04:05Z".parse().unwrap();
    let verifier = Verifier::new("hush").unwrap().clock(move || now);
    let signed = Signer::new("hush").unwrap();
    fuzz::run("webhook", |input| {
        let mut parts = input.splitn(4, |byte| *byte == b'\n');
        let mut headers = HeaderMap::new();
        for name in [ID, TIMESTAMP, SIGNATURE] {
            let Ok(value) = HeaderValue::from_bytes(parts.next().unwrap_or_default()) else { return };
            headers.insert(name.parse::<HeaderName>().unwrap(), value);
        }
        let body = parts.next().unwrap_or_default();
        if verifier.verify(&headers, body).is_ok() {
            let id = headers[ID].to_str().unwrap();
            let again = signed.headers(id, now, body).unwrap();
            let same = again[SIGNATURE].as_bytes().eq_ignore_ascii_case(headers[SIGNATURE].as_bytes());
            assert!(same || headers[TIMESTAMP] != again[TIMESTAMP], "what was not signed is accepted");
        }
    });
}
