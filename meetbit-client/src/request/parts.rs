//! The parts of a request, as the arguments of an endpoint fill them in.

use std::fmt::Display;
use std::sync::Arc;

use bytes::Bytes;
use http::uri::InvalidUri;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use reqwest::Url;
use serde::Serialize;

use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind};
use crate::permission::Permission;
use crate::request::arguments::{displayed, json};
use crate::request::base_url::{BaseUrl, ParsedUrl};
use crate::request::precheck::Precheck;
use crate::request::{path, urlencoded};

/// The media type of nearly every body.
pub(crate) const JSON: &str = "application/json";

/// Everything about one request except the client that sends it. Each step keeps the first error and changes nothing after it.
#[derive(Clone, Debug)]
pub(crate) struct RequestParts {
    pub(crate) endpoint: &'static Endpoint,
    /// The encoded path with the base URL's prefix. It is empty if the template has no placeholders.
    path: String,
    /// The rest of the template, while its placeholders are being filled.
    rest: &'static str,
    /// Encoded, without `?`.
    query: String,
    headers: HeaderMap,
    /// The media type of the body, if there is a body.
    media_type: Option<&'static str>,
    pub(crate) body: Bytes,
    precheck: Precheck,
    /// The first error, which makes the request impossible to send.
    error: Option<Error>,
}

impl RequestParts {
    pub(crate) fn new(endpoint: &'static Endpoint) -> Self {
        Self {
            endpoint,
            path: String::new(),
            rest: endpoint.path(),
            query: String::new(),
            headers: HeaderMap::new(),
            media_type: None,
            body: Bytes::new(),
            precheck: Precheck::default(),
            error: None,
        }
    }

    /// Fills the next placeholder of the path.
    pub(crate) fn fill_placeholder(&mut self, base: &BaseUrl, value: &dyn Display) {
        if self.path.is_empty() {
            self.path.reserve(base.prefix.len() + self.rest.len() + 32);
            self.path.push_str(&base.prefix);
        }
        match path::fill(&mut self.path, self.rest, displayed(value)) {
            Ok(rest) => self.rest = rest,
            Err(why) => self.record_error(Error::invalid_request(why)),
        }
    }

    /// The name of the next placeholder that has no value.
    pub(crate) fn next_placeholder(&self) -> Option<&'static str> {
        let (name, _) = self.rest.split_once('{')?.1.split_once('}')?;
        Some(name)
    }

    /// Replaces the endpoint by one with the same method and path.
    pub(crate) fn set_endpoint(&mut self, endpoint: &'static Endpoint) {
        self.endpoint = endpoint;
        self.error = self.error.take().map(|error| error.with(|e| e.endpoint(endpoint)));
    }

    /// Appends what follows the last placeholder.
    pub(crate) fn finish_path(&mut self) {
        if !self.path.is_empty() {
            self.path.push_str(self.rest);
        }
    }

    /// Appends `value` to the query: the fields of a struct or map under their own names, anything else under `name`.
    pub(crate) fn push_query<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        self.push_query_json(name, json(value));
    }

    fn push_query_json(&mut self, name: &str, json: serde_json::Result<Vec<u8>>) {
        if let Err(error) = urlencoded::append(&mut self.query, Some(name), json) {
            self.record_error(Error::invalid_request(format!(
                "`{name}` cannot be written as a query ({error}); it takes a scalar, a list of scalars, or a struct or map \
                 of these"
            )));
        }
    }

    /// Sets a query parameter and drops what the query has under its name.
    pub(crate) fn replace_query(&mut self, name: &str, value: u32) {
        let earlier = std::mem::take(&mut self.query);
        self.push_query(name, &value);
        let key = self.query.split_inclusive('=').next().unwrap_or_default().to_owned();
        let kept = earlier.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with(&key));
        self.query = kept.chain([&*self.query]).collect::<Vec<_>>().join("&");
    }

    /// Sets a header that a caller gave, or records why it cannot be set.
    pub(crate) fn set_given_header(&mut self, given: Result<(HeaderName, HeaderValue), Error>) {
        match given {
            Ok((name, value)) => self.set_header(name, value),
            Err(error) => self.record_error(error),
        }
    }

    pub(crate) fn set_header(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.insert(name, value);
    }

    /// Sets the body, unless the argument is `None`.
    pub(crate) fn set_json(&mut self, json: serde_json::Result<Vec<u8>>, precheck: Precheck) {
        match json {
            Ok(body) if body.is_empty() => {}
            Ok(body) => self.set_body(JSON, body.into(), precheck),
            Err(error) => {
                self.record_error(Error::invalid_request(format!("the body cannot be written as JSON: {error}")));
            }
        }
    }

    /// Sets the body, unless the argument is `None`.
    pub(crate) fn set_form(&mut self, json: serde_json::Result<Vec<u8>>, precheck: Precheck) {
        if json.as_ref().is_ok_and(Vec::is_empty) {
            return;
        }
        let mut form = String::new();
        if let Err(error) = urlencoded::append(&mut form, None, json) {
            self.record_error(Error::invalid_request(format!(
                "the body cannot be written as a form ({error}); it takes a struct or map of scalars and lists of scalars"
            )));
        }
        self.set_body("application/x-www-form-urlencoded", form.into(), precheck);
    }

    pub(crate) fn set_body(&mut self, media_type: &'static str, body: Bytes, precheck: Precheck) {
        self.media_type = Some(media_type);
        self.body = body;
        self.precheck = precheck;
    }

    /// Ignores what the body's own checks have found.
    pub(crate) fn skip_precheck(&mut self) {
        self.precheck.skip();
    }

    /// Keeps the first error.
    pub(crate) fn record_error(&mut self, error: Error) {
        self.error.get_or_insert_with(|| error.with(|e| e.endpoint(self.endpoint)));
    }

    /// # Errors
    /// The reason why the request cannot be sent.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        let Some(invalid) = self.precheck.invalid() else { return Ok(()) };
        let message = format!("the request is not valid and was not sent: {invalid}");
        let error = Error::new(ErrorKind::Validation, message);
        Err(error.with(|e| e.endpoint(self.endpoint).validation(invalid.clone())))
    }

    /// The permissions that the role of the access key needs.
    pub(crate) fn permissions(&self) -> impl Iterator<Item = Permission> + use<> {
        self.endpoint.permissions().chain(self.precheck.permissions().iter().map(|text| Permission::literal(text)))
    }

    /// The client's headers, the body's media type, and the headers of this call.
    pub(crate) fn headers(&self, defaults: &HeaderMap) -> HeaderMap {
        let mut headers = defaults.clone();
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

    /// The length of the URL in bytes, or a little more.
    pub(crate) fn url_length(&self, base: &BaseUrl) -> usize {
        base.url.as_str().len() + self.endpoint.path().len() + self.path.len() + self.query.len() + 1
    }

    pub(crate) fn url(&self, base: &BaseUrl) -> Url {
        let mut url = match &*self.path {
            "" => base.endpoint(self.endpoint.path()).url.clone(),
            path => base.with_path(path),
        };
        if !self.query.is_empty() {
            url.set_query(Some(&self.query));
        }
        url
    }

    /// # Errors
    /// The URL is longer than a URI can be.
    pub(crate) fn parsed_url(&self, base: &BaseUrl) -> Result<Arc<ParsedUrl>, InvalidUri> {
        let known = match (&*self.path, &*self.query) {
            ("", "") => base.endpoint(self.endpoint.path()).parsed.clone(),
            _ => None,
        };
        known.map_or_else(|| ParsedUrl::new(self.url(base)).map(Arc::new), Ok)
    }
}
