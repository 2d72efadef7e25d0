//! The limits of a client.

use std::time::Duration;

use tokio::time::Instant;

use crate::rate_limit::config::RateLimit;
use crate::rate_limit::limiter::{Limiter, Turn};
use crate::rate_limit::moment::after;

/// What limits the requests of a client. A call can have stricter limits.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) limiter: Limiter,
    pub(crate) rate_limit: RateLimit,
    /// The time limit of a whole call.
    pub(crate) timeout: Duration,
    /// The time limit of one request, from its permit to the last byte of the reply.
    pub(crate) attempt_timeout: Duration,
    /// The longest wait that the server may ask for.
    pub(crate) max_wait: Duration,
}

impl Limits {
    /// The turn of a call with these limits.
    pub(crate) fn turn(&self) -> Turn {
        Turn::new(self.rate_limit, after(Instant::now(), self.timeout), self.max_wait)
    }
}
