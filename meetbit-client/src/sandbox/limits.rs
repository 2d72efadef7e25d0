//! The rate limits, and the penalties for sending before `Retry-After` has passed.
//!
//! Nothing here reads a clock: each step takes the instant at which it happens.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Windows are exact: no half-open second lets more than the limit through.
const WINDOW: Duration = Duration::from_secs(1);
/// The number of early requests in a row that suspends the key.
const STRIKES: u32 = 3;

#[derive(Debug)]
pub(super) struct Limits {
    tenant: Window,
    keys: Vec<KeyLimits>,
    first_wait: u64,
    penalties: u32,
}

/// The decision on a request, and the values of its reply's headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Admission {
    pub(super) verdict: Verdict,
    pub(super) limit: u32,
    pub(super) remaining: u32,
    pub(super) reset: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    /// Reply 429 with this `Retry-After`, in seconds.
    Wait(u64),
    Suspended,
}

#[derive(Debug)]
struct KeyLimits {
    window: Window,
    /// The wait in force or the last one, in seconds.
    wait: u64,
    until: Option<Instant>,
    strikes: u32,
    suspended: bool,
}

#[derive(Debug)]
struct Window {
    limit: u32,
    arrivals: VecDeque<Instant>,
}

impl Limits {
    pub(super) fn new(keys: usize, key_per_second: u32, tenant_per_second: u32, first_wait: u64) -> Self {
        let key = || KeyLimits {
            window: Window::new(key_per_second),
            wait: first_wait,
            until: None,
            strikes: 0,
            suspended: false,
        };
        Self {
            tenant: Window::new(tenant_per_second),
            keys: (0..keys).map(|_| key()).collect(),
            first_wait,
            penalties: 0,
        }
    }

    /// Counts an arrival and decides. A request without a valid key counts only toward the tenant's limit.
    pub(super) fn admit(&mut self, key: Option<usize>, now: Instant) -> Admission {
        let mut tightest = self.tenant.count(now);
        let mut verdict = Verdict::Pass;
        if let Some(key) = key.and_then(|key| self.keys.get_mut(key)) {
            let own = key.window.count(now);
            if own.remaining <= tightest.remaining {
                tightest = own;
            }
            let full = key.window.is_over() || self.tenant.is_over();
            verdict = key.judge(now, full, self.first_wait, &mut self.penalties);
        }
        if let Verdict::Wait(seconds) = verdict {
            tightest = Admission { remaining: 0, reset: seconds, ..tightest };
        }
        Admission { verdict, ..tightest }
    }

    /// Starts the wait that a reply asks of its key, at the moment of the reply.
    pub(super) fn hold(&mut self, key: usize, seconds: u64, now: Instant) {
        let Some(key) = self.keys.get_mut(key) else { return };
        let until = now.checked_add(Duration::from_secs(seconds));
        if until > key.until {
            (key.wait, key.until) = (seconds, until);
        }
    }

    pub(super) fn suspended(&self) -> bool {
        self.keys.iter().any(|key| key.suspended)
    }

    pub(super) fn penalties(&self) -> u32 {
        self.penalties
    }
}

impl KeyLimits {
    fn judge(&mut self, now: Instant, full: bool, first_wait: u64, penalties: &mut u32) -> Verdict {
        if self.suspended {
            return Verdict::Suspended;
        }
        match self.until {
            Some(until) if now < until => {
                *penalties = penalties.saturating_add(1);
                Verdict::Wait(self.punish(now))
            }
            _ if full => Verdict::Wait(first_wait),
            _ => {
                (self.until, self.strikes) = (None, 0);
                Verdict::Pass
            }
        }
    }

    fn punish(&mut self, now: Instant) -> u64 {
        self.wait = self.wait.saturating_mul(2);
        self.until = now.checked_add(Duration::from_secs(self.wait)).or(self.until);
        self.strikes += 1;
        self.suspended = self.strikes >= STRIKES;
        self.wait
    }
}

impl Window {
    fn new(limit: u32) -> Self {
        Self { limit, arrivals: VecDeque::new() }
    }

    fn count(&mut self, now: Instant) -> Admission {
        while self.arrivals.front().is_some_and(|first| now.saturating_duration_since(*first) >= WINDOW) {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back(now);
        Admission {
            verdict: Verdict::Pass,
            limit: self.limit,
            remaining: self.limit.saturating_sub(self.used()),
            reset: 1, // a window of one second, rounded up
        }
    }

    fn is_over(&self) -> bool {
        self.used() > self.limit
    }

    fn used(&self) -> u32 {
        u32::try_from(self.arrivals.len()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn verdicts(limits: &mut Limits, key: usize, times: &[Instant]) -> Vec<Verdict> {
        times.iter().map(|time| limits.admit(Some(key), *time).verdict).collect()
    }

    #[test]
    fn the_sixth_request_within_a_second_is_refused() {
        let start = Instant::now();
        let mut limits = Limits::new(1, 5, 10, 1);
        let six: Vec<_> = (0..6).map(|n| start + n * 199 * MS).collect();
        let [passed @ .., last] = verdicts(&mut limits, 0, &six).try_into().unwrap_or([Verdict::Suspended; 6]);
        assert_eq!((passed, last), ([Verdict::Pass; 5], Verdict::Wait(1)));
    }

    #[test]
    fn an_arrival_leaves_the_window_after_exactly_one_second() {
        let start = Instant::now();
        let mut limits = Limits::new(1, 1, 10, 1);
        assert_eq!(limits.admit(Some(0), start).verdict, Verdict::Pass);
        assert_eq!(limits.admit(Some(0), start + 1000 * MS).verdict, Verdict::Pass);
        assert_eq!(limits.admit(Some(0), start + 1999 * MS).verdict, Verdict::Wait(1));
    }

    #[test]
    fn two_keys_share_the_tenants_limit() {
        let start = Instant::now();
        let mut limits = Limits::new(2, 2, 3, 1);
        assert_eq!(verdicts(&mut limits, 0, &[start; 2]), [Verdict::Pass; 2]);
        assert_eq!(verdicts(&mut limits, 1, &[start; 2]), [Verdict::Pass, Verdict::Wait(1)]);
    }

    #[test]
    fn a_request_without_a_key_counts_toward_the_tenants_limit() {
        let start = Instant::now();
        let mut limits = Limits::new(1, 5, 1, 1);
        assert_eq!(limits.admit(None, start).verdict, Verdict::Pass);
        assert_eq!(limits.admit(Some(0), start).verdict, Verdict::Wait(1));
    }

    #[test]
    fn the_headers_speak_of_the_nearer_limit() {
        let start = Instant::now();
        let mut limits = Limits::new(2, 5, 6, 1);
        assert_eq!((limits.admit(Some(0), start).limit, limits.admit(Some(0), start).remaining), (5, 3));
        verdicts(&mut limits, 1, &[start; 3]);
        let admission = limits.admit(Some(0), start);
        assert_eq!((admission.limit, admission.remaining, admission.reset), (6, 0, 1));
    }

    #[test]
    fn each_early_request_doubles_the_wait_and_the_third_suspends() {
        let start = Instant::now();
        let mut limits = Limits::new(1, 5, 10, 1);
        limits.hold(0, 2, start);
        let early = [start + MS, start + 2 * MS, start + 3 * MS, start + 4 * MS];
        assert_eq!(
            verdicts(&mut limits, 0, &early),
            [Verdict::Wait(4), Verdict::Wait(8), Verdict::Wait(16), Verdict::Suspended]
        );
        assert!(limits.suspended());
        assert_eq!(limits.penalties(), 3);
        let much_later = start + Duration::from_secs(3600);
        assert_eq!(limits.admit(Some(0), much_later).verdict, Verdict::Suspended);
    }

    #[test]
    fn a_wait_that_is_kept_clears_the_record() {
        let start = Instant::now();
        let mut limits = Limits::new(1, 5, 10, 1);
        limits.hold(0, 1, start);
        assert_eq!(verdicts(&mut limits, 0, &[start, start]), [Verdict::Wait(2), Verdict::Wait(4)]);
        let kept = start + 4000 * MS;
        assert_eq!(limits.admit(Some(0), kept).verdict, Verdict::Pass);
        limits.hold(0, 1, kept);
        assert_eq!(verdicts(&mut limits, 0, &[kept, kept]), [Verdict::Wait(2), Verdict::Wait(4)]);
        assert!(!limits.suspended());
    }

    #[test]
    fn one_keys_wait_leaves_the_other_alone() {
        let start = Instant::now();
        let mut limits = Limits::new(2, 5, 10, 1);
        limits.hold(0, 60, start);
        assert_eq!(limits.admit(Some(1), start).verdict, Verdict::Pass);
    }

    #[test]
    fn a_shorter_wait_never_replaces_a_longer_one() {
        let start = Instant::now();
        let mut limits = Limits::new(1, 5, 10, 1);
        limits.hold(0, 60, start);
        limits.hold(0, 1, start);
        assert_eq!(limits.admit(Some(0), start + 2000 * MS).verdict, Verdict::Wait(120));
    }

    #[test]
    fn an_endless_wait_is_no_panic() {
        let start = Instant::now();
        let mut limits = Limits::new(1, 5, 10, 1);
        limits.hold(0, u64::MAX, start);
        limits.hold(0, u64::MAX / 2_000_000_000, start);
        limits.admit(Some(0), start);
    }
}
