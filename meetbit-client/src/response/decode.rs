//! Reads the value of a call from a reply whose status is a success.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::endpoint::Endpoint;
use crate::error::redact::{KEPT, Redactor};
use crate::error::{Error, ErrorKind};
use crate::response::envelope::Decoded;
use crate::response::json_path::{self, Position};
use crate::response::retry_after::RateLimitHeaders;

/// A reply whose status is a success.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) rate_limit: RateLimitHeaders,
    pub(crate) attempts: u32,
}

/// Reads the value of a call. It is the only step that is generic in the value's type.
pub(crate) type Decode<T> = fn(&Reply) -> Result<Decoded<T>, DecodeError>;

/// Reads MeetBit's envelope, `{"message": .., "data": ..}`. An empty body with `202` or `204` counts as `null`.
pub(crate) fn envelope<T: DeserializeOwned>(reply: &Reply) -> Result<Decoded<T>, DecodeError> {
    if is_no_content(reply) {
        return json(r#"{"data":null}"#).map_err(|_| DecodeError::empty());
    }
    json(text(reply)?)
}

/// Reads the value itself, without an envelope.
pub(crate) fn raw<T: DeserializeOwned>(reply: &Reply) -> Result<Decoded<T>, DecodeError> {
    let text = if is_no_content(reply) { "null" } else { text(reply)? };
    json(text).map(|data| Decoded { message: None, data })
}

/// Reads no value. A body, if there is one, must still be JSON, because a page of HTML is no success.
pub(crate) fn empty(reply: &Reply) -> Result<Decoded<()>, DecodeError> {
    if reply.body.is_empty() {
        return Ok(Decoded { message: None, data: () });
    }
    let text = text(reply)?;
    json::<IgnoredAny>(text)?;
    let envelope = serde_json::from_str::<Decoded<IgnoredAny>>(text).ok();
    Ok(Decoded { message: envelope.and_then(|envelope| envelope.message), data: () })
}

/// Takes the body as it is.
#[expect(clippy::unnecessary_wraps, reason = "it is one of the `Decode` functions")]
pub(crate) fn bytes(reply: &Reply) -> Result<Decoded<Bytes>, DecodeError> {
    Ok(Decoded { message: None, data: reply.body.clone() })
}

fn is_no_content(reply: &Reply) -> bool {
    matches!(reply.status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) && reply.body.is_empty()
}

fn text(reply: &Reply) -> Result<&str, DecodeError> {
    if reply.body.is_empty() {
        return Err(DecodeError::empty());
    }
    std::str::from_utf8(&reply.body).map_err(|_| DecodeError(format!("the body is not UTF-8{}", media_type(reply))))
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T, DecodeError> {
    serde_json::from_str(text).map_err(|error| explain(text, &error, std::any::type_name::<T>()))
}

/// The reason why a reply cannot be read: the JSON path and the types, never a value.
#[derive(Debug)]
pub(crate) struct DecodeError(String);

impl DecodeError {
    fn empty() -> Self {
        Self("the body is empty".to_owned())
    }

    /// The error keeps the body for callers who ask for it. No text of the error contains it.
    pub(crate) fn into_error(self, endpoint: &'static Endpoint, redactor: Redactor<'_>, reply: &Reply) -> Error {
        let reason = redactor.shown(&self.0, KEPT);
        let message = format!("the reply cannot be read: {reason}{}", media_type(reply));
        let body = redactor.shown(&String::from_utf8_lossy(&reply.body), KEPT);
        Error::new(ErrorKind::Decode, message)
            .with(|e| e.endpoint(endpoint).status(reply.status).attempts(reply.attempts).body(body))
    }
}

/// A hint for a reply of HTML, which explains the rest.
fn media_type(reply: &Reply) -> &'static str {
    let value = reply.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if value.starts_with("text/html") { " (it is HTML: did a proxy answer instead of MeetBit?)" } else { "" }
}

/// Explains an error of serde. Its message quotes the value, so only the expected type is taken from it.
fn explain(text: &str, error: &serde_json::Error, wanted: &str) -> DecodeError {
    let Position { path, found } = json_path::find(text, error.line(), error.column());
    let said = error.to_string();
    let place = if path.is_empty() { "the top level".to_owned() } else { format!("`{path}`") };
    DecodeError(match error.classify() {
        serde_json::error::Category::Eof => format!("the JSON ends too early, at {place}"),
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => {
            let number = if said.starts_with("number out of range") { "a number out of range" } else { "not JSON" };
            format!("{number} at {place}, line {} column {}", error.line(), error.column())
        }
        serde_json::error::Category::Data => {
            let missing = said.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
            let expected =
                said.rsplit_once(", expected ").map(|(_, tail)| tail.split(" at line ").next().unwrap_or(tail));
            match (missing, expected) {
                (Some(field), _) => format!("the field `{field}` is missing at {place}"),
                (None, Some(expected)) => format!("{found} at {place}, expected {expected}"),
                (None, None) => format!("{found} at {place} does not fit `{wanted}`"),
            }
        }
    })
}
