//! How long the connections of a client have not been used.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// After this time a server may have closed a connection without the runtime having seen it, because the runtime was not driven.
const QUIET: Duration = Duration::from_millis(10);

/// The moment of the last request, if there was one.
#[derive(Debug, Default)]
pub(crate) struct Idle(Mutex<Option<Instant>>);

impl Idle {
    /// True if the runtime should look at the connections before this request uses one.
    pub(crate) fn ends(&self, now: Instant) -> bool {
        let before = self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(now);
        before.is_some_and(|before| now > before + QUIET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promise_5_a_client_is_idle_ten_milliseconds_after_its_last_request() {
        let (idle, start) = (Idle::default(), Instant::now());
        let at = |micros: u64| start + Duration::from_micros(micros);
        let requests = [(0, false), (10_001, true), (20_001, false), (30_002, true), (30_003, false), (99_000, true)];
        for (micros, ends) in requests {
            assert_eq!(idle.ends(at(micros)), ends, "{micros}");
        }
        assert!(!Idle::default().ends(at(99_000)), "no connection exists before the first request");
    }
}
