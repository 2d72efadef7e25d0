//! A call from its first attempt to its end.

mod at_most_once;
mod blocking;
mod environment;
mod rotation;
mod time_limits;
