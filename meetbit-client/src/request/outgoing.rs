//! A request in the forms in which it leaves.

use bytes::Bytes;
use http::HeaderMap;
use http::uri::InvalidUri;
use reqwest::Url;

use crate::request::base_url::BaseUrl;
use crate::request::framing;
use crate::request::parts::RequestParts;

/// A request about to be sent by a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutgoingRequest<'a> {
    pub(crate) parts: &'a RequestParts,
    pub(crate) base_url: &'a BaseUrl,
    /// The client's headers for a request with a JSON body.
    pub(crate) headers: &'a HeaderMap,
    pub(crate) headers_without_host: &'a HeaderMap,
}

impl OutgoingRequest<'_> {
    /// The request for reqwest, without its body.
    pub(crate) fn head(self) -> reqwest::Request {
        let mut request = reqwest::Request::new(self.parts.endpoint.method().clone(), self.url());
        *request.headers_mut() = self.parts.headers(self.headers);
        request
    }

    pub(crate) fn url(self) -> Url {
        self.parts.url(self.base_url)
    }

    pub(crate) fn body(self) -> Bytes {
        self.parts.body.clone()
    }

    /// The request for people and middleware. It has no `Host` header, because middleware that changes the URI would leave the
    /// header behind.
    pub(crate) fn request(self) -> Result<http::Request<Bytes>, InvalidUri> {
        let mut request = http::Request::new(self.body());
        *request.method_mut() = self.parts.endpoint.method().clone();
        *request.uri_mut() = self.parts.uri(self.base_url)?;
        let mut headers = self.parts.headers(self.headers_without_host);
        framing::say_zero(&mut headers, request.method(), request.body());
        *request.headers_mut() = headers;
        Ok(request)
    }
}
