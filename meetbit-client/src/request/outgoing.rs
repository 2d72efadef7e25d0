//! A request in the forms in which it leaves.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, header};
use reqwest::Url;

use crate::request::base_url::{BaseUrl, ParsedUrl};
use crate::request::framing;
use crate::request::parts::RequestParts;

/// The longest URL that the crate `http` takes, in bytes. Servers take less: usually 8,000.
const MAX_URL: usize = 65_534;

/// Why a URL cannot be a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UrlError {
    /// It has this many bytes.
    TooLong(usize),
    Invalid,
}

impl UrlError {
    fn of(url: &Url) -> Self {
        match url.as_str().len() {
            length if length > MAX_URL => Self::TooLong(length),
            _ => Self::Invalid,
        }
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(length) => write!(
                f,
                "the URL of the request is too long: it has {length} bytes, and at most {MAX_URL} are possible; send a long \
                 list in several requests or in a body"
            ),
            Self::Invalid => f.write_str("the URL of the request is not a URI"),
        }
    }
}

/// A request about to be sent by a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutgoingRequest<'a> {
    pub(crate) parts: &'a RequestParts,
    pub(crate) base_url: &'a BaseUrl,
    /// The client's headers for a request with a JSON body.
    pub(crate) headers: &'a HeaderMap,
}

impl OutgoingRequest<'_> {
    /// The request for reqwest, without its body.
    pub(crate) fn head(self) -> reqwest::Request {
        let mut request = reqwest::Request::new(self.parts.endpoint.method().clone(), self.url());
        *request.headers_mut() = self.parts.headers(self.headers);
        request
    }

    /// # Errors
    /// The URL is longer than a URI may be.
    pub(crate) fn check_url(self) -> Result<(), UrlError> {
        if self.parts.url_length(self.base_url) <= MAX_URL {
            return Ok(());
        }
        let url = self.url();
        if url.as_str().len() <= MAX_URL { Ok(()) } else { Err(UrlError::of(&url)) }
    }

    pub(crate) fn url(self) -> Url {
        self.parts.url(self.base_url)
    }

    pub(crate) fn body(self) -> Bytes {
        self.parts.body.clone()
    }

    /// # Errors
    /// The URL is longer than a URI may be.
    pub(crate) fn parsed_url(self) -> Result<Arc<ParsedUrl>, UrlError> {
        self.parts.parsed_url(self.base_url).map_err(|_| UrlError::of(&self.url()))
    }

    /// The request for people.
    pub(crate) fn request(self) -> Result<http::Request<Bytes>, UrlError> {
        let url = self.parsed_url()?;
        let mut request = self.request_to(&url);
        request.headers_mut().remove(header::HOST);
        Ok(request)
    }

    /// The request for middleware or a service.
    pub(crate) fn request_to(self, url: &ParsedUrl) -> http::Request<Bytes> {
        let mut request = http::Request::new(self.body());
        *request.method_mut() = self.parts.endpoint.method().clone();
        *request.uri_mut() = url.uri.clone();
        let mut headers = self.parts.headers(self.headers);
        framing::say_zero(&mut headers, request.method(), request.body());
        *request.headers_mut() = headers;
        request
    }
}
