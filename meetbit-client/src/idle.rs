//! How long a client has not been used.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

/// So many microseconds later a connection may have been closed, without a runtime having seen it that was not driven
/// meanwhile.
const QUIET: u64 = 1_000;

/// When a call was last begun.
#[derive(Debug)]
pub(crate) struct Idle {
    start: Instant,
    /// Microseconds since then; 0 as long as there was none.
    begun: AtomicU64,
}

impl Idle {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), begun: AtomicU64::new(0) }
    }

    /// Whether it is worth looking what has become of the connections, now that a call begins.
    pub(crate) fn ends(&self, now: Instant) -> bool {
        let now = u64::try_from(now.saturating_duration_since(self.start).as_micros()).unwrap_or(u64::MAX);
        let before = self.begun.swap(now.max(1), Ordering::Relaxed);
        before > 0 && now > before.saturating_add(QUIET)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn promise_5_a_client_is_idle_a_millisecond_after_its_last_call() {
        let idle = Idle::new();
        let at = |micros| idle.start + Duration::from_micros(micros);
        let calls = [(0, false), (1_001, false), (2_001, false), (3_002, true), (3_003, false), (10_000, true)];
        for (micros, ends) in calls {
            assert_eq!(idle.ends(at(micros)), ends, "{micros}");
        }
        assert!(!Idle::new().ends(at(10_000)), "there is no connection before the first call");
    }
}
