use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tower::retry::budget::TpsBudget;

use crate::error::{Error, ErrorKind, Outcome};

/// When a failed request is sent again.
///
/// It is sent again only if the server provably did not act (no connection could be made, or it answered `429`), or if the
/// endpoint is idempotent and the failure is temporary. Waits between attempts grow exponentially with full jitter. If
/// a wait would outlast the call, the call fails at once.
///
/// ```
/// use meetbit_client::RetryPolicy;
/// use std::time::Duration;
///
/// let policy =
///     RetryPolicy::default().max_attempts(5).max_wait(Duration::from_secs(5));
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
    /// Never sends a request again.
    #[must_use]
    pub fn never() -> Self {
        Self::default().max_attempts(1)
    }

    /// Sets the number of requests for a call, including the first (3 by default); 0 counts as 1.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// Sets the longest wait that the server may ask for (60 seconds by default). If it asks for more, or for more than the
    /// call has time for, the call returns `RateLimited` at once.
    #[must_use]
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait;
        self
    }

    /// Sets the waits between attempts: the n-th is a random part of `base * 2^(n-1)`, at most `cap` (200 ms and 10 s by
    /// default).
    #[must_use]
    pub fn backoff(mut self, base: Duration, cap: Duration) -> Self {
        self.base = base;
        self.cap = cap;
        self
    }

    /// The longest wait after this number of attempts.
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

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetryDecision {
    /// The call fails.
    Stop,
    /// The call joins the queue again. The limiter knows how long the gate is closed.
    Requeue,
    /// The call waits for `at_least` and a random part of `jitter`, then joins the queue again.
    BackOff { at_least: Duration, jitter: Duration },
}

/// Decides whether a call is sent again after the error of its last attempt.
pub(crate) fn decide(policy: &RetryPolicy, idempotent: bool, error: &Error) -> RetryDecision {
    if error.attempts() >= policy.max_attempts {
        return RetryDecision::Stop;
    }
    let is_rejected = error.outcome() != Outcome::Unknown;
    if error.kind() == ErrorKind::RateLimited && (is_rejected || idempotent) {
        return RetryDecision::Requeue;
    }
    let asked = error.retry_after().unwrap_or_default();
    let not_sent =
        error.outcome() == Outcome::NotSent && matches!(error.kind(), ErrorKind::Connect | ErrorKind::Timeout);
    if error.is_temporary() && (not_sent || idempotent) && asked <= policy.max_wait {
        RetryDecision::BackOff { at_least: asked, jitter: policy.ceiling(error.attempts()) }
    } else {
        RetryDecision::Stop
    }
}

/// The budget for the retries of all calls of a client: one a second, and a fifth of the requests of the last ten
/// seconds, so that an outage is not multiplied. A `429` needs no budget, because the limiter holds its call back.
pub(crate) fn budget() -> TpsBudget {
    TpsBudget::new(Duration::from_secs(10), 1, 0.2)
}

/// A random part of `ceiling`: full jitter, so that many callers do not come back at once.
pub(crate) fn jittered(ceiling: Duration) -> Duration {
    let random = RandomState::new().hash_one(()) >> 32;
    let nanos = (ceiling.as_nanos() * u128::from(random)) >> 32;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use tower::retry::budget::Budget;

    use super::*;

    const KINDS: [ErrorKind; 17] = [
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
        ErrorKind::InDoubt,
        ErrorKind::Journal,
    ];
    const OUTCOMES: [Outcome; 4] = [Outcome::NotSent, Outcome::Rejected, Outcome::Unknown, Outcome::Done];

    fn failed(kind: ErrorKind, outcome: Outcome, temporary: bool, attempts: u32) -> Error {
        Error::new(kind, "").with(|e| e.outcome(outcome).temporary(temporary).attempts(attempts))
    }

    fn asked(error: Error, seconds: u64) -> Error {
        error.with(|e| e.retry_after(Duration::from_secs(seconds)))
    }

    #[test]
    fn promise_1_a_create_is_repeated_only_after_a_429_or_a_request_that_did_not_leave() {
        for kind in KINDS {
            for outcome in OUTCOMES {
                for temporary in [true, false] {
                    let decision = decide(&RetryPolicy::default(), false, &failed(kind, outcome, temporary, 1));
                    let kept_back = matches!(kind, ErrorKind::Connect | ErrorKind::Timeout);
                    let rejected = kind == ErrorKind::RateLimited && outcome != Outcome::Unknown;
                    let repeated = rejected || kept_back && outcome == Outcome::NotSent && temporary;
                    assert_eq!(decision != RetryDecision::Stop, repeated, "{kind:?} {outcome:?}");
                }
            }
        }
    }

    #[test]
    fn promise_1_an_idempotent_call_is_repeated_after_a_temporary_failure() {
        let decide = |error| decide(&RetryPolicy::default(), true, &error);
        let back_off = RetryDecision::BackOff { at_least: Duration::ZERO, jitter: Duration::from_millis(200) };
        assert_eq!(decide(failed(ErrorKind::Network, Outcome::Unknown, true, 1)), back_off);
        assert_eq!(decide(failed(ErrorKind::Network, Outcome::Unknown, false, 1)), RetryDecision::Stop);
    }

    #[test]
    fn promise_2_a_permanent_connection_failure_is_final() {
        let untrusted = failed(ErrorKind::Connect, Outcome::NotSent, false, 1);
        assert_eq!(decide(&RetryPolicy::default(), true, &untrusted), RetryDecision::Stop);
    }

    #[test]
    fn promise_6_attempts_and_waits_are_bounded() {
        let refused = |attempts| failed(ErrorKind::Connect, Outcome::NotSent, true, attempts);
        let policy = RetryPolicy::default();
        assert_ne!(decide(&policy, false, &refused(2)), RetryDecision::Stop);
        assert_eq!(decide(&policy, false, &refused(3)), RetryDecision::Stop);
        assert_eq!(decide(&RetryPolicy::never(), false, &refused(1)), RetryDecision::Stop);
        assert_eq!(decide(&policy, true, &asked(refused(1), 61)), RetryDecision::Stop);
        let patient = policy.max_wait(Duration::from_secs(61)).max_attempts(2);
        assert_ne!(decide(&patient, true, &asked(refused(1), 61)), RetryDecision::Stop);
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

    #[tokio::test(start_paused = true)]
    async fn promise_6_an_outage_is_not_multiplied() {
        let budget = budget();
        let retries = || (0..1000).take_while(|_| budget.withdraw()).count();
        (0..100).for_each(|_| budget.deposit());
        assert_eq!(retries(), 30, "a fifth of the requests, and one for each of ten seconds");
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(retries(), 0);
    }
}
