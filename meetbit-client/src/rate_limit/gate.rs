//! What a `429` closes, as plain functions on moments; without a lock, as long as nobody is refused.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use crate::rate_limit::moment::{AtomicMoment, Moment};

/// So many refusals in a row, each directly after a full wait, and the client no longer waits by itself.
const WARNING: u32 = 3;

/// Whether anything may be sent to a tenant with a key.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    open_at: AtomicMoment,
    refusals: AtomicU32,
}

impl Gate {
    /// When it opens, if it is closed.
    pub(crate) fn closed_until(&self, now: Moment) -> Option<Moment> {
        Some(self.open_at.load()).filter(|open_at| *open_at > now)
    }

    /// A `429` for a request sent at `sent`. Without a readable `asked` the wait is a second, doubled by each further
    /// refusal; a wait is never shortened. To be called by one thread at a time, since of `429`s that come together only one
    /// counts.
    pub(crate) fn refuse(&self, sent: Moment, now: Moment, asked: Option<Duration>) {
        let refusals = self.refusals().saturating_add(u32::from(self.was_open(sent)));
        let unasked = Duration::from_secs(1 << refusals.saturating_sub(1).min(6));
        self.close(now, asked.unwrap_or(unasked));
        self.refusals.store(refusals, SeqCst); // once it is closed, no reply makes it forgotten that comes at the same time
    }

    /// A reply other than `429`.
    pub(crate) fn admit(&self, sent: Moment) {
        let refusals = self.refusals();
        if refusals != 0 && self.was_open(sent) {
            let _ = self.refusals.compare_exchange(refusals, 0, SeqCst, SeqCst);
        }
    }

    pub(crate) fn close(&self, now: Moment, wait: Duration) {
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        self.open_at.postpone(now + wait.min(CENTURY));
    }

    pub(crate) fn refusals(&self) -> u32 {
        self.refusals.load(SeqCst)
    }

    /// Full waits did not help: something else uses the key, or the vendor is about to suspend it.
    pub(crate) fn warns(&self) -> bool {
        self.refusals() >= WARNING
    }

    /// Requests that were under way when it closed say nothing new.
    fn was_open(&self, sent: Moment) -> bool {
        sent >= self.open_at.load()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn promise_8_a_wait_is_never_shortened() {
        let start = Moment::START;
        let gate = Gate::default();
        gate.refuse(start, start, Some(secs(10)));
        gate.refuse(start, start + secs(1), Some(secs(2)));
        assert_eq!(gate.closed_until(start + secs(9)), Some(start + secs(10)));
        assert_eq!(gate.closed_until(start + secs(10)), None);
        gate.refuse(start, start + secs(1), Some(secs(60)));
        assert_eq!(gate.closed_until(start + secs(10)), Some(start + secs(61)));
        gate.refuse(start, start, Some(Duration::MAX));
        assert!(gate.closed_until(start + secs(1_000_000_000)).is_some());
    }

    #[test]
    fn promise_8_without_a_readable_value_the_wait_grows_with_each_refusal() {
        let mut now = Moment::START;
        let gate = Gate::default();
        for expected in [1, 2, 4, 8, 16, 32, 64, 64] {
            gate.refuse(now, now, None);
            assert_eq!(gate.closed_until(now), Some(now + secs(expected)));
            now = now + secs(expected);
        }
    }

    #[test]
    fn promise_8_refusals_directly_after_full_waits_are_a_warning() {
        let start = Moment::START;
        let gate = Gate::default();
        for _ in 0..5 {
            gate.refuse(start, start, Some(secs(1)));
        }
        assert_eq!((gate.refusals(), gate.warns()), (1, false), "requests under way count once");
        gate.refuse(start + secs(1), start + secs(1), Some(secs(1)));
        gate.admit(start);
        gate.refuse(start + secs(2), start + secs(2), Some(secs(1)));
        assert!(gate.warns());
        gate.admit(start + secs(3));
        assert_eq!(gate.refusals(), 0);
    }
}
