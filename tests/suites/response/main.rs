//! What a reply means.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod decoding;
mod fuzz;
mod replies;
