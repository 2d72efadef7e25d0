//! The head of a request: request line and headers.

use bytes::{Buf as _, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::access::KEY_HEADERS;

/// A head may have so many bytes and headers; longer ones are refused.
const MAX_HEAD: usize = 64 * 1024;
const MAX_HEADERS: usize = 128;
/// A body may have so many bytes.
pub(super) const MAX_BODY: usize = 1024 * 1024;

#[derive(Debug)]
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) headers: HeaderMap,
    http_1_0: bool,
}

/// How the end of the body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(usize),
    Chunked,
}

/// The request is not HTTP as it should be: answer this and close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) StatusCode, pub(super) &'static str);

impl Refusal {
    pub(super) const fn bad_request(text: &'static str) -> Self {
        Self(StatusCode::BAD_REQUEST, text)
    }
}

impl Head {
    /// Takes a head off the front of what was read, or `None` while it is not all there.
    pub(super) fn take(unread: &mut BytesMut) -> Result<Option<Self>, Refusal> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(unread) {
            Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD => {
                let head = Self::from_parsed(&request)?;
                unread.advance(length);
                Ok(Some(head))
            }
            Ok(httparse::Status::Partial) if unread.len() < MAX_HEAD => Ok(None),
            Ok(_) | Err(httparse::Error::TooManyHeaders) => {
                Err(Refusal(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "The request's headers are too large."))
            }
            Err(httparse::Error::Version) => {
                Err(Refusal(StatusCode::HTTP_VERSION_NOT_SUPPORTED, "Only HTTP/1.1 is spoken here."))
            }
            Err(_) => Err(Refusal::bad_request("The request is malformed.")),
        }
    }

    fn from_parsed(request: &httparse::Request<'_, '_>) -> Result<Self, Refusal> {
        const MALFORMED: Refusal = Refusal::bad_request("The request is malformed.");
        let method = request.method.and_then(|method| method.parse().ok()).ok_or(MALFORMED)?;
        let (path, query) = split_target(request.path.ok_or(MALFORMED)?);
        let mut headers = HeaderMap::new();
        for header in request.headers.iter() {
            let name: HeaderName = header.name.parse().map_err(|_| MALFORMED)?;
            let mut value = HeaderValue::from_bytes(header.value).map_err(|_| MALFORMED)?;
            value.set_sensitive(KEY_HEADERS.contains(&name.as_str()));
            headers.append(name, value);
        }
        Ok(Self { method, path, query, headers, http_1_0: request.version == Some(0) })
    }

    pub(super) fn framing(&self) -> Result<Framing, Refusal> {
        if !self.http_1_0 && self.headers.get_all(HOST).iter().count() != 1 {
            return Err(Refusal::bad_request("The request needs one Host header."));
        }
        if self.headers.contains_key(TRANSFER_ENCODING) {
            return self.transfer_coding();
        }
        let needs_length = matches!(self.method, Method::POST | Method::PUT | Method::PATCH);
        match self.content_length()? {
            Some(length) if length > MAX_BODY => Err(too_large()),
            Some(length) => Ok(Framing::Length(length)),
            None if needs_length => Err(Refusal(StatusCode::LENGTH_REQUIRED, "The request needs a Content-Length.")),
            None => Ok(Framing::Length(0)),
        }
    }

    fn transfer_coding(&self) -> Result<Framing, Refusal> {
        // Both together are how requests are smuggled past a proxy, and HTTP/1.0 has no codings.
        if self.http_1_0 || self.headers.contains_key(CONTENT_LENGTH) {
            return Err(Refusal::bad_request("The request's length is ambiguous."));
        }
        let mut codings = self.headers.get_all(TRANSFER_ENCODING).iter();
        match (codings.next(), codings.next()) {
            (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
            _ => Err(Refusal(StatusCode::NOT_IMPLEMENTED, "Only the transfer coding `chunked` is understood.")),
        }
    }

    fn content_length(&self) -> Result<Option<usize>, Refusal> {
        const MALFORMED: Refusal = Refusal::bad_request("The Content-Length is malformed.");
        let mut lengths = self.headers.get_all(CONTENT_LENGTH).iter();
        let Some(length) = lengths.next() else { return Ok(None) };
        let digits = length.to_str().map_err(|_| MALFORMED)?;
        if lengths.next().is_some() || digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(MALFORMED);
        }
        digits.parse().map(Some).map_err(|_| too_large())
    }

    /// Whether the client waits for `100 Continue` before it sends the body.
    pub(super) fn expects_continue(&self) -> Result<bool, Refusal> {
        match self.headers.get(EXPECT) {
            None => Ok(false),
            Some(value) if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => Ok(!self.http_1_0),
            Some(_) => Err(Refusal(StatusCode::EXPECTATION_FAILED, "Only the expectation `100-continue` can be met.")),
        }
    }

    pub(super) fn keep_alive(&self) -> bool {
        let options = self.headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
        !self.http_1_0
            && !options.flat_map(|value| value.split(',')).any(|option| option.trim().eq_ignore_ascii_case("close"))
    }
}

pub(super) const fn too_large() -> Refusal {
    Refusal(StatusCode::PAYLOAD_TOO_LARGE, "The request's body is too large.")
}

/// Path and query of a request target, which may be in absolute form as for a proxy.
fn split_target(target: &str) -> (String, Option<String>) {
    let target = match target.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('/') => rest.find(['/', '?']).map_or("/", |start| &rest[start..]),
        _ => target,
    };
    match target.split_once('?') {
        Some((path, query)) => (path.into(), Some(query.into())),
        None => (target.into(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<Option<Head>, Refusal> {
        Head::take(&mut BytesMut::from(text))
    }

    fn framing(headers: &str) -> Result<Framing, u16> {
        let head = head(&format!("POST / HTTP/1.1\r\nHost: x\r\n{headers}\r\n"));
        let refused = |Refusal(status, _)| status.as_u16();
        head.map_err(refused)?.map_or(Err(0), |head| head.framing().map_err(refused))
    }

    #[test]
    fn path_and_query_are_told_apart() {
        let split = |target| split_target(target);
        assert_eq!(split("/users?a=b?c"), ("/users".into(), Some("a=b?c".into())));
        assert_eq!(split("http://127.0.0.1:1/users"), ("/users".into(), None));
        assert_eq!(split("http://127.0.0.1:1"), ("/".into(), None));
        assert_eq!(split("/users?to=http://x/y"), ("/users".into(), Some("to=http://x/y".into())));
    }

    #[test]
    fn a_part_of_a_head_waits_for_the_rest_and_leaves_what_follows() {
        assert!(matches!(head("GET / HTTP/1.1\r\nHost:"), Ok(None)));
        let mut unread = BytesMut::from("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET");
        assert!(matches!(Head::take(&mut unread), Ok(Some(_))));
        assert_eq!(unread, "GET");
    }

    #[test]
    fn an_ambiguous_length_is_refused() {
        assert_eq!(framing("Content-Length: 3\r\n"), Ok(Framing::Length(3)));
        assert_eq!(framing("Transfer-Encoding: Chunked\r\n"), Ok(Framing::Chunked));
        assert_eq!(framing(""), Err(411));
        for bad in ["Content-Length: +3\r\n", "Content-Length: 3, 3\r\n", "Content-Length: 3\r\nContent-Length: 3\r\n"]
        {
            assert_eq!(framing(bad), Err(400), "{bad}");
        }
        assert_eq!(framing("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), Err(400));
        assert_eq!(framing("Transfer-Encoding: gzip\r\n"), Err(501));
        assert_eq!(framing("Content-Length: 99999999\r\n"), Err(413));
        assert_eq!(framing("Content-Length: 99999999999999999999999999\r\n"), Err(413));
    }

    #[test]
    fn the_keys_headers_are_not_shown() {
        let head = head("GET / HTTP/1.1\r\nX-Access-Key-Secret: planted\r\n\r\n");
        assert!(!format!("{head:?}").contains("planted"));
    }
}
