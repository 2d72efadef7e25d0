//! Reads the value of a call from a reply whose status is a success.

use std::any::type_name;
use std::marker::PhantomData;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::endpoint::Endpoint;
use crate::error::partial::PartialData;
use crate::error::redact::{KEPT, Redactor};
use crate::error::{Error, ErrorKind};
use crate::response::envelope::{self, Decoded};
use crate::response::fault::{Fault, Reason};
use crate::response::json_path::{self, Position};

use crate::response::retry_after::RateLimitHeaders;
use crate::response::strict::{self, Context};

/// A reply whose status is a success.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) rate_limit: RateLimitHeaders,
    pub(crate) attempts: u32,
    /// The secret that the request had, unless it is the client's only one.
    pub(crate) secret: Option<HeaderValue>,
    /// True if it comes from a journal.
    #[cfg(feature = "journal")]
    pub(crate) replayed: bool,
}

/// Reads the value of a call. It is the only step that is generic in the value's type.
pub(crate) type Decode<T> = fn(&Reply) -> Result<Decoded<T>, DecodeError>;

/// Reads MeetBit's envelope, `{"message": .., "data": ..}`. No content with `202` or `204` counts as `null`.
pub(crate) fn envelope<T: DeserializeOwned>(reply: &Reply) -> Result<Decoded<T>, DecodeError> {
    if is_no_content(reply) {
        return no_content();
    }
    let text = text(reply)?;
    let (offset, context) = (reply.body.len() - text.len(), Context::new(text));
    envelope::decode(text, offset, &context).map_err(|_| explain(text, context, type_name::<T>()))
}

/// Reads the value itself, without an envelope.
pub(crate) fn raw<T: DeserializeOwned>(reply: &Reply) -> Result<Decoded<T>, DecodeError> {
    if is_no_content(reply) {
        return no_content();
    }
    let text = text(reply)?;
    let context = Context::new(text);
    let mut data = strict::from_str(text, PhantomData, &context);
    if data.is_err() && context.take_empty_array() {
        data = strict::null();
    }
    let data = data.map_err(|_| DecodeError { is_raw: true, ..explain(text, context, type_name::<T>()) })?;
    Ok(Decoded { message: None, data, raw: 0..reply.body.len() })
}

/// Whether a JSON text can be read as a value of a type, with or without the envelope.
#[cfg(feature = "conformance")]
pub(crate) fn check<T: DeserializeOwned>(text: String, is_raw: bool) -> Result<(), DecodeError> {
    let reply = Reply {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        body: text.into(),
        rate_limit: RateLimitHeaders::default(),
        attempts: 1,
        secret: None,
        #[cfg(feature = "journal")]
        replayed: false,
    };
    if is_raw { raw::<T>(&reply).map(drop) } else { envelope::<T>(&reply).map(drop) }
}

/// Reads no value. A body, if there is one, must still be JSON, because a page of HTML is not a success. A `202` may have any
/// other text.
pub(crate) fn empty(reply: &Reply) -> Result<Decoded<()>, DecodeError> {
    if is_no_content(reply) || is_blank(&reply.body) {
        return Ok(Decoded { message: None, data: (), raw: 0..0 });
    }
    let text = text(reply)?;
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        return Err(not_json(text, &error));
    }
    let envelope = envelope::decode::<Option<IgnoredAny>>(text, 0, &Context::new(text)).ok();
    Ok(Decoded { message: envelope.and_then(|envelope| envelope.message), data: (), raw: 0..0 })
}

/// Takes the body as it is.
#[expect(clippy::unnecessary_wraps, reason = "it is one of the `Decode` functions")]
pub(crate) fn bytes(reply: &Reply) -> Result<Decoded<Bytes>, DecodeError> {
    Ok(Decoded { message: None, data: reply.body.clone(), raw: 0..reply.body.len() })
}

/// True for a `202` or `204` without a value: the body is blank, or the status is `202` and the body a text such as `Accepted.`
fn is_no_content(reply: &Reply) -> bool {
    let accepted = || {
        let first = reply.body.trim_ascii_start().first();
        !matches!(first, Some(b'<')) && media_type(reply).is_empty() && !is_json(&reply.body)
    };
    match reply.status {
        StatusCode::NO_CONTENT => is_blank(&reply.body),
        StatusCode::ACCEPTED => is_blank(&reply.body) || accepted(),
        _ => false,
    }
}

/// True if the body begins as JSON does. JSON that breaks off is not a text such as `Accepted.`
fn is_json(body: &[u8]) -> bool {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body).trim_ascii_start();
    matches!(body.first(), Some(b'{' | b'[' | b'"' | b'-' | b'0'..=b'9'))
        || matches!(body, b"null" | b"true" | b"false")
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

fn is_blank(body: &[u8]) -> bool {
    body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body).trim_ascii().is_empty()
}

fn no_content<T: DeserializeOwned>() -> Result<Decoded<T>, DecodeError> {
    let data = strict::null().map_err(|_| DecodeError::empty())?;
    Ok(Decoded { message: None, data, raw: 0..0 })
}

/// The body as text, without a byte order mark.
fn text(reply: &Reply) -> Result<&str, DecodeError> {
    if is_blank(&reply.body) {
        return Err(DecodeError::empty());
    }
    let text = std::str::from_utf8(&reply.body)
        .map_err(|_| DecodeError::new(format!("the body is not UTF-8{}", media_type(reply))))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// The reason why a reply cannot be read: the JSON path and the types, never a value.
#[derive(Debug)]
pub(crate) struct DecodeError {
    pub(crate) reason: String,
    /// The value that does not fit, as in `data.attendees[2]`, and the field that is missing in it.
    #[cfg_attr(not(feature = "conformance"), expect(dead_code, reason = "only `conformance` looks at it"))]
    pub(crate) place: (String, Option<&'static str>),
    /// The reply has no envelope.
    is_raw: bool,
}

impl DecodeError {
    fn new(reason: String) -> Self {
        Self { reason, place: Default::default(), is_raw: false }
    }

    fn empty() -> Self {
        Self::new("the body is empty".to_owned())
    }

    /// The error keeps the body for callers who ask for it, and the fields that can be read. No text of the error contains
    /// them.
    pub(crate) fn into_error(self, endpoint: &'static Endpoint, redactor: Redactor<'_>, reply: &Reply) -> Error {
        let reason = redactor.shown(&self.reason, KEPT);
        let message = format!("the reply cannot be read: {reason}{}", media_type(reply));
        let text = String::from_utf8_lossy(&reply.body);
        let data = PartialData::read(&text, self.is_raw, redactor);
        let (body, headers) = (redactor.shown(&text, KEPT), redactor.headers(&reply.headers));
        Error::new(ErrorKind::Decode, message).with(|e| {
            let e = e.endpoint(endpoint).status(reply.status).attempts(reply.attempts);
            e.body(body).headers(headers).data(data)
        })
    }
}

/// A hint for a reply of HTML, which explains the rest.
fn media_type(reply: &Reply) -> &'static str {
    let value = reply.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if value.starts_with("text/html") { " (it is HTML: did a proxy answer instead of MeetBit?)" } else { "" }
}

/// Explains why a text does not fit a type: the text is not JSON, or it is and the context knows where and why.
#[cold]
fn explain(text: &str, context: Context, type_name: &str) -> DecodeError {
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        return not_json(text, &error);
    }
    let Fault { reason, steps } = context.into_fault();
    let Position { path, found } = json_path::resolve(text, steps.into_iter().rev());
    let missing = if let Reason::MissingField(field) = reason { Some(field) } else { None };
    let place = place(&path);
    let reason = match reason {
        Reason::MissingField(field) => format!("the field `{field}` is missing at {place}"),
        Reason::DuplicateField(field) => format!("the field `{field}` is duplicated at {place}"),
        Reason::Type { expected } | Reason::EmptyArray { expected } => {
            format!("{found} at {place}, expected {expected}")
        }
        Reason::Unreadable if found == "a number" => format!("a number out of range at {place}"),
        Reason::Unreadable => format!("{found} with an invalid escape at {place}"),
        Reason::Custom { wanted: Some(name) } if !is_private(name) => {
            format!("{found} at {place} is not a valid `{}`", short(name))
        }
        Reason::Custom { .. } => format!("{found} at {place} does not fit `{}`", short(type_name)),
    };
    DecodeError { place: (path, missing), ..DecodeError::new(reason) }
}

fn not_json(text: &str, error: &serde_json::Error) -> DecodeError {
    let place = place(&json_path::find(text, error.line(), error.column()));
    DecodeError::new(if error.is_eof() {
        format!("the JSON ends too early, at {place}")
    } else {
        format!("not JSON at {place}, line {} column {}", error.line(), error.column())
    })
}

fn place(path: &str) -> String {
    if path.is_empty() { "the top level".to_owned() } else { format!("`{path}`") }
}

/// Names that begin like this are helpers that a derive macro makes.
fn is_private(type_name: &str) -> bool {
    type_name.contains("::_")
}

/// The name of a type without its modules.
fn short(type_name: &str) -> String {
    let mut short = String::new();
    for part in type_name.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_') {
        if part.ends_with(':') {
            short.truncate(short.rfind(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').map_or(0, |at| at + 1));
        } else {
            short += part;
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn promise_14_a_type_is_named_without_its_modules() {
        assert_eq!(short(std::any::type_name::<Vec<crate::Customer>>()), "Vec<Customer>");
        assert_eq!(short(std::any::type_name::<(Option<crate::User>, &str)>()), "(Option<User>, &str)");
        assert_eq!(short("u8"), "u8");
    }
}
