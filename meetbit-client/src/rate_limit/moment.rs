//! Instants as numbers, since only a number can change without a lock.

use std::ops::Add;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use tokio::time::Instant;

/// Nanoseconds since some start, and one more: nothing happens at the start itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

impl Moment {
    /// Before everything else.
    pub(crate) const START: Self = Self(0);
    /// After everything else.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    pub(crate) fn of(instant: Instant, start: Instant) -> Self {
        Self(1) + instant.saturating_duration_since(start)
    }

    pub(crate) fn instant(self, start: Instant) -> Instant {
        start + self.since(Self(1))
    }

    /// Nothing, where the other is later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self(self.0.saturating_add(nanos(time)))
    }
}

/// Centuries are as good as more.
pub(crate) fn nanos(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000_000).saturating_add(time.subsec_nanos().into())
}

/// A moment that many threads change. All of them see all changes in the same order.
#[derive(Debug, Default)]
pub(crate) struct AtomicMoment(AtomicU64);

impl AtomicMoment {
    pub(crate) fn new(moment: Moment) -> Self {
        Self(AtomicU64::new(moment.0))
    }

    pub(crate) fn load(&self) -> Moment {
        Moment(self.0.load(SeqCst))
    }

    pub(crate) fn store(&self, moment: Moment) {
        self.0.store(moment.0, SeqCst);
    }

    pub(crate) fn swap(&self, moment: Moment) -> Moment {
        Moment(self.0.swap(moment.0, SeqCst))
    }

    /// The later of the two.
    pub(crate) fn postpone(&self, moment: Moment) {
        self.0.fetch_max(moment.0, SeqCst);
    }

    /// The earlier of the two.
    pub(crate) fn advance(&self, moment: Moment) {
        self.0.fetch_min(moment.0, SeqCst);
    }

    /// Whether it was `from`, and is `to` now.
    pub(crate) fn change(&self, from: Moment, to: Moment) -> bool {
        self.0.compare_exchange(from.0, to.0, SeqCst, SeqCst).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promise_8_a_moment_is_an_instant_and_never_wraps() {
        let start = Instant::now();
        let later = start + Duration::from_nanos(7);
        assert_eq!(Moment::of(later, start), Moment(8));
        assert_eq!(Moment(8).instant(start), later);
        assert_eq!(Moment::of(start, later), Moment(1));
        assert_eq!(Moment(8).since(Moment(3)), Duration::from_nanos(5));
        assert_eq!(Moment(3).since(Moment(8)), Duration::ZERO);
        assert_eq!(Moment(3) + Duration::MAX, Moment::NEVER);
    }
}
