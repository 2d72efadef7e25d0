//! What generated code names. Not for hand-written code: it may change with any version.

pub use http::Method;

use crate::Endpoint;
pub use crate::draft::Draft as RequestBuilder;
pub use crate::draft::*;

/// States an endpoint.
#[must_use]
pub const fn endpoint(name: &'static str, method: Method, path: &'static str) -> Endpoint {
    Endpoint::new(name, method, path)
}
