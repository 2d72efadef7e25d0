//! Replies as bytes.

use bytes::Bytes;
use http::StatusCode;

/// The body of a successful Create Customer.
pub const CUSTOMER: &str = concat!(
    r#"{"message":"Customer created.","data":{"id":42,"first_name":"Ada","middle_name":null,"last_name":"Lovelace","#,
    r#""email":"ada@example.com","contact_number":null,"address":null,"name":"Ada Lovelace","#,
    r#""created_at":"2024-08-22T01:04:05Z","updated_at":"2024-08-22T01:04:05Z","deleted_at":null}}"#,
);

/// A whole reply; `content-length` is added.
///
/// # Panics
///
/// If the status is not one of HTTP's.
#[must_use]
pub fn reply(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Bytes {
    let body = body.as_ref();
    let mut head = head(status, headers);
    head.insert_str(head.len() - 2, &format!("content-length: {}\r\n", body.len()));
    [head.as_bytes(), body].concat().into()
}

/// A reply's head, with the empty line that ends it and no headers but these.
///
/// # Panics
///
/// If the status is not one of HTTP's.
#[must_use]
pub fn head(status: u16, headers: &[(&str, &str)]) -> String {
    let status = StatusCode::from_u16(status).expect("a status of HTTP");
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16());
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head + "\r\n"
}

/// `200` with a customer in the envelope.
#[must_use]
pub fn customer() -> Bytes {
    reply(200, &[("content-type", "application/json")], CUSTOMER)
}

/// `429`, with the header if there is a value for it.
#[must_use]
pub fn too_many_requests(retry_after: Option<&str>) -> Bytes {
    let mut headers = vec![("content-type", "text/plain")];
    headers.extend(retry_after.map(|value| ("retry-after", value)));
    reply(429, &headers, "Too many requests.")
}
