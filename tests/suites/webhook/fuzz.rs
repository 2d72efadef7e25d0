//! Webhooks, mutated: `meetbit_tests::probe::fuzz` says how to run it longer and how to save a regression.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use meetbit_client::webhook::{ID, SIGNATURE, Signer, TIMESTAMP, Verifier};
use meetbit_tests::probe::fuzz;

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
