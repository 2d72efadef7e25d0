//! Which requests the server may still count, as plain functions on moments, without a lock.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use crate::rate_limit::moment::{AtomicMoment, Moment};
use crate::rate_limit::slots::Slots;

/// MeetBit counts requests by the second.
pub(crate) const WINDOW: Duration = Duration::from_secs(1);

/// In a slot that nobody has taken.
const FREE: Moment = Moment::START;
/// In the slot of a request that has not left for the server yet.
const HERE: Moment = Moment::NEVER;

/// The requests that may fall into the server's current window: in a slot each, until when it surely counts.
#[derive(Debug)]
pub(crate) struct Window {
    slots: Slots,
    /// How many are not free, at the least. A request is added here before it takes a free slot and taken off after it has
    /// given it back, so that never more than a limit are counted, however threads meet.
    taken: AtomicUsize,
    /// Where to look for a slot next. They are passed in the order in which most requests leave the window.
    next: AtomicUsize,
    /// Before this none of them leaves the window.
    leave_at: AtomicMoment,
    full_at: AtomicMoment,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            slots: Slots::default(),
            taken: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            leave_at: AtomicMoment::new(Moment::NEVER),
            full_at: AtomicMoment::default(),
        }
    }
}

impl Window {
    /// A slot for a request, where fewer than `limit` are counted; it is counted until [`settle`](Self::settle) says for
    /// how long.
    pub(crate) fn take(&self, limit: u32, now: Moment) -> Option<usize> {
        loop {
            if let Some(slot) = self.take_over(limit, now) {
                return Some(slot);
            }
            let one_more = |taken| (taken < size(limit)).then_some(taken + 1);
            if self.taken.fetch_update(SeqCst, SeqCst, one_more).is_ok() {
                return Some(self.place(HERE, limit, now));
            }
            if self.is_full(limit, now) {
                return None;
            }
        }
    }

    /// The next slot, if its request has left the window. As many are taken then as before.
    fn take_over(&self, limit: u32, now: Moment) -> Option<usize> {
        let at = self.next.load(SeqCst).checked_rem(self.slots.len())?;
        let slot = self.slots.get(at);
        let before = slot.load();
        let is_left = before != FREE && before <= now && self.taken.load(SeqCst) <= size(limit);
        (is_left && slot.change(before, HERE)).then(|| {
            self.next.fetch_add(1, SeqCst);
            at
        })
    }

    /// Puts a request that is among the taken already into a free slot. There are as many slots as the limit at the most, apart
    /// from those for late answers.
    fn place(&self, until: Moment, limit: u32, now: Moment) -> usize {
        let mut missed = 0;
        loop {
            let known = self.slots.len();
            let at = if missed >= known || missed > 0 && known < size(limit) && self.is_crowded(known, now) {
                self.slots.add()
            } else {
                self.next.fetch_add(1, SeqCst) % known
            };
            if self.slots.get(at).change(FREE, until) {
                self.leave_at.advance(until);
                return at;
            }
            missed += 1;
        }
    }

    /// Whether it is better to have another slot than to look for one in two that is free. Each time that the number of slots
    /// has doubled, those are freed first that have been left; unless that makes a good many, it would soon have to be done
    /// again.
    fn is_crowded(&self, slots: usize, now: Moment) -> bool {
        let exceed = |part| self.taken.load(SeqCst) > slots / part;
        if exceed(2) && slots.is_power_of_two() {
            self.sweep(now);
            exceed(4)
        } else {
            exceed(2)
        }
    }

    /// Whether all that is allowed is counted; remembers when it was.
    pub(crate) fn is_full(&self, limit: u32, now: Moment) -> bool {
        if self.is_free(limit) {
            return false;
        }
        if self.leave_at.load() <= now {
            self.sweep(now);
        }
        let is_full = !self.is_free(limit);
        if is_full {
            self.full_at.postpone(now);
        }
        is_full
    }

    fn is_free(&self, limit: u32) -> bool {
        self.taken.load(SeqCst) < size(limit)
    }

    /// Frees the slots of requests that have left the window, which are looked at next.
    fn sweep(&self, now: Moment) {
        self.leave_at.store(Moment::NEVER); // before a slot is read, so that whoever settles one meanwhile corrects it
        for (at, slot) in self.slots.iter().enumerate() {
            let until = slot.load();
            if until > now {
                self.leave_at.advance(until);
            } else if until != FREE && slot.change(until, FREE) {
                self.taken.fetch_sub(1, SeqCst);
                self.next.store(at, SeqCst);
            }
        }
    }

    /// The first moment at which fewer than `limit` requests are counted; `None` while that depends on requests which have
    /// not left yet.
    pub(crate) fn ready_at(&self, limit: u32, now: Moment) -> Option<Moment> {
        if self.is_free(limit) {
            return Some(now);
        }
        self.sweep(now);
        if !self.is_full(limit, now) {
            return Some(now);
        }
        let mut counted: Vec<_> = self.slots.iter().map(AtomicMoment::load).filter(|until| *until != FREE).collect();
        let excess = self.taken.load(SeqCst).saturating_sub(size(limit));
        if excess >= counted.len() {
            return None; // another thread is about to take a slot, or has just given one back
        }
        let until = *counted.select_nth_unstable(excess).1;
        (until != HERE).then_some(until)
    }

    /// Whether all that is allowed has been counted at any time since then.
    pub(crate) fn was_full(&self, since: Moment) -> bool {
        self.full_at.load() >= since
    }

    /// Says how long the request in a slot is counted that was counted until `known`, or had not left. Returns its slot,
    /// which is another one if it has been taken for gone meanwhile.
    pub(crate) fn settle(&self, slot: usize, known: Option<Moment>, until: Moment, now: Moment) -> usize {
        if self.slots.get(slot).change(known.unwrap_or(HERE), until) {
            self.leave_at.advance(until);
            return slot;
        }
        self.taken.fetch_add(1, SeqCst);
        self.place(until, 0, now)
    }

    /// A request was never sent.
    pub(crate) fn give_back(&self, slot: usize) {
        self.slots.get(slot).store(FREE);
        self.taken.fetch_sub(1, SeqCst);
    }

    pub(crate) fn in_use(&self, now: Moment) -> usize {
        self.slots.iter().filter(|slot| slot.load() > now).count()
    }
}

fn size(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::AtomicU64;
    use std::thread;

    use fastrand::Rng;

    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::START + Duration::from_millis(millis)
    }

    /// A request that has left, and its slot.
    fn sent(window: &Window, limit: u32, now: Moment, until: Moment) -> usize {
        let slot = window.take(limit, now).unwrap();
        window.settle(slot, None, until, now);
        slot
    }

    #[test]
    fn promise_9_a_window_admits_its_limit_and_no_more() {
        let (window, start) = (Window::default(), at(1));
        let mut slots = Vec::new();
        for id in 0..5 {
            assert_eq!(window.ready_at(5, start), Some(start));
            slots.push(sent(&window, 5, start, at(1001 + 10 * id)));
        }
        assert_eq!(window.take(5, start), None);
        assert_eq!(window.ready_at(5, start), Some(at(1001)));
        assert_eq!(window.ready_at(3, start), Some(at(1021)));
        assert_eq!(window.ready_at(6, start), Some(start));
        window.settle(slots[0], Some(at(1001)), at(1501), start);
        assert_eq!(window.ready_at(5, start), Some(at(1011)));
        assert_eq!((window.in_use(start), window.in_use(at(1021))), (5, 3));
        assert_eq!(window.take(5, at(1010)), None);
        assert_eq!(window.ready_at(5, at(1011)), Some(at(1011)));
        assert!(window.take(5, at(1011)).is_some() && window.take(5, at(1011)).is_none());
    }

    #[test]
    fn promise_9_a_smaller_limit_holds_at_once() {
        let window = Window::default();
        for id in 0..5 {
            sent(&window, 5, at(1), at(1001 + id));
        }
        assert_eq!((window.take(3, at(1002)), window.ready_at(3, at(1002))), (None, Some(at(1003))));
        assert!(window.take(3, at(1003)).is_some());
        assert_eq!(window.take(3, at(1003)), None);
    }

    #[test]
    fn promise_9_a_request_that_has_not_left_keeps_its_place_however_long_that_takes() {
        let (window, start) = (Window::default(), at(1));
        let slots = [window.take(9, start).unwrap(), window.take(9, start).unwrap()];
        window.settle(slots[0], None, at(1001), start);
        assert_eq!(window.ready_at(1, start), None);
        assert_eq!(window.ready_at(2, start), Some(at(1001)));
        assert_eq!(window.ready_at(1, at(9_000_000)), None);
        window.give_back(slots[1]);
        assert_eq!(window.ready_at(1, at(1001)), Some(at(1001)));
    }

    #[test]
    fn promise_9_a_late_answer_is_counted_even_after_its_slot_was_free() {
        let window = Window::default();
        let late = sent(&window, 1, at(1), at(1001));
        assert_eq!(window.ready_at(1, at(1001)), Some(at(1001)));
        window.settle(late, Some(at(1001)), at(2501), at(1500));
        assert_eq!(window.ready_at(1, at(1601)), Some(at(2501)));
    }

    #[test]
    fn promise_9_a_late_answer_is_counted_beside_the_request_that_has_taken_its_slot() {
        let window = Window::default();
        let late = sent(&window, 1, at(1), at(1001));
        let other = window.take(1, at(1001)).unwrap();
        assert_eq!(late, other);
        window.settle(late, Some(at(1001)), at(2501), at(1500));
        window.settle(other, None, at(2001), at(1500));
        assert_eq!((window.ready_at(1, at(1601)), window.in_use(at(1601))), (Some(at(2501)), 2));
    }

    #[test]
    fn promise_9_fullness_is_remembered() {
        let window = Window::default();
        window.take(2, at(1));
        assert!(!window.is_full(2, at(1)) && !window.was_full(at(1)));
        window.take(2, at(2));
        assert!(window.is_full(2, at(2)) && window.was_full(at(2)) && !window.was_full(at(3)));
        window.ready_at(2, at(6));
        assert!(window.was_full(at(6)));
    }

    #[test]
    fn promise_10_slots_are_used_again() {
        let window = Window::default();
        for _ in 0..5 {
            sent(&window, 5, at(1), at(1001));
        }
        assert!(window.take(5, at(1001)).is_some());
        assert_eq!(window.taken.load(SeqCst), 5, "in the place of one that has left, without a look at the others");
        let window = Window::default();
        let take_four = || (0..4).map(|_| window.take(9, at(1)).unwrap()).collect::<Vec<_>>();
        for slot in take_four() {
            window.give_back(slot);
        }
        for slot in &take_four()[1..] {
            window.give_back(*slot);
        }
        for _ in 0..9 {
            window.give_back(window.take(9, at(1)).unwrap());
        }
        assert_eq!(window.slots.len(), 4);
    }

    #[test]
    fn promise_9_a_smaller_limit_takes_over_no_more_than_it_may() {
        let window = Window::default();
        for _ in 0..5 {
            sent(&window, 5, at(1), at(1001));
        }
        assert!(window.take(1, at(1001)).is_some());
        assert_eq!(window.take(1, at(1001)), None);
    }

    /// Two requests in a millisecond, where there is a slot for them. They leave in another order than they came, by up to so
    /// many milliseconds.
    #[test]
    fn promise_10_there_are_few_slots_and_few_are_looked_at() {
        for (limit, disorder, slots) in [(5, 9, 5), (1000, 9, 1000), (1_000_000, 1, 8192), (1_000_000, 1000, 16_384)] {
            let (window, mut rng, mut tried) = (Window::default(), Rng::with_seed(1), 0);
            for now in (0..10_000).flat_map(|millis| [at(millis); 2]) {
                if let Some(slot) = window.take(limit, now) {
                    window.settle(slot, None, now + Duration::from_millis(1000 + rng.u64(0..disorder)), now);
                }
                tried += 1;
            }
            assert!(window.slots.len() <= slots, "{} slots of {limit}", window.slots.len());
            let looks = window.slots.looks.load(SeqCst) / tried;
            assert!(looks <= 7 || slots < 2000, "{looks} looks at {slots} slots: all of them only where they are full");
        }
    }

    /// Threads meet at a window, and its time goes on when all of them have been told that it is full.
    #[test]
    fn promise_9_threads_that_meet_take_no_more_than_the_limit() {
        const THREADS: usize = 4;
        const LIMIT: u32 = 5;
        let (window, all, taken) = (Window::default(), Barrier::new(THREADS), AtomicU64::new(0));
        let round = |round: u64| {
            let now = at(1 + 1000 * round);
            all.wait();
            while let Some(slot) = window.take(LIMIT, now) {
                taken.fetch_add(1, SeqCst);
                window.settle(slot, None, at(999 + 1000 * round), now);
                window.settle(slot, Some(at(999 + 1000 * round)), at(1000 + 1000 * round), now);
            }
            all.wait();
            assert_eq!(taken.load(SeqCst), u64::from(LIMIT) * (round + 1));
            assert_eq!(window.in_use(now), 5);
        };
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| (0..2_000).for_each(round));
            }
        });
        assert!(window.slots.len() <= 2 * THREADS + 2 * size(LIMIT), "{}", window.slots.len());
    }
}
