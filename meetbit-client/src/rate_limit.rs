//! Decides who may send to a tenant, and when. It may import `response` and `error`.

pub(crate) mod arrival;
pub(crate) mod config;
pub(crate) mod gate;
pub(crate) mod idle;
pub(crate) mod moment;
pub(crate) mod pacer;
pub(crate) mod slots;
pub(crate) mod tally;
pub(crate) mod trips;
pub(crate) mod turns;
pub(crate) mod window;
