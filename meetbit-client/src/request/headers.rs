//! What callers may put into a request's headers.

use std::fmt;

use http::{HeaderName, HeaderValue, header};

use crate::error::Error;

pub(crate) const KEY_ID: HeaderName = HeaderName::from_static("x-access-key-id");
pub(crate) const KEY_SECRET: HeaderName = HeaderName::from_static("x-access-key-secret");

/// Those that say whose request it is, where it goes or how it is framed: the client's own.
const RESERVED: [HeaderName; 14] = [
    KEY_ID,
    KEY_SECRET,
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// A header that a caller gives.
pub(crate) fn custom(name: HeaderName, value: HeaderValue) -> Result<(HeaderName, HeaderValue), Error> {
    if RESERVED.contains(&name) || name.as_str().starts_with("proxy-") {
        return Err(Error::invalid_request(format!("the header `{name}` is set by the client and cannot be replaced")));
    }
    match check_text(&String::from_utf8_lossy(value.as_bytes())) {
        Ok(()) => Ok((name, value)),
        Err(why) => Err(Error::invalid_request(format!("the value of the header `{name}` {why}"))),
    }
}

/// A header whose value is a declared argument.
pub(crate) fn argument(name: &'static str, text: Result<String, fmt::Error>) -> Result<HeaderValue, Error> {
    let refuse = |why: &str| Error::invalid_request(format!("the value of the header `{name}` {why}"));
    let text = text.map_err(|_| refuse("cannot be written as text"))?;
    check_text(&text).map_err(refuse)?;
    HeaderValue::try_from(text).map_err(|_| refuse("has a character that no header may have"))
}

/// Says what is wrong with a text that is to be a header's value, never the text itself.
pub(crate) fn check_text(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("is empty");
    }
    if text.chars().any(char::is_control) {
        return Err("has a line break or another control character");
    }
    if text.trim().len() != text.len() {
        return Err("has blanks around it");
    }
    Ok(())
}
