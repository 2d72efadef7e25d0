//! What a request carries through middleware, as an extension.

use std::ptr;
use std::sync::Arc;

use http::header::HOST;
use http::{HeaderMap, HeaderValue, Uri};

use crate::request::base_url::ParsedUrl;
use crate::transport::limits::Limits;
use crate::transport::observer::AttemptObserver;

/// The attempt that a request belongs to, and the URL, which need not be parsed again if middleware leaves the URI as it is:
/// parsing costs 7,000 instructions. It is one extension, because each is an allocation.
#[derive(Clone, Debug)]
pub(crate) struct Carried {
    pub(crate) observer: Arc<AttemptObserver>,
    pub(crate) url: Arc<ParsedUrl>,
}

impl Carried {
    /// The observer of a request that comes through middleware. Middleware that has made a request of its own has dropped the
    /// extension; its request is limited as a call of its own.
    pub(crate) fn observer(extensions: &http::Extensions, limits: &Limits) -> Arc<AttemptObserver> {
        let known = extensions.get::<Self>().map(|carried| carried.observer.clone());
        known.unwrap_or_else(|| Arc::new(AttemptObserver::new(limits.turn(), limits.attempt_timeout, None)))
    }

    /// What a request with this URI carries; `None` if middleware has changed the URI.
    pub(crate) fn for_uri<'a>(extensions: &'a http::Extensions, uri: &Uri) -> Option<&'a Self> {
        extensions.get::<Self>().filter(|carried| is_clone(&carried.url.uri, uri) || carried.url.uri == *uri)
    }
}

/// Removes the client's own `Host` header, which middleware that changed the URI has left, so that hyper writes that of the URI.
/// A header that middleware has set is another value, even if it has the same text.
pub(crate) fn remove_own_host(headers: &mut HeaderMap, own: &HeaderValue) {
    if headers.get(HOST).is_some_and(|host| ptr::eq(host.as_bytes(), own.as_bytes())) {
        headers.remove(HOST);
    }
}

/// True if both have the same text at the same place in memory, as clones have. Comparing texts costs more.
fn is_clone(one: &Uri, other: &Uri) -> bool {
    let is_same = |one: Option<&str>, other: Option<&str>| match (one, other) {
        (Some(one), Some(other)) => ptr::eq(one, other),
        _ => false,
    };
    let authority = |uri| Uri::authority(uri).map(http::uri::Authority::as_str);
    let path = |uri| Uri::path_and_query(uri).map(http::uri::PathAndQuery::as_str);
    one.scheme() == other.scheme() && is_same(authority(one), authority(other)) && is_same(path(one), path(other))
}
