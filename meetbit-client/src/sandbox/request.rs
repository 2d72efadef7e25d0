//! One request: checks of its head that hyper leaves to the service, and the bounded reading of its body.

use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, Version};
use hyper::body::{Body as _, Incoming};

use super::access::KEY_HEADERS;

/// The longest body, in bytes.
const MAX_BODY: usize = 1024 * 1024;
const TOO_LARGE: Refusal = Refusal(StatusCode::PAYLOAD_TOO_LARGE, "The request's body is too large.");

pub(super) const HEAD_TOO_LARGE: Refusal =
    Refusal(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "The request's headers are too large.");

/// A request that was read in full.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) head: Parts,
    pub(super) body: Bytes,
}

/// The reply to a request that is not valid HTTP. The connection is closed after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) StatusCode, pub(super) &'static str);

impl Refusal {
    pub(super) const fn bad_request(text: &'static str) -> Self {
        Self(StatusCode::BAD_REQUEST, text)
    }
}

/// Keeps the key's headers out of `Debug`.
pub(super) fn mark_sensitive(head: &mut Parts) {
    for name in KEY_HEADERS {
        if let http::header::Entry::Occupied(mut values) = head.headers.entry(name) {
            values.iter_mut().for_each(|value| value.set_sensitive(true));
        }
    }
}

pub(super) fn check(head: &Parts) -> Result<(), Refusal> {
    if head.version > Version::HTTP_10 && head.headers.get_all(HOST).iter().count() != 1 {
        return Err(Refusal::bad_request("The request needs one Host header."));
    }
    let implies_body = matches!(head.method, Method::POST | Method::PUT | Method::PATCH);
    match head.headers.get(CONTENT_LENGTH) {
        Some(length) if !is_within_bound(length) => return Err(TOO_LARGE),
        None if implies_body && !head.headers.contains_key(TRANSFER_ENCODING) => {
            return Err(Refusal(StatusCode::LENGTH_REQUIRED, "The request needs a Content-Length."));
        }
        _ => {}
    }
    match head.headers.get(EXPECT) {
        Some(value) if !value.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
            Err(Refusal(StatusCode::EXPECTATION_FAILED, "Only the expectation `100-continue` can be met."))
        }
        _ => Ok(()),
    }
}

fn is_within_bound(length: &HeaderValue) -> bool {
    length.to_str().ok().and_then(|length| length.parse().ok()).is_some_and(|length: usize| length <= MAX_BODY)
}

/// Reads the body into `bytes`. True if it is complete, false if the client went away first.
pub(super) async fn read_body(mut body: Incoming, bytes: &mut BytesMut) -> Result<bool, Refusal> {
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        match frame.map(hyper::body::Frame::into_data) {
            Ok(Ok(data)) if data.len() > MAX_BODY - bytes.len() => return Err(TOO_LARGE),
            Ok(Ok(data)) => bytes.extend_from_slice(&data),
            Ok(Err(_)) => {} // trailers
            Err(error) if is_malformed(&error) => return Err(Refusal::bad_request("The request's body is malformed.")),
            Err(_) => return Ok(false),
        }
    }
    Ok(true)
}

/// True for a malformed chunk. An early end and a broken connection have other error kinds.
fn is_malformed(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    matches!(cause, Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData))
}
