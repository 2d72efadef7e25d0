//! What generated code names. Not for hand-written code: it may change with any version.

pub use http::Method;

pub use crate::client::request_builder::*;
use crate::endpoint::Endpoint;

/// States an endpoint.
#[must_use]
pub const fn endpoint(name: &'static str, method: Method, path: &'static str) -> Endpoint {
    Endpoint::new(name, method, path)
}
