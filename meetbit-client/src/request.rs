//! Turns arguments into a request: base URL, path, query, headers, and the checks of a body. It does no I/O and knows no client.
//! It may import `error`, `endpoint` and `permission`.

mod argument_serializer;
pub(crate) mod arguments;
pub(crate) mod base_url;
pub(crate) mod checks;
pub(crate) mod framing;
pub(crate) mod headers;
pub(crate) mod outgoing;
pub(crate) mod parts;
pub(crate) mod path;
pub(crate) mod precheck;
mod urlencoded;
