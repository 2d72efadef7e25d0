//! How a request says where its body ends.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};

/// True if a server may expect a body, so that a request without one says so (RFC 9110, section 8.6).
pub(crate) fn implies_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// Adds `Content-Length: 0` if the method implies a body and there is none. Any other length is written by what sends the
/// request.
pub(crate) fn say_zero(headers: &mut HeaderMap, method: &Method, body: &Bytes) {
    if body.is_empty() && implies_body(method) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
}
