//! Makes one attempt on the wire, through tower's seam: the limiter's permit, reqwest, the gated body, and the observer of
//! response heads. It may import `request`, `response`, `rate_limit` and `error`.

mod body;
mod capped;
mod carried;
pub(crate) mod connections;
pub(crate) mod error;
mod gated_body;
mod gunzip;
pub(crate) mod http;
#[cfg(feature = "journal")]
pub(crate) mod intent;
mod limited;
pub(crate) mod limits;
pub(crate) mod observer;
pub(crate) mod service;
pub(crate) mod tls;
