//! What a reply says: the status decides first, the body second.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::client::prepared::Plan;
use crate::error::{Error, ErrorKind, Outcome, redact};
use crate::request::checks::ValidationError;
use crate::response::envelope::Decoded;
use crate::response::json_path::{self, Position};
use crate::response::retry_after::RateLimitHeaders;

/// A reply whose status says success.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) rate_limit: RateLimitHeaders,
    pub(crate) attempts: u32,
}

/// How the value of a call is read from a reply: the only step that is generic in its type.
pub(crate) type Decode<T> = fn(&Reply) -> Result<Decoded<T>, Undecodable>;

/// MeetBit's envelope, `{"message": .., "data": ..}`; no content with `202` or `204` counts as `null`.
pub(crate) fn envelope<T: DeserializeOwned>(reply: &Reply) -> Result<Decoded<T>, Undecodable> {
    match no_content(reply) {
        None => json(text(reply)?),
        Some(()) => json(r#"{"data":null}"#).map_err(|_| Undecodable::empty()),
    }
}

/// The value itself, without an envelope.
pub(crate) fn raw<T: DeserializeOwned>(reply: &Reply) -> Result<Decoded<T>, Undecodable> {
    let text = no_content(reply).map_or_else(|| text(reply), |()| Ok("null"))?;
    json(text).map(|data| Decoded { message: None, data })
}

/// Nothing is expected; a body, where there is one, must still be JSON, since a page of HTML is no success.
pub(crate) fn empty(reply: &Reply) -> Result<Decoded<()>, Undecodable> {
    if reply.body.is_empty() {
        return Ok(Decoded { message: None, data: () });
    }
    let text = text(reply)?;
    json::<IgnoredAny>(text)?;
    let envelope = serde_json::from_str::<Decoded<IgnoredAny>>(text).ok();
    Ok(Decoded { message: envelope.and_then(|envelope| envelope.message), data: () })
}

/// The body as it came.
#[expect(clippy::unnecessary_wraps, reason = "it is one of the `Decode` functions")]
pub(crate) fn bytes(reply: &Reply) -> Result<Decoded<Bytes>, Undecodable> {
    Ok(Decoded { message: None, data: reply.body.clone() })
}

fn no_content(reply: &Reply) -> Option<()> {
    let status = matches!(reply.status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT);
    (status && reply.body.is_empty()).then_some(())
}

fn text(reply: &Reply) -> Result<&str, Undecodable> {
    if reply.body.is_empty() {
        return Err(Undecodable::empty());
    }
    std::str::from_utf8(&reply.body).map_err(|_| Undecodable(format!("the body is not UTF-8{}", media_type(reply))))
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T, Undecodable> {
    serde_json::from_str(text).map_err(|error| explain(text, &error, std::any::type_name::<T>()))
}

/// Why a reply could not be read: the JSON path and the types, never a value.
#[derive(Debug)]
pub(crate) struct Undecodable(String);

impl Undecodable {
    fn empty() -> Self {
        Self("the body is empty".to_owned())
    }

    /// The body is kept for who asks for it, and is in no text.
    pub(crate) fn into_error(self, plan: &Plan, reply: &Reply) -> Error {
        let shown = Shown { secret: plan.client.0.secret() };
        let message = format!("the reply cannot be read: {}{}", shown.text(&self.0, redact::KEPT), media_type(reply));
        let body = shown.text(&String::from_utf8_lossy(&reply.body), redact::KEPT);
        Error::new(ErrorKind::Decode, message)
            .with(|e| e.endpoint(plan.endpoint).status(reply.status).attempts(reply.attempts).body(body))
    }
}

/// Said where it explains the rest.
fn media_type(reply: &Reply) -> &'static str {
    let value = reply.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if value.starts_with("text/html") {
        " (it is HTML: did something between answer in the server's place?)"
    } else {
        ""
    }
}

/// serde's messages quote the value; only what they say of the expected type is passed on.
fn explain(text: &str, error: &serde_json::Error, wanted: &str) -> Undecodable {
    let Position { path, found } = json_path::find(text, error.line(), error.column());
    let said = error.to_string();
    let place = if path.is_empty() { "the top level".to_owned() } else { format!("`{path}`") };
    Undecodable(match error.classify() {
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

/// A reply whose status is no success, as the error it means. The secret is not shown even if the server echoes it.
pub(crate) fn refusal(plan: &Plan, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let text = String::from_utf8_lossy(body);
    let shown = Shown { secret: plan.client.0.secret() };
    let error = match status {
        StatusCode::BAD_REQUEST => invalid(&text, shown),
        StatusCode::UNAUTHORIZED if is_access_denied(&text) => Error::new(ErrorKind::PermissionDenied, denied(plan)),
        StatusCode::UNAUTHORIZED => Error::new(ErrorKind::Unauthenticated, UNAUTHENTICATED),
        StatusCode::NOT_FOUND => Error::new(ErrorKind::NotFound, "there is no such object (404)"),
        StatusCode::CONFLICT => {
            Error::new(ErrorKind::Conflict, format!("the status of the object forbids it (409){}", shown.said(&text)))
        }
        StatusCode::TOO_MANY_REQUESTS => Error::new(ErrorKind::RateLimited, "too many requests (429)"),
        _ if status.is_server_error() => {
            Error::new(ErrorKind::Server, format!("the server failed with {status}{}", shown.said(&text)))
        }
        _ if status.is_redirection() => {
            let message = format!(
                "the server answered {status}, a redirect{}; it is not followed",
                shown.target(&plan.client.0.address.url, headers)
            );
            Error::new(ErrorKind::UnexpectedStatus, message)
        }
        _ => Error::new(ErrorKind::UnexpectedStatus, format!("the server answered {status}{}", shown.said(&text))),
    };
    let outcome = if status.is_client_error() { Outcome::Rejected } else { Outcome::Unknown };
    error.with(|e| e.outcome(outcome).endpoint(plan.endpoint).status(status).body(shown.text(&text, redact::KEPT)))
}

const UNAUTHENTICATED: &str = "MeetBit does not accept the access key: check its id and secret, that it belongs to this \
                               tenant, and that its Client is active in the MeetBit Admin Panel";

fn invalid(text: &str, shown: Shown<'_>) -> Error {
    let validation = ValidationError::from_body(text, |text| shown.text(text, redact::KEPT));
    let said = validation.to_string();
    let colon = if said.is_empty() { "" } else { ": " };
    let message = format!("MeetBit refused the request as invalid (400){colon}{said}");
    Error::new(ErrorKind::Validation, message).with(|e| e.validation(validation))
}

fn is_access_denied(text: &str) -> bool {
    let json = serde_json::from_str::<serde_json::Value>(text).ok();
    let said = json.as_ref().and_then(|value| value.get("message").unwrap_or(value).as_str()).unwrap_or(text);
    said.trim_start_matches('\u{feff}').trim().trim_end_matches('.').eq_ignore_ascii_case("access denied")
}

fn denied(plan: &Plan) -> String {
    let needed: Vec<_> = plan.permissions().map(|permission| format!("`{permission}`")).collect();
    let needed = if needed.is_empty() { "a permission".to_owned() } else { needed.join(" and ") };
    format!("the role of this access key lacks {needed}; grant it in the MeetBit Admin Panel, under Roles")
}

/// A text of the server's without the secret.
pub(crate) fn concealed(plan: &Plan, text: String) -> String {
    let secret = plan.client.0.secret();
    if text.contains(secret) { text.replace(secret, REDACTED) } else { text }
}

/// Stands where the secret stood.
const REDACTED: &str = "[redacted]";

/// How text of the server's is shown: bounded, escaped, and without the secret.
#[derive(Clone, Copy)]
struct Shown<'a> {
    secret: &'a str,
}

impl Shown<'_> {
    fn text(self, text: &str, max: usize) -> String {
        let quoted = serde_json::Value::from(self.secret).to_string();
        let spellings =
            [self.secret, &quoted[1..quoted.len() - 1]].into_iter().filter(|spelling| text.contains(spelling));
        let redacted = spellings.fold(Cow::Borrowed(text), |text, spelling| text.replace(spelling, REDACTED).into());
        redact::of(&redacted, max)
    }

    /// A short text such as MeetBit's own; a page of HTML would not help.
    fn said(self, text: &str) -> String {
        let text = text.trim();
        if text.is_empty() || text.starts_with('<') { String::new() } else { format!(": {}", self.text(text, 200)) }
    }

    fn target(self, base: &reqwest::Url, headers: &HeaderMap) -> String {
        let location = headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
        let host = location.and_then(|text| base.join(text).ok()).and_then(|url| url.host_str().map(str::to_owned));
        host.map(|host| format!(" to `{}`", self.text(&host, 255))).unwrap_or_default()
    }
}
