//! x

#[cfg(feature = "webhooks")]
pub mod webhook;
