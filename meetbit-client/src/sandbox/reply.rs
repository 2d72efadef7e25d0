//! Replies in MeetBit's shapes.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use serde::Serialize;

use super::limits::Admission;
use super::route::BASE_PATH;
use super::validation::Invalid;

pub(super) type Reply = Response<Bytes>;

/// `200` with the envelope.
pub(super) fn done(message: &str, data: &impl Serialize) -> Reply {
    #[derive(Serialize)]
    struct Envelope<'a, T> {
        message: &'a str,
        data: T,
    }
    json(StatusCode::OK, &Envelope { message, data })
}

/// `400` with the texts of each field.
pub(super) fn invalid(invalid: &Invalid) -> Reply {
    json(StatusCode::BAD_REQUEST, invalid)
}

/// Any other status: a line of text.
pub(super) fn text(status: StatusCode, text: impl Into<Bytes>) -> Reply {
    with_body(status, "text/plain", text.into())
}

pub(super) fn unauthenticated() -> Reply {
    text(StatusCode::UNAUTHORIZED, "Invalid or missing access key.")
}

pub(super) fn suspended() -> Reply {
    text(StatusCode::UNAUTHORIZED, "Access key suspended.")
}

pub(super) fn denied() -> Reply {
    text(StatusCode::UNAUTHORIZED, "Access denied.")
}

pub(super) fn not_found() -> Reply {
    text(StatusCode::NOT_FOUND, "Resource object does not exist.")
}

/// The reply for a path that the sandbox does not have. MeetBit may have it, so the text says how to script it.
pub(super) fn unscripted(method: &Method, path: &str) -> Reply {
    let hint = match path.strip_prefix(BASE_PATH) {
        Some(path) => format!("{method} {path}: script it with `Sandbox::on`"),
        None => format!("{method} {path}: its paths begin with {BASE_PATH}"),
    };
    text(StatusCode::NOT_FOUND, format!("the sandbox has no {hint}"))
}

pub(super) fn wrong_method(mut unscripted: Reply, allowed: &str) -> Reply {
    *unscripted.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    if let Ok(allowed) = HeaderValue::from_str(allowed) {
        unscripted.headers_mut().insert(ALLOW, allowed);
    }
    unscripted
}

pub(super) fn too_many(seconds: u64) -> Reply {
    let mut reply = text(StatusCode::TOO_MANY_REQUESTS, "Too many requests.");
    reply.headers_mut().insert(RETRY_AFTER, seconds.into());
    reply
}

/// The seconds that a `429` asks its key to wait.
pub(super) fn wait_asked_for(reply: &Reply) -> Option<u64> {
    let asked = reply.headers().get(RETRY_AFTER).filter(|_| reply.status() == StatusCode::TOO_MANY_REQUESTS)?;
    asked.to_str().ok()?.parse().ok()
}

/// Adds the three headers that every response of MeetBit carries.
pub(super) fn add_limits(reply: &mut Reply, admission: &Admission) {
    let headers = reply.headers_mut();
    headers.insert(HeaderName::from_static("ratelimit-limit"), admission.limit.into());
    headers.insert(HeaderName::from_static("ratelimit-remaining"), admission.remaining.into());
    headers.insert(HeaderName::from_static("ratelimit-reset"), admission.reset.into());
}

/// False for a reply that hyper would correct or refuse: one with its own framing, right or wrong, or with a `1xx` status.
pub(super) fn is_for_hyper(reply: &Reply) -> bool {
    let framing = [CONTENT_LENGTH, TRANSFER_ENCODING];
    !reply.status().is_informational() && !framing.iter().any(|name| reply.headers().contains_key(name))
}

/// A reply as bytes, with exactly its own headers.
pub(super) fn render(reply: &Reply, with_body: bool) -> Vec<u8> {
    let status = reply.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", status.as_str()).into_bytes();
    for (name, value) in reply.headers() {
        bytes.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend_from_slice(b"\r\n");
    if with_body {
        bytes.extend_from_slice(reply.body());
    }
    bytes
}

fn json(status: StatusCode, value: &impl Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(body) => with_body(status, "application/json", body.into()),
        // Unreachable: plain data with text keys always serializes.
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "An unexpected error occurred."),
    }
}

fn with_body(status: StatusCode, content_type: &'static str, body: Bytes) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}
