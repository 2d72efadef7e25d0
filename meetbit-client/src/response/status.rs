//! Maps an error status to an error.

use http::{HeaderMap, StatusCode, header};
use reqwest::Url;

use crate::endpoint::Endpoint;
use crate::error::partial::{self, Scalar, Step};
use crate::error::redact::{KEPT, Redactor};
use crate::error::validation::ValidationError;
use crate::error::{Error, ErrorKind, Outcome};
use crate::permission::Permission;

/// The call that a reply belongs to, as far as an error names it.
pub(crate) struct ErrorContext<'a> {
    pub(crate) endpoint: &'static Endpoint,
    pub(crate) permissions: Vec<Permission>,
    pub(crate) redactor: Redactor<'a>,
    pub(crate) base_url: &'a Url,
}

/// The error for an error status. It never shows the secret, even if the server echoes it.
pub(crate) fn error(context: &ErrorContext<'_>, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let text = String::from_utf8_lossy(body);
    let redactor = context.redactor;
    let said = || redactor.after_colon(&text);
    let error = match status {
        StatusCode::BAD_REQUEST => invalid(&text, redactor),
        StatusCode::UNAUTHORIZED if is_access_denied(&text) => {
            Error::new(ErrorKind::PermissionDenied, denied(&context.permissions))
        }
        StatusCode::UNAUTHORIZED => Error::new(ErrorKind::Unauthenticated, format!("{UNAUTHENTICATED}{}", said())),
        StatusCode::NOT_FOUND => Error::new(ErrorKind::NotFound, format!("{}{}", not_found(context.endpoint), said())),
        StatusCode::CONFLICT => {
            let message = format!("the object's current state does not allow this (409){}", said());
            Error::new(ErrorKind::Conflict, message)
        }
        StatusCode::TOO_MANY_REQUESTS => Error::new(ErrorKind::RateLimited, "too many requests (429)"),
        _ if status.is_server_error() => {
            Error::new(ErrorKind::Server, format!("the server failed with {}{}", named(status), said()))
        }
        _ if is_redirect(status, headers) => {
            let target = redirect_target(context, headers);
            let message = format!("the server answered {status}, a redirect{target}; the client does not follow it");
            Error::new(ErrorKind::UnexpectedStatus, message)
        }
        _ => Error::new(ErrorKind::UnexpectedStatus, format!("the server answered {}{}", named(status), said())),
    };
    let outcome = if status.is_client_error() { Outcome::Rejected } else { Outcome::Unknown };
    error.with(|e| {
        let e = e.outcome(outcome).endpoint(context.endpoint).status(status);
        e.headers(redactor.headers(headers)).body(redactor.shown(&text, KEPT))
    })
}

const UNAUTHENTICATED: &str = "MeetBit does not accept the access key: check its id and secret, that it belongs to this \
                               tenant, that it is not suspended, and that its Client is active in the MeetBit Admin \
                               Panel";

/// A path without arguments always exists, unless the base URL is wrong.
fn not_found(endpoint: &Endpoint) -> &'static str {
    if endpoint.path().contains('{') {
        "not found (404): check the ids in the path, and the base URL"
    } else {
        "not found (404): check the base URL"
    }
}

/// The number, and the name where there is one: `StatusCode` writes `<unknown status code>` for a name that it does not know.
fn named(status: StatusCode) -> String {
    if status.canonical_reason().is_some() { status.to_string() } else { status.as_str().to_owned() }
}

/// A `304` is not a redirect, and a `300` is one only if it has a target.
fn is_redirect(status: StatusCode, headers: &HeaderMap) -> bool {
    match status.as_u16() {
        300 => headers.contains_key(header::LOCATION),
        code => matches!(code, 301 | 302 | 303 | 307 | 308),
    }
}

fn invalid(text: &str, redactor: Redactor<'_>) -> Error {
    let text = redactor.redacted(text); // as it is written, too: JSON that is not valid may read as another text
    let validation = ValidationError::from_body(&text, |text| redactor.shown(text, KEPT));
    let said = validation.to_string();
    let colon = if said.is_empty() { "" } else { ": " };
    let message = format!("MeetBit rejected the request as invalid (400){colon}{said}");
    Error::new(ErrorKind::Validation, message).with(|e| e.validation(validation))
}

fn is_access_denied(text: &str) -> bool {
    let mut message = None;
    partial::scalars(text, |path, scalar| match (path, scalar) {
        ([], Scalar::Text { text, .. }) => message = Some(text),
        ([Step::Key(key)], Scalar::Text { text, .. }) if key == "message" => message = Some(text),
        _ => {}
    });
    let text = message.as_deref().unwrap_or(text);
    text.trim_start_matches('\u{feff}').trim().trim_end_matches('.').eq_ignore_ascii_case("access denied")
}

fn denied(permissions: &[Permission]) -> String {
    let needed: Vec<_> = permissions.iter().map(|permission| format!("`{permission}`")).collect();
    let lacking = match &needed[..] {
        [] => "a permission; grant it".to_owned(),
        [one] => format!("{one}; grant it"),
        several => format!("at least one of {}; grant them", several.join(" and ")), // MeetBit does not say which
    };
    format!("the role of this access key lacks {lacking} in the MeetBit Admin Panel, under Roles")
}

fn redirect_target(context: &ErrorContext<'_>, headers: &HeaderMap) -> String {
    let location = headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
    let target = location.and_then(|text| context.base_url.join(text).ok());
    let host = target.as_ref().and_then(Url::host_str);
    host.map(|host| format!(" to `{}`", context.redactor.shown(host, 255))).unwrap_or_default()
}
