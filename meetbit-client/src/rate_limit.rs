//! Decides who may send to a tenant, and when.
//!
//! The decisions are pure functions on plain data: `state` with `window`, `queue` and `gate`. `registry` keeps one state for
//! each tenant, behind a lock. Only `limiter` waits. The room may import `response` and `error`.

pub(crate) mod config;
pub(crate) mod gate;
mod key_handle;
pub(crate) mod limiter;
pub(crate) mod moment;
pub(crate) mod permit;
pub(crate) mod queue;
mod registry;
pub(crate) mod state;
pub(crate) mod window;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
