//! Removes the secrets of a client from what is stored.

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue};

use crate::error::redact::Redactor;
use crate::journal::record::Body;

/// The secrets that a client has used.
pub(crate) struct Secrets(pub(crate) Vec<HeaderValue>);

impl Secrets {
    fn redactors(&self) -> impl Iterator<Item = Redactor<'_>> {
        self.0.iter().map(|secret| Redactor::new(secret.to_str().unwrap_or_default()))
    }

    /// The headers without the secrets.
    pub(crate) fn remove_from_headers(&self, headers: &HeaderMap) -> HeaderMap {
        self.redactors().fold(headers.clone(), |headers, redactor| redactor.headers(&headers))
    }

    /// A body as it is kept: without the secrets.
    pub(crate) fn remove_from_body(&self, body: &[u8]) -> Body {
        let text = String::from_utf8_lossy(body);
        let redacted = self.redactors().fold(text.clone(), |text, redactor| match redactor.redacted(&text) {
            Cow::Owned(redacted) => redacted.into(),
            Cow::Borrowed(_) => text,
        });
        if redacted == text { Body::new(body) } else { Body::Text(redacted.into_owned()) }
    }
}
