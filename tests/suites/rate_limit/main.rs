//! Who may send, and when.

mod arrivals;
mod fairness;
mod gate;
mod isolation;
mod pacing;
mod shared;
mod store;
