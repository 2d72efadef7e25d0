//! Which requests the server may still count, as plain functions on instants.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// MeetBit counts requests by the second.
pub(crate) const WINDOW: Duration = Duration::from_secs(1);

/// Covers the granularity of timers and clocks.
const GUARD: Duration = Duration::from_millis(5);

/// The requests that may fall into the server's current window, each until it surely has left it.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// How many have not left for the server yet.
    here: usize,
    /// When each of the others leaves the window, in order.
    free_at: VecDeque<Instant>,
    full_at: Option<Instant>,
}

impl Window {
    /// The first instant at which fewer than `limit` requests are counted; `None` while that depends on requests which
    /// have not left yet.
    pub(crate) fn ready_at(&mut self, limit: u32, now: Instant) -> Option<Instant> {
        while self.free_at.front().is_some_and(|free_at| *free_at <= now) {
            self.free_at.pop_front();
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let Some(excess) = (self.here + self.free_at.len()).checked_sub(limit) else { return Some(now) };
        self.full_at = Some(now);
        self.free_at.get(excess).copied()
    }

    /// Counts a request from now on, until [`settle`](Self::settle) says for how long.
    pub(crate) fn take(&mut self, limit: u32, now: Instant) {
        self.here += 1;
        self.ready_at(limit, now);
    }

    /// Whether all that is allowed has been counted at any time since then.
    pub(crate) fn was_full(&self, since: Instant) -> bool {
        self.full_at.is_some_and(|full_at| full_at >= since)
    }

    /// Says how long a request is counted that was counted until `known`, or had not left.
    pub(crate) fn settle(&mut self, known: Option<Instant>, free_at: Instant) {
        match known {
            None => self.give_back(),
            Some(known) => self.forget(known),
        }
        if self.free_at.back().is_none_or(|last| *last <= free_at) {
            self.free_at.push_back(free_at);
        } else {
            self.free_at.insert(self.free_at.partition_point(|other| *other <= free_at), free_at);
        }
    }

    /// It is no longer counted, if it still was. Requests that leave together are as good as one another.
    fn forget(&mut self, known: Instant) {
        if self.free_at.back() == Some(&known) {
            self.free_at.pop_back();
        } else if let Ok(at) = self.free_at.binary_search(&known) {
            self.free_at.remove(at);
        }
    }

    /// A request was never sent.
    pub(crate) fn give_back(&mut self) {
        self.here = self.here.saturating_sub(1);
    }

    pub(crate) fn in_use(&self, now: Instant) -> usize {
        self.here + self.free_at.len() - self.free_at.partition_point(|free_at| *free_at <= now)
    }
}

/// How long answers take, from which follows by when the server has counted a request.
///
/// It counts a request somewhere between its departure and its answer. To be sure, the answer is taken for the arrival; that
/// wastes the length of a trip in every second, and 25 ms are the most that may be wasted as a rule. Where trips take
/// longer, a part that all of them have in common is taken off: two requests are still counted a window apart if the second
/// leaves a window after the first plus `trip(first) - base`, as long as no way there and back is shorter than `base`.
///
/// Rare delays are waited for in full. Where callers wait and the length of trips varies as a rule, it is the server's work
/// that varies and not the way to it, and only part of that is waited for: until a `429` proves that wrong.
#[derive(Debug, Default)]
pub(crate) struct Trips {
    recent: VecDeque<Trip>,
    /// The shortest of them.
    least: Duration,
    /// What is lost where the answer is taken for the arrival, and in how many of them.
    lost: Duration,
    waited: u32,
    /// A `429` came: delays are waited for whatever that costs.
    strict: bool,
}

#[derive(Debug)]
struct Trip {
    time: Duration,
    /// The request was held back for the rate limit, so time that is wasted is lost.
    waited: bool,
}

impl Trips {
    /// So many trips are known before the shortest means anything.
    const ENOUGH: usize = 10;
    const KEPT: u32 = 128;
    /// The most that a first arrival is thought to be late.
    const COLD: Duration = Duration::from_millis(250);
    /// The part of a second that may be wasted as a rule.
    const HABIT: Duration = Duration::from_millis(25);

    /// When a request that left at `left` and was answered at `now` leaves the server's window.
    pub(crate) fn answered(&mut self, left: Instant, now: Instant, waited: bool) -> Instant {
        let time = now.saturating_duration_since(left);
        if self.recent.len() == Self::KEPT as usize {
            self.forget();
        }
        self.least = if self.recent.is_empty() { time } else { self.least.min(time) };
        if waited {
            (self.lost, self.waited) = (self.lost + time, self.waited + 1);
        }
        self.recent.push_back(Trip { time, waited });
        left + self.late(time) + WINDOW + GUARD
    }

    fn forget(&mut self) {
        let Some(oldest) = self.recent.pop_front() else { return };
        if oldest.waited {
            (self.lost, self.waited) = (self.lost.saturating_sub(oldest.time), self.waited - 1);
        }
        if oldest.time == self.least {
            self.least = self.recent.iter().map(|trip| trip.time).min().unwrap_or(oldest.time);
        }
    }

    /// When a request that has just left will leave it, if no answer says more: it arrives within a second, or, where
    /// answers always take longer than that, as late as usual.
    pub(crate) fn unanswered(&self, left: Instant) -> Instant {
        let late = if self.least() > WINDOW { Self::HABIT } else { self.late(WINDOW) };
        left + late + WINDOW + GUARD
    }

    /// When a request that was given up leaves it: it has arrived by now or never will.
    pub(crate) fn abandoned(now: Instant) -> Instant {
        now + WINDOW + GUARD
    }

    pub(crate) fn refused(&mut self) {
        self.strict = true;
    }

    /// How late a request is thought to have arrived, if it was answered after this time.
    fn late(&self, time: Duration) -> Duration {
        if self.recent.len() < Self::ENOUGH && !self.strict {
            return time.min(Self::COLD);
        }
        let allowed = Self::HABIT * u32::try_from(self.recent.len()).unwrap_or(Self::KEPT).max(Self::KEPT / 4);
        if self.lost <= allowed {
            return time;
        }
        let base = (self.lost.saturating_sub(allowed) / self.waited.max(1)).min(self.least());
        let (late, lost) = (time.saturating_sub(base), self.lost.saturating_sub(base * self.waited));
        if self.strict || lost <= allowed { late } else { late.mul_f64(allowed.div_duration_f64(lost)) }
    }

    fn least(&self) -> Duration {
        if self.recent.len() < Self::ENOUGH { Duration::ZERO } else { self.least }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn promise_9_a_window_admits_its_limit_and_no_more() {
        let start = Instant::now();
        let mut window = Window::default();
        for id in 0..5 {
            assert_eq!(window.ready_at(5, start), Some(start));
            window.take(5, start);
            window.settle(None, start + ms(1000 + 10 * id));
        }
        assert_eq!(window.ready_at(5, start), Some(start + ms(1000)));
        assert_eq!(window.ready_at(3, start), Some(start + ms(1020)));
        assert_eq!(window.ready_at(6, start), Some(start));
        window.settle(Some(start + ms(1000)), start + ms(1500));
        assert_eq!(window.ready_at(5, start), Some(start + ms(1010)));
        assert_eq!((window.in_use(start), window.in_use(start + ms(1020))), (5, 3));
        assert_eq!(window.ready_at(5, start + ms(1010)), Some(start + ms(1010)));
    }

    #[test]
    fn promise_9_a_request_that_has_not_left_keeps_its_place_however_long_that_takes() {
        let start = Instant::now();
        let mut window = Window::default();
        window.take(9, start);
        window.take(9, start);
        window.settle(None, start + ms(1000));
        assert_eq!(window.ready_at(1, start), None);
        assert_eq!(window.ready_at(2, start), Some(start + ms(1000)));
        assert_eq!(window.ready_at(1, start + ms(9_000_000)), None);
        window.give_back();
        assert_eq!(window.ready_at(1, start + ms(1000)), Some(start + ms(1000)));
    }

    #[test]
    fn promise_9_a_late_answer_is_counted_even_after_its_slot_was_free() {
        let start = Instant::now();
        let mut window = Window::default();
        window.settle(None, start + ms(1000));
        assert_eq!(window.ready_at(1, start + ms(1000)), Some(start + ms(1000)));
        window.settle(Some(start + ms(1000)), start + ms(2500));
        assert_eq!(window.ready_at(1, start + ms(1600)), Some(start + ms(2500)));
    }

    #[test]
    fn promise_9_fullness_is_remembered() {
        let start = Instant::now();
        let mut window = Window::default();
        window.take(2, start);
        assert!(!window.was_full(start));
        window.take(2, start + ms(1));
        assert!(window.was_full(start + ms(1)) && !window.was_full(start + ms(2)));
        window.ready_at(2, start + ms(5));
        assert!(window.was_full(start + ms(5)));
    }

    #[test]
    fn promise_9_a_first_answer_is_taken_for_the_arrival_but_not_for_long() {
        let (mut trips, start) = known(&[100; 8]);
        assert_eq!(trips.unanswered(start), start + ms(1255));
        assert_eq!(trips.answered(start, start + ms(100), true), start + ms(1105));
        trips = known(&[100; 8]).0;
        assert_eq!(trips.answered(start, start + ms(900), true), start + ms(1255));
        trips = known(&[100; 9]).0;
        assert_eq!(trips.answered(start, start + ms(900), true), start + ms(1805), "ten trips are enough");
        assert_eq!(Trips::abandoned(start), start + ms(1005));
    }

    #[test]
    fn promise_9_a_quick_answer_is_taken_for_the_arrival() {
        let (mut trips, start) = known(&[20; 127]);
        assert_eq!(trips.answered(start, start + ms(20), true), start + ms(1025));
        assert_eq!(trips.unanswered(start), start + ms(2005));
    }

    #[test]
    fn promise_10_what_all_trips_have_in_common_is_not_waited_for() {
        let (mut trips, start) = known(&[125; 127]);
        assert_eq!(trips.answered(start, start + ms(125), true), start + ms(1030));
        assert_eq!(trips.answered(start, start + ms(253), true), start + ms(1005 + 253 - 101));
    }

    #[test]
    fn promise_9_a_rare_delay_counts_in_full() {
        let (mut trips, start) = known(&[10; 127]);
        assert_eq!(trips.answered(start, start + ms(900), true), start + ms(1905));
    }

    #[test]
    fn promise_10_trips_that_vary_as_a_rule_are_the_servers_work() {
        let (mut trips, start) = known(&[0, 300].repeat(64));
        assert_eq!(trips.answered(start, start + ms(300), true), start + ms(1005) + ms(300).mul_f64(3200.0 / 19_500.0));
        trips.refused();
        assert_eq!(trips.answered(start, start + ms(300), true), start + ms(1305), "until a refusal");
    }

    #[test]
    fn promise_9_trips_that_cost_nobody_time_count_in_full() {
        let start = Instant::now();
        let mut trips = Trips::default();
        for i in 0..128 {
            trips.answered(start, start + ms(300 * (i % 2)), false);
        }
        assert_eq!(trips.answered(start, start + ms(300), true), start + ms(1305));
    }

    #[test]
    fn promise_10_answers_that_always_take_seconds_are_not_waited_for() {
        let (trips, start) = known(&[3000; 20]);
        assert_eq!(trips.unanswered(start), start + ms(1030));
        let (trips, start) = known(&[1000; 20]);
        assert_eq!(trips.unanswered(start), start + ms(1045), "these are answered in time");
    }

    #[test]
    fn promise_9_old_trips_are_forgotten() {
        let (trips, _) = known(&[&[10][..], &[500; 128]].concat());
        assert_eq!((trips.recent.len(), trips.least()), (128, ms(500)));
    }

    /// Trips of these lengths, all of them held back.
    fn known(trips: &[u64]) -> (Trips, Instant) {
        let start = Instant::now();
        let mut known = Trips::default();
        for trip in trips {
            known.answered(start, start + ms(*trip), true);
        }
        (known, start)
    }
}
