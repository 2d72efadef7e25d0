//! Signed events: verified, read, and de-duplicated.

mod deduplicator;
mod events;
mod fuzz;
mod odd_json;
mod verifier;
