//! The names that generated code uses. They are not for hand-written code, because any version may change them.

pub use http::Method;

#[cfg(not(feature = "blocking"))]
pub use crate::client::call::Blocking;
pub use crate::client::request_builder::RequestBuilder;
use crate::endpoint::Endpoint;
pub use crate::request::arguments::*;
pub use crate::request::precheck::*;

/// Starts the static metadata of an endpoint.
#[must_use]
pub const fn endpoint(name: &'static str, method: Method, path: &'static str) -> Endpoint {
    Endpoint::new(name, method, path)
}
