//! Replies, mutated: `meetbit_tests::probe::fuzz` says how to run it longer and how to save a regression.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{cell::Cell, convert::Infallible, rc::Rc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use meetbit_client::{Customer, ErrorKind, Outcome, RetryPolicy};
use meetbit_tests::{
    client::{SECRET, builder, create},
    probe::{fuzz, leak},
};
use tokio::runtime;

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

/// A value comes from an object with the same id, and from no array.
fn assert_is_what_the_body_says(response: &meetbit_client::Response<Customer>) {
    let body = response.body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&response.body);
    // `Value` refuses numbers that it cannot hold, and text that is nested too deep, even where nobody reads them.
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) else { return };
    assert!(value["data"].is_object(), "{value}");
    assert_eq!(value["data"]["id"], response.data.id.0, "{value}");
    let address = &value["data"]["address"];
    assert!(!address.is_array() || address == &serde_json::json!([]) && response.data.address.is_none(), "{value}");
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
            Ok(response) => {
                assert!(status.is_success() && response.status == status);
                assert_is_what_the_body_says(&response);
            }
            Err(error) => {
                let said = format!("{error} {error:?}");
                leak::assert_absent(&said, SECRET);
                assert!(error.body().is_none_or(|body| body.len() <= 8192));
                assert!(!said.contains("meetbit_client::") && !error.to_string().contains(char::is_control), "{said}");
                assert!(error.data_id().is_none() || error.kind() == ErrorKind::Decode, "{said}");
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
    assert!(tried.get() > 20, "most inputs are not replies");
}
