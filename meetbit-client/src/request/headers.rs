//! What callers may put into a request's headers.

use std::fmt;

use http::{HeaderName, HeaderValue, header};

use crate::error::Error;

pub(crate) const KEY_ID: HeaderName = HeaderName::from_static("x-access-key-id");
pub(crate) const KEY_SECRET: HeaderName = HeaderName::from_static("x-access-key-secret");

/// Headers that the client sets itself, beside those that begin with `proxy-`. `#[header("..")]` rejects the same ones; the
/// tests of both read `tests/data/reserved_headers.txt`.
const RESERVED: [HeaderName; 13] = [
    KEY_ID,
    KEY_SECRET,
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// A header that a caller gives in any form.
pub(crate) fn given<N, V>(name: N, value: V) -> Result<(HeaderName, HeaderValue), Error>
where
    N: TryInto<HeaderName>,
    V: TryInto<HeaderValue>,
{
    match (name.try_into(), value.try_into()) {
        (Ok(name), Ok(value)) => custom(name, value),
        (Err(_), _) => Err(Error::invalid_request("invalid character in the name of a header")),
        (_, Err(_)) => Err(Error::invalid_request("invalid character in the value of a header")),
    }
}

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
    HeaderValue::try_from(text).map_err(|_| refuse("has a character that is not allowed in a header"))
}

/// Why a text cannot be a header's value. The message never contains the text.
pub(crate) fn check_text(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("is empty");
    }
    if text.chars().any(char::is_control) {
        return Err("has a line break or another control character");
    }
    if text.trim().len() != text.len() {
        return Err("has leading or trailing whitespace");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_header_is_what_the_table_says() {
        let table = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/reserved_headers.txt"));
        let mut rows = 0;
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let (sign, name) = line.split_once(' ').unwrap();
            let name = name.trim_matches('"').parse::<HeaderName>().unwrap();
            let given = custom(name, HeaderValue::from_static("a"));
            assert_eq!(given.is_err(), sign == "-", "{line}");
            rows += 1;
        }
        assert!(rows > 25, "{rows}");
    }
}
