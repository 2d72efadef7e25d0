//! What a `429` closes, as plain functions on instants.

use std::time::Duration;

use tokio::time::Instant;

/// So many refusals in a row, each directly after a full wait, and the client no longer waits by itself.
const WARNING: u32 = 3;

/// Whether anything may be sent to a tenant with a key.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    open_at: Option<Instant>,
    refusals: u32,
}

impl Gate {
    /// When it opens, if it is closed.
    pub(crate) fn closed_until(&self, now: Instant) -> Option<Instant> {
        self.open_at.filter(|open_at| *open_at > now)
    }

    /// A `429` for a request sent at `sent`. Without a readable `asked` the wait is a second, doubled by each further
    /// refusal; a wait is never shortened.
    pub(crate) fn refuse(&mut self, sent: Instant, now: Instant, asked: Option<Duration>) {
        if self.was_open(sent) {
            self.refusals = self.refusals.saturating_add(1);
        }
        let unasked = Duration::from_secs(1 << self.refusals.saturating_sub(1).min(6));
        self.close(now, asked.unwrap_or(unasked));
    }

    /// A reply other than `429`.
    pub(crate) fn admit(&mut self, sent: Instant) {
        if self.was_open(sent) {
            self.refusals = 0;
        }
    }

    pub(crate) fn close(&mut self, now: Instant, wait: Duration) {
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        self.open_at = self.open_at.max(Some(now + wait.min(CENTURY)));
    }

    pub(crate) fn refusals(&self) -> u32 {
        self.refusals
    }

    /// Full waits did not help: something else uses the key, or the vendor is about to suspend it.
    pub(crate) fn warns(&self) -> bool {
        self.refusals >= WARNING
    }

    /// Requests that were under way when it closed say nothing new.
    fn was_open(&self, sent: Instant) -> bool {
        self.open_at.is_none_or(|open_at| sent >= open_at)
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
        let start = Instant::now();
        let mut gate = Gate::default();
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
        let mut now = Instant::now();
        let mut gate = Gate::default();
        for expected in [1, 2, 4, 8, 16, 32, 64, 64] {
            gate.refuse(now, now, None);
            assert_eq!(gate.closed_until(now), Some(now + secs(expected)));
            now += secs(expected);
        }
    }

    #[test]
    fn promise_8_refusals_directly_after_full_waits_are_a_warning() {
        let start = Instant::now();
        let mut gate = Gate::default();
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
