//! How long answers take, from which follows by when the server has counted a request; without a lock.

use std::array;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize};
use std::time::Duration;

use crate::rate_limit::moment::{Moment, nanos};
use crate::rate_limit::window::WINDOW;

/// Covers the granularity of timers and clocks.
const GUARD: Duration = Duration::from_millis(5);

/// The last trips to a server and back.
///
/// It counts a request somewhere between its departure and its answer. To be sure, the answer is taken for the arrival; that
/// wastes the length of a trip in every second, and 25 ms are the most that may be wasted as a rule. Where trips take
/// longer, a part that all of them have in common is taken off: two requests are still counted a window apart if the second
/// leaves a window after the first plus `trip(first) - base`, as long as no way there and back is shorter than `base`.
///
/// Rare delays are waited for in full. Where callers wait and the length of trips varies as a rule, it is the server's work
/// that varies and not the way to it, and only part of that is waited for: until a `429` proves that wrong.
#[derive(Debug)]
pub(crate) struct Trips {
    /// The last of them, in a ring: see [`Trip`].
    recent: [AtomicU64; Self::KEPT],
    /// How many there ever were.
    count: AtomicUsize,
    /// The shortest of them, in nanoseconds; of up to twice as many, since it is looked for only once in a round.
    least: AtomicU64,
    /// What is lost where the answer is taken for the arrival, in nanoseconds, and in how many of them.
    lost: AtomicU64,
    waited: AtomicU32,
    /// A `429` came: delays are waited for whatever that costs.
    strict: AtomicBool,
}

/// Twice its nanoseconds, and one more if the request was held back for the rate limit, so that time that is wasted is lost.
#[derive(Clone, Copy)]
struct Trip(u64);

impl Trip {
    /// Where there has been none yet.
    const NONE: u64 = u64::MAX;

    fn new(time: Duration, waited: bool) -> Self {
        Self(nanos(time).min(Self::NONE >> 2) << 1 | u64::from(waited))
    }

    fn nanos(self) -> u64 {
        self.0 >> 1
    }

    fn waited(self) -> bool {
        self.0 & 1 == 1
    }
}

impl Default for Trips {
    fn default() -> Self {
        Self {
            recent: array::from_fn(|_| AtomicU64::new(Trip::NONE)),
            count: AtomicUsize::new(0),
            least: AtomicU64::new(Trip::NONE),
            lost: AtomicU64::new(0),
            waited: AtomicU32::new(0),
            strict: AtomicBool::new(false),
        }
    }
}

impl Trips {
    /// So many trips are known before the shortest means anything.
    const ENOUGH: usize = 10;
    const KEPT: usize = 128;
    /// The most that a first arrival is thought to be late.
    const COLD: Duration = Duration::from_millis(250);
    /// The part of a second that may be wasted as a rule.
    const HABIT: Duration = Duration::from_millis(25);

    /// When a request that left at `left` and was answered at `now` leaves the server's window.
    pub(crate) fn answered(&self, left: Moment, now: Moment, waited: bool) -> Moment {
        let time = now.since(left);
        self.remember(Trip::new(time, waited));
        left + self.late(time) + WINDOW + GUARD
    }

    /// A trip is added to the sums before another thread can take it off.
    fn remember(&self, trip: Trip) {
        if trip.waited() {
            self.lost.fetch_add(trip.nanos(), SeqCst);
            self.waited.fetch_add(1, SeqCst);
        }
        let at = self.count.fetch_add(1, SeqCst) % Self::KEPT;
        let oldest = Trip(self.recent[at].swap(trip.0, SeqCst));
        if oldest.0 != Trip::NONE && oldest.waited() {
            self.lost.fetch_sub(oldest.nanos(), SeqCst);
            self.waited.fetch_sub(1, SeqCst);
        }
        self.least.fetch_min(trip.nanos(), SeqCst);
        if at == 0 {
            self.least.store(self.shortest(), SeqCst);
            self.least.fetch_min(self.shortest(), SeqCst); // another thread may have added a shorter one before the store
        }
    }

    fn shortest(&self) -> u64 {
        self.recent.iter().map(|trip| Trip(trip.load(SeqCst)).nanos()).min().unwrap_or(Trip::NONE)
    }

    /// When a request that has just left will leave it, if no answer says more: it arrives within a second, or, where
    /// answers always take longer than that, as late as usual.
    pub(crate) fn unanswered(&self, left: Moment) -> Moment {
        let late = if self.least() > WINDOW { Self::HABIT } else { self.late(WINDOW) };
        left + late + WINDOW + GUARD
    }

    /// When a request that was given up leaves it: it has arrived by now or never will.
    pub(crate) fn abandoned(now: Moment) -> Moment {
        now + WINDOW + GUARD
    }

    pub(crate) fn refused(&self) {
        self.strict.store(true, SeqCst);
    }

    /// How late a request is thought to have arrived, if it was answered after this time.
    fn late(&self, time: Duration) -> Duration {
        let (known, strict) = (self.known(), self.strict.load(SeqCst));
        if known < Self::ENOUGH && !strict {
            return time.min(Self::COLD);
        }
        let allowed = Self::HABIT * u32::try_from(known.max(Self::KEPT / 4)).unwrap_or(u32::MAX);
        let (lost, waited) = (Duration::from_nanos(self.lost.load(SeqCst)), self.waited.load(SeqCst));
        if lost <= allowed {
            return time;
        }
        let base = (lost.saturating_sub(allowed) / waited.max(1)).min(self.least());
        let (late, lost) = (time.saturating_sub(base), lost.saturating_sub(base * waited));
        if strict || lost <= allowed { late } else { late.mul_f64(allowed.div_duration_f64(lost)) }
    }

    fn least(&self) -> Duration {
        if self.known() < Self::ENOUGH { Duration::ZERO } else { Duration::from_nanos(self.least.load(SeqCst)) }
    }

    fn known(&self) -> usize {
        self.count.load(SeqCst).min(Self::KEPT)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn promise_9_a_first_answer_is_taken_for_the_arrival_but_not_for_long() {
        let (trips, start) = known(&[100; 8]);
        assert_eq!(trips.unanswered(start), start + ms(1255));
        assert_eq!(trips.answered(start, start + ms(100), true), start + ms(1105));
        let trips = known(&[100; 8]).0;
        assert_eq!(trips.answered(start, start + ms(900), true), start + ms(1255));
        let trips = known(&[100; 9]).0;
        assert_eq!(trips.answered(start, start + ms(900), true), start + ms(1805), "ten trips are enough");
        assert_eq!(Trips::abandoned(start), start + ms(1005));
    }

    #[test]
    fn promise_9_a_quick_answer_is_taken_for_the_arrival() {
        let (trips, start) = known(&[20; 127]);
        assert_eq!(trips.answered(start, start + ms(20), true), start + ms(1025));
        assert_eq!(trips.unanswered(start), start + ms(2005));
    }

    #[test]
    fn promise_10_what_all_trips_have_in_common_is_not_waited_for() {
        let (trips, start) = known(&[125; 127]);
        assert_eq!(trips.answered(start, start + ms(125), true), start + ms(1030));
        assert_eq!(trips.answered(start, start + ms(253), true), start + ms(1005 + 253 - 101));
    }

    #[test]
    fn promise_9_a_rare_delay_counts_in_full() {
        let (trips, start) = known(&[10; 127]);
        assert_eq!(trips.answered(start, start + ms(900), true), start + ms(1905));
    }

    #[test]
    fn promise_10_trips_that_vary_as_a_rule_are_the_servers_work() {
        let (trips, start) = known(&[0, 300].repeat(64));
        assert_eq!(trips.answered(start, start + ms(300), true), start + ms(1005) + ms(300).mul_f64(3200.0 / 19_500.0));
        trips.refused();
        assert_eq!(trips.answered(start, start + ms(300), true), start + ms(1305), "until a refusal");
    }

    #[test]
    fn promise_9_trips_that_cost_nobody_time_count_in_full() {
        let start = Moment::START;
        let trips = Trips::default();
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
        assert_eq!((trips.known(), trips.least()), (128, ms(500)));
    }

    /// Trips of these lengths, all of them held back.
    fn known(trips: &[u64]) -> (Trips, Moment) {
        let start = Moment::START;
        let known = Trips::default();
        for trip in trips {
            known.answered(start, start + ms(*trip), true);
        }
        (known, start)
    }

    #[test]
    fn promise_9_trips_that_threads_make_at_the_same_time_are_all_remembered() {
        let (trips, start) = (Trips::default(), Moment::START);
        thread::scope(|scope| {
            for thread in 0..4 {
                let trips = &trips;
                scope.spawn(move || {
                    for i in 0..20_000 {
                        trips.answered(start, start + ms(10 + thread + i % 200), i % 2 == 0);
                    }
                });
            }
        });
        let recent = || trips.recent.iter().map(|trip| Trip(trip.load(SeqCst)));
        let waited: Vec<_> = recent().filter(|trip| trip.waited()).map(Trip::nanos).collect();
        assert_eq!(trips.lost.load(SeqCst), waited.iter().sum::<u64>());
        assert_eq!(trips.waited.load(SeqCst) as usize, waited.len());
        while trips.count.load(SeqCst) % Trips::KEPT != 1 {
            trips.answered(start, start + ms(500), false);
        }
        assert_eq!(Some(trips.least.load(SeqCst)), recent().map(Trip::nanos).min());
    }
}
