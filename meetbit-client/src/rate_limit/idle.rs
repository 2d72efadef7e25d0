//! How long a client has not been used.

use std::time::Duration;

use crate::rate_limit::moment::{AtomicMoment, Moment};

/// So much later a connection may have been closed, without a runtime having seen it that was not driven meanwhile.
const QUIET: Duration = Duration::from_millis(10);

/// When a call was last begun; the start, as long as there was none.
#[derive(Debug, Default)]
pub(crate) struct Idle(AtomicMoment);

impl Idle {
    /// Whether it is worth looking what has become of the connections, now that a call begins.
    pub(crate) fn ends(&self, now: Moment) -> bool {
        let before = self.0.swap(now);
        before > Moment::START && now > before + QUIET
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promise_5_a_client_is_idle_ten_milliseconds_after_its_last_call() {
        let idle = Idle::default();
        let at = |micros: u64| Moment::START + Duration::from_micros(1 + micros);
        let calls = [(0, false), (10_001, true), (20_001, false), (30_002, true), (30_003, false), (99_000, true)];
        for (micros, ends) in calls {
            assert_eq!(idle.ends(at(micros)), ends, "{micros}");
        }
        assert!(!Idle::default().ends(at(99_000)), "there is no connection before the first call");
    }
}
