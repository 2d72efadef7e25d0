//! Who may send, and when.

mod arrivals;
mod fairness;
mod file;
mod gate;
mod isolation;
mod pacing;
mod processes;
mod redis;
mod store;
