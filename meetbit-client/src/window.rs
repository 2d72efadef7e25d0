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
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    id: u64,
    free_at: Instant,
}

impl Window {
    /// The first instant at which fewer than `limit` requests are counted.
    pub(crate) fn ready_at(&mut self, limit: u32, now: Instant) -> Instant {
        self.slots.retain(|slot| slot.free_at > now);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let Some(excess) = self.slots.len().checked_sub(limit) else { return now };
        let mut free: Vec<_> = self.slots.iter().map(|slot| slot.free_at).collect();
        *free.select_nth_unstable(excess).1
    }

    /// Counts a request until `free_at`, which [`settle`](Self::settle) corrects once more is known.
    pub(crate) fn take(&mut self, id: u64, free_at: Instant) {
        self.slots.push(Slot { id, free_at });
    }

    pub(crate) fn settle(&mut self, id: u64, free_at: Instant) {
        match self.slots.iter_mut().find(|slot| slot.id == id) {
            Some(slot) => slot.free_at = free_at,
            None => self.slots.push(Slot { id, free_at }),
        }
    }

    pub(crate) fn in_use(&self, now: Instant) -> usize {
        self.slots.iter().filter(|slot| slot.free_at > now).count()
    }
}

/// How long requests take to be answered, from which follows by when the server has seen one.
///
/// A request arrives somewhere between its sending and its answer. Two requests reach the server a window apart if the
/// second is sent a window after the first plus `trip(first) - least trip`: whatever made the first trip longer than the
/// shortest may have delayed its arrival, and no later one arrives faster than the shortest. Until enough trips are known,
/// the answer itself is taken for the arrival: the first requests pay for their connections.
#[derive(Debug, Default)]
pub(crate) struct Trips {
    recent: VecDeque<Duration>,
}

impl Trips {
    const ENOUGH: usize = 10;
    const KEPT: usize = 32;

    /// When a request that was answered leaves the server's window.
    pub(crate) fn answered(&mut self, sent: Instant, now: Instant) -> Instant {
        let trip = now.saturating_duration_since(sent);
        if self.recent.len() == Self::KEPT {
            self.recent.pop_front();
        }
        self.recent.push_back(trip);
        let least = if self.recent.len() < Self::ENOUGH { Duration::ZERO } else { self.least() };
        sent + trip.saturating_sub(least) + WINDOW + GUARD
    }

    /// When a request that is sent now will probably leave it; if its answer is late, it was counted later than that.
    pub(crate) fn predicted(&self, sent: Instant) -> Instant {
        let spread = if self.recent.len() < Self::ENOUGH {
            WINDOW
        } else {
            self.recent.iter().max().map_or(WINDOW, |most| most.saturating_sub(self.least()))
        };
        sent + spread + WINDOW + GUARD
    }

    /// When a request that was given up leaves it: it has arrived by now or never will.
    pub(crate) fn abandoned(now: Instant) -> Instant {
        now + WINDOW + GUARD
    }

    fn least(&self) -> Duration {
        self.recent.iter().min().copied().unwrap_or_default()
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
            assert_eq!(window.ready_at(5, start), start);
            window.take(id, start + ms(1000 + 10 * id));
        }
        assert_eq!(window.ready_at(5, start), start + ms(1000));
        assert_eq!(window.ready_at(3, start), start + ms(1020));
        assert_eq!(window.ready_at(6, start), start);
        window.settle(0, start + ms(1500));
        assert_eq!(window.ready_at(5, start), start + ms(1010));
        assert_eq!((window.in_use(start), window.in_use(start + ms(1020))), (5, 3));
        assert_eq!(window.ready_at(5, start + ms(1010)), start + ms(1010));
    }

    #[test]
    fn promise_9_a_late_answer_is_counted_even_after_its_slot_was_free() {
        let start = Instant::now();
        let mut window = Window::default();
        window.take(1, start + ms(1000));
        assert_eq!(window.ready_at(1, start + ms(1000)), start + ms(1000));
        window.settle(1, start + ms(2500));
        assert_eq!(window.ready_at(1, start + ms(1600)), start + ms(2500));
    }

    #[test]
    fn promise_9_the_answer_is_taken_for_the_arrival_until_trips_are_known() {
        let start = Instant::now();
        let mut trips = Trips::default();
        assert_eq!(trips.predicted(start), start + ms(2005));
        for _ in 0..9 {
            assert_eq!(trips.answered(start, start + ms(100)), start + ms(1105));
        }
        assert_eq!(trips.answered(start, start + ms(100)), start + ms(1005));
        assert_eq!(trips.answered(start, start + ms(130)), start + ms(1035));
        assert_eq!(trips.predicted(start), start + ms(1035));
        assert_eq!(Trips::abandoned(start), start + ms(1005));
    }
}
