//! Turns a reply into a value or an error: envelope, status, JSON path, `RateLimit-*` and `Retry-After`. It does no I/O.
//! It may import `error`, `endpoint` and `permission`.

pub(crate) mod decode;
pub(crate) mod envelope;
mod fault;
mod json_path;
pub(crate) mod retry_after;
pub(crate) mod status;
mod strict;
