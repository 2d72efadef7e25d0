use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use crate::error::{ErrorKind, Outcome};
use crate::rate_limit::moment::Moment;

/// When a failed request is sent again.
///
/// Only where the server provably did not act (no connection could be made, or it answered `429`), or where the endpoint
/// is idempotent and the failure temporary. Waits between attempts grow exponentially with full jitter; a wait that
/// would outlast the call's time is not begun.
///
/// ```
/// use std::time::Duration;
/// use meetbit_client::RetryPolicy;
///
/// let policy = RetryPolicy::default().max_attempts(5).max_wait(Duration::from_secs(5));
/// # let _ = policy;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    pub(crate) max_attempts: u32,
    pub(crate) max_wait: Duration,
    base: Duration,
    cap: Duration,
}

impl RetryPolicy {
    /// Every failure is final.
    #[must_use]
    pub fn never() -> Self {
        Self::default().max_attempts(1)
    }

    /// At most so many requests for a call, the first one included (3 by default); 0 counts as 1.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// The longest wait that the server may ask for (60 seconds by default). Where it asks for more, or more than the
    /// call has time for, the call returns `RateLimited` at once.
    #[must_use]
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait;
        self
    }

    /// The n-th wait is a random part of `base * 2^(n-1)`, which grows up to `cap` (200 ms and 10 s by default).
    #[must_use]
    pub fn backoff(mut self, base: Duration, cap: Duration) -> Self {
        self.base = base;
        self.cap = cap;
        self
    }

    /// The longest wait after so many attempts.
    fn ceiling(&self, attempts: u32) -> Duration {
        self.base.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1))).min(self.cap)
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            max_wait: Duration::from_secs(60),
            base: Duration::from_millis(200),
            cap: Duration::from_secs(10),
        }
    }
}

/// What is known of a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) kind: ErrorKind,
    pub(crate) outcome: Outcome,
    /// Another attempt may fare better.
    pub(crate) temporary: bool,
    /// What the server asks to wait, other than by a `429`.
    pub(crate) asked: Duration,
}

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Give up.
    Stop,
    /// Join the queue again; the pacer knows how long the way is closed.
    Requeue,
    /// Wait so long at the most (a random part of it), then join the queue again.
    BackOff { at_least: Duration, jitter: Duration },
}

/// Decides whether a call whose attempt failed goes on.
pub(crate) fn next(policy: &RetryPolicy, idempotent: bool, attempts: u32, failed: Failed) -> Next {
    if attempts >= policy.max_attempts || failed.asked > policy.max_wait {
        return Next::Stop;
    }
    let provably_idle = failed.outcome == Outcome::NotSent && failed.kind == ErrorKind::Connect;
    match failed.kind {
        ErrorKind::RateLimited => Next::Requeue,
        _ if failed.temporary && (provably_idle || idempotent) => {
            Next::BackOff { at_least: failed.asked, jitter: policy.ceiling(attempts) }
        }
        _ => Next::Stop,
    }
}

/// A random part of `ceiling`: full jitter, so that many callers do not come back at once.
pub(crate) fn jittered(ceiling: Duration) -> Duration {
    let random = RandomState::new().hash_one(()) >> 32;
    let nanos = (ceiling.as_nanos() * u128::from(random)) >> 32;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// How many retries all calls of a client may make together: one a second and a fifth of the requests of the last ten
/// seconds, so that an outage is not multiplied. A `429` does not count, since the pacer holds those back.
///
/// tower's budget does the same under a lock, which every request would take.
#[derive(Debug, Default)]
pub(crate) struct RetryBudget {
    /// Which second it is.
    second: AtomicU64,
    /// What each of the last ten has brought, less what was spent in it: a retry costs what five requests bring.
    balances: [AtomicI64; Self::SECONDS],
}

impl RetryBudget {
    const SECONDS: usize = 10;
    const PRICE: i64 = 5;
    /// What there is without requests.
    const RESERVE: i64 = 10 * Self::PRICE;

    pub(crate) fn request(&self, now: Moment) {
        self.current(now).fetch_add(1, SeqCst);
    }

    pub(crate) fn allows_retry(&self, now: Moment) -> bool {
        let current = self.current(now);
        current.fetch_sub(Self::PRICE, SeqCst);
        let left: i64 = self.balances.iter().map(|balance| balance.load(SeqCst)).sum();
        let allowed = left + Self::RESERVE >= 0;
        if !allowed {
            current.fetch_add(Self::PRICE, SeqCst);
        }
        allowed
    }

    /// The balance of this second. The first to come in it forgets those of ten seconds ago.
    fn current(&self, now: Moment) -> &AtomicI64 {
        let second = now.since(Moment::START).as_secs();
        let last = self.second.fetch_max(second, SeqCst);
        let passed = (last + 1..=second).take(Self::SECONDS);
        passed.for_each(|passed| self.at(passed).store(0, SeqCst));
        self.at(second)
    }

    fn at(&self, second: u64) -> &AtomicI64 {
        &self.balances[usize::try_from(second).unwrap_or_default() % Self::SECONDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [ErrorKind; 15] = [
        ErrorKind::Config,
        ErrorKind::InvalidRequest,
        ErrorKind::Validation,
        ErrorKind::Unauthenticated,
        ErrorKind::PermissionDenied,
        ErrorKind::NotFound,
        ErrorKind::Conflict,
        ErrorKind::RateLimited,
        ErrorKind::Server,
        ErrorKind::UnexpectedStatus,
        ErrorKind::Decode,
        ErrorKind::TooLarge,
        ErrorKind::Timeout,
        ErrorKind::Connect,
        ErrorKind::Network,
    ];
    const OUTCOMES: [Outcome; 4] = [Outcome::NotSent, Outcome::Rejected, Outcome::Unknown, Outcome::Done];

    fn failed(kind: ErrorKind, outcome: Outcome, temporary: bool) -> Failed {
        Failed { kind, outcome, temporary, asked: Duration::ZERO }
    }

    #[test]
    fn promise_1_a_create_is_repeated_only_after_a_429_or_a_refused_connection() {
        for kind in KINDS {
            for outcome in OUTCOMES {
                for temporary in [true, false] {
                    let next = next(&RetryPolicy::default(), false, 1, failed(kind, outcome, temporary));
                    let refused = kind == ErrorKind::Connect && outcome == Outcome::NotSent && temporary;
                    assert_eq!(next != Next::Stop, kind == ErrorKind::RateLimited || refused, "{kind:?} {outcome:?}");
                }
            }
        }
    }

    #[test]
    fn promise_1_an_idempotent_call_is_repeated_after_a_temporary_failure() {
        let next = |failed| next(&RetryPolicy::default(), true, 1, failed);
        let unknown = failed(ErrorKind::Network, Outcome::Unknown, true);
        assert_eq!(next(unknown), Next::BackOff { at_least: Duration::ZERO, jitter: Duration::from_millis(200) });
        assert_eq!(next(Failed { temporary: false, ..unknown }), Next::Stop);
    }

    #[test]
    fn promise_2_a_permanent_connection_failure_is_final() {
        let untrusted = failed(ErrorKind::Connect, Outcome::NotSent, false);
        assert_eq!(next(&RetryPolicy::default(), true, 1, untrusted), Next::Stop);
    }

    #[test]
    fn promise_6_attempts_and_waits_are_bounded() {
        let refused = failed(ErrorKind::Connect, Outcome::NotSent, true);
        let policy = RetryPolicy::default();
        assert_ne!(next(&policy, false, 2, refused), Next::Stop);
        assert_eq!(next(&policy, false, 3, refused), Next::Stop);
        assert_eq!(next(&RetryPolicy::never(), false, 1, refused), Next::Stop);
        assert_eq!(next(&policy, true, 1, Failed { asked: Duration::from_secs(61), ..refused }), Next::Stop);
        let patient = policy.max_wait(Duration::from_secs(61)).max_attempts(2);
        assert_ne!(next(&patient, true, 1, Failed { asked: Duration::from_secs(61), ..refused }), Next::Stop);
        let brisk = policy.backoff(Duration::from_millis(3), Duration::from_millis(10));
        assert_eq!([1, 2, 3].map(|n| brisk.ceiling(n).as_millis()), [3, 6, 10]);
        let waits: Vec<_> = (1..=8).map(|n| policy.ceiling(n).as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(policy.ceiling(u32::MAX), policy.cap);
    }

    #[test]
    fn promise_6_jitter_is_full_and_below_its_ceiling() {
        let ceiling = Duration::from_secs(1);
        let waits: Vec<_> = (0..200).map(|_| jittered(ceiling)).collect();
        assert!(waits.iter().all(|wait| *wait < ceiling));
        assert!(waits.iter().any(|wait| *wait < ceiling / 4) && waits.iter().any(|wait| *wait > ceiling * 3 / 4));
        assert_eq!(jittered(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn promise_6_an_outage_is_not_multiplied() {
        let budget = RetryBudget::default();
        let after = |millis| Moment::START + Duration::from_millis(millis);
        let retries = |now| (0..100).take_while(|_| budget.allows_retry(now)).count();
        (0..100).for_each(|_| budget.request(after(0)));
        assert_eq!(retries(after(1500)), 30, "a fifth of the requests, and one for each of ten seconds");
        assert_eq!(retries(after(9900)), 0);
        assert_eq!(retries(after(10_000)), 0, "the requests are forgotten, but not what was spent");
        assert_eq!(retries(after(11_000)), 10);
        (0..5).for_each(|_| budget.request(after(11_000)));
        assert_eq!((retries(after(11_000)), retries(after(99_000))), (1, 10));
        assert_eq!(retries(after(12_000)), 0, "a thread whose clock was read long ago");
    }
}
