//! How long a client has not been used.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

/// So many microseconds later a connection may have been closed, without a runtime having seen it that was not driven
/// meanwhile.
const QUIET: u64 = 10_000;

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
        let since = now.saturating_duration_since(self.start);
        let now = since.as_secs().saturating_mul(1_000_000) + u64::from(since.subsec_micros());
        let before = self.begun.swap(now.max(1), Ordering::Relaxed);
        before > 0 && now > before.saturating_add(QUIET)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn promise_5_a_client_is_idle_ten_milliseconds_after_its_last_call() {
        let idle = Idle::new();
        let at = |micros| idle.start + Duration::from_micros(micros);
        let calls = [(0, false), (10_001, false), (20_001, false), (30_002, true), (30_003, false), (99_000, true)];
        for (micros, ends) in calls {
            assert_eq!(idle.ends(at(micros)), ends, "{micros}");
        }
        assert!(!Idle::new().ends(at(99_000)), "there is no connection before the first call");
    }
}
