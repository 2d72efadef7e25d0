//! Moments and spans of the limiter, as numbers of microseconds.

use std::time::Duration;

use tokio::time::Instant;

/// Microseconds on the clock of the place that keeps the state.
pub(crate) type Moment = u64;

/// Timers are not finer than this.
pub(crate) const TICK: Moment = 1_000;
pub(crate) const SECOND: Moment = 1_000 * TICK;
pub(crate) const MINUTE: Moment = 60 * SECOND;
pub(crate) const HOUR: Moment = 60 * MINUTE;

/// A duration in microseconds. Longer than half a million years counts as that.
pub(crate) fn span(duration: Duration) -> Moment {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The instant `span` after `start`. A century is as good as more.
pub(crate) fn after(start: Instant, span: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    start + span.min(CENTURY)
}
