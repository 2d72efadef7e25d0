//! A finished request that has not been sent.

use std::time::Duration;

use bytes::Bytes;
use http::uri::InvalidUri;
use http::{HeaderMap, HeaderValue, Uri, header};
use reqwest::Url;

use crate::client::Client;
use crate::client::request_builder::{Checked, JSON};
use crate::client::retry::RetryPolicy;
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind};
use crate::permission::Permission;
use crate::transport::Outgoing;

/// Everything that [`Call`](crate::Call) knows of its request.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) client: Client,
    pub(crate) endpoint: &'static Endpoint,
    /// Encoded, with the base URL's prefix; empty where the template has no placeholders.
    pub(crate) path: String,
    /// What is left of the template, as long as its placeholders are being filled.
    pub(crate) rest: &'static str,
    /// Encoded, without `?`.
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    /// Of the body, where there is one.
    pub(crate) media_type: Option<&'static str>,
    pub(crate) body: Bytes,
    /// What the body says of itself.
    pub(crate) checked: Checked,
    /// The first thing that makes it impossible to send.
    pub(crate) problem: Option<Error>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) retry: Option<RetryPolicy>,
}

impl Plan {
    /// Whether it may be sent at all.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        match self.checked.invalid() {
            None => Ok(()),
            Some(invalid) => {
                let error =
                    Error::new(ErrorKind::Validation, format!("the request is not valid and was not sent: {invalid}"));
                Err(error.with(|e| e.endpoint(self.endpoint).validation(invalid.clone())))
            }
        }
    }

    /// What the role of the access key needs.
    pub(crate) fn permissions(&self) -> impl Iterator<Item = Permission> + use<> {
        self.endpoint.permissions().chain(self.checked.permissions().iter().map(|text| Permission::literal(text)))
    }

    /// The time limit of the whole call.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.or(self.endpoint.timeout()).unwrap_or(self.client.0.timeout)
    }

    pub(crate) fn outgoing(&self) -> Outgoing<'_> {
        let headers = self.headers(&self.client.0.headers);
        Outgoing { method: self.endpoint.method(), url: self.url(), headers, body: self.body.clone() }
    }

    /// The same, without `Host`, which is said of the URI alone, lest middleware change only one of the two.
    pub(crate) fn request(&self) -> Result<http::Request<Bytes>, InvalidUri> {
        let mut request = http::Request::new(self.body.clone());
        *request.method_mut() = self.endpoint.method().clone();
        *request.uri_mut() = self.uri()?;
        *request.headers_mut() = self.headers(&self.client.0.headers_without_host);
        Ok(request)
    }

    fn headers(&self, usual: &HeaderMap) -> HeaderMap {
        let mut headers = usual.clone();
        match self.media_type {
            Some(JSON) => {}
            Some(other) => drop(headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(other))),
            None => drop(headers.remove(header::CONTENT_TYPE)),
        }
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        headers
    }

    fn url(&self) -> Url {
        let address = &self.client.0.address;
        let mut url = match &*self.path {
            "" => address.place(self.endpoint.path()).url.clone(),
            path => address.with_path(path),
        };
        if !self.query.is_empty() {
            url.set_query(Some(&self.query));
        }
        url
    }

    fn uri(&self) -> Result<Uri, InvalidUri> {
        let known = match (&*self.path, &*self.query) {
            ("", "") => self.client.0.address.place(self.endpoint.path()).uri.clone(),
            _ => None,
        };
        known.map_or_else(|| self.url().as_str().parse(), Ok)
    }

    /// Keeps the first problem.
    pub(crate) fn fail(&mut self, error: Error) {
        self.problem.get_or_insert_with(|| error.with(|e| e.endpoint(self.endpoint)));
    }
}
