//! Who may send, and when.

mod arrivals;
mod conformance;
mod costs;
mod fairness;
mod file;
mod gate;
mod isolation;
mod pacing;
mod postgres;
#[path = "postgres/limit.rs"]
#[rustfmt::skip] // a page shows it, in lines of 80 columns
mod postgres_limit;
mod processes;
mod redis;
mod store;
