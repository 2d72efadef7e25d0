//! Promise 23: a repeat is told, and the memory for it is bounded in time and number.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use meetbit_client::webhook::{Deduplicator, MemoryDeduplicator, Seen};

const HOUR: Duration = Duration::from_hours(1);
const TICK: Duration = Duration::from_nanos(1);
const ALMOST_AN_HOUR: Duration = HOUR.saturating_sub(TICK);

/// A clock that stands still until it is put forward.
#[derive(Clone)]
struct Clock(Arc<Mutex<Instant>>);

impl Clock {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    fn forward(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }

    fn deduplicator(&self) -> MemoryDeduplicator {
        let clock = self.clone();
        MemoryDeduplicator::new().clock(move || *clock.0.lock().unwrap())
    }
}

/// How many ids it holds, as it says of itself.
fn holds(seen: &MemoryDeduplicator, ids: usize) -> bool {
    format!("{seen:?}").contains(&format!("ids: {ids},"))
}

#[test]
fn promise_23_a_repeat_is_reported_as_one() {
    let seen = MemoryDeduplicator::new();

    assert_eq!(seen.check("a"), Seen::First);
    assert_eq!(seen.check("a"), Seen::Repeat);
    assert_eq!(seen.check("A"), Seen::First);
    assert_eq!(seen.check("a"), Seen::Repeat);
}

#[test]
fn promise_23_an_id_is_kept_for_an_hour_after_it_first_came() {
    let clock = Clock::new();
    let seen = clock.deduplicator();

    assert_eq!(seen.check("a"), Seen::First);
    clock.forward(ALMOST_AN_HOUR);
    assert_eq!(seen.check("a"), Seen::Repeat);
    clock.forward(TICK);
    assert_eq!(seen.check("a"), Seen::First);
}

#[test]
fn the_time_can_be_set() {
    let clock = Clock::new();
    let seen = clock.deduplicator().keep_for(Duration::from_secs(1));

    assert_eq!(seen.check("a"), Seen::First);
    clock.forward(Duration::from_secs(1));
    assert_eq!(seen.check("a"), Seen::First);
}

#[test]
fn ids_that_are_too_old_free_their_memory() {
    let clock = Clock::new();
    let seen = clock.deduplicator();
    for id in 0..1000 {
        let _ = seen.check(&id.to_string());
    }
    assert!(holds(&seen, 1000), "{seen:?}");

    clock.forward(HOUR);
    assert_eq!(seen.check("one more"), Seen::First);
    assert!(holds(&seen, 1), "{seen:?}");
}

#[test]
fn promise_23_beyond_the_number_the_oldest_go() {
    let seen = MemoryDeduplicator::new().at_most(2);
    for id in ["a", "b", "c"] {
        assert_eq!(seen.check(id), Seen::First);
    }

    assert!(holds(&seen, 2), "{seen:?}");
    assert_eq!(seen.check("b"), Seen::Repeat);
    assert_eq!(seen.check("c"), Seen::Repeat);
    assert_eq!(seen.check("a"), Seen::First);
    assert_eq!(seen.check("b"), Seen::First);
}

#[test]
fn the_number_is_100_000_unless_set() {
    let seen = MemoryDeduplicator::new();
    for id in 0..=100_000 {
        assert_eq!(seen.check(&id.to_string()), Seen::First);
    }

    assert!(holds(&seen, 100_000), "{seen:?}");
    assert_eq!(seen.check("1"), Seen::Repeat);
    assert_eq!(seen.check("0"), Seen::First);
}

#[test]
fn with_room_for_none_nothing_is_a_repeat() {
    let seen = MemoryDeduplicator::new().at_most(0);

    assert_eq!(seen.check("a"), Seen::First);
    assert_eq!(seen.check("a"), Seen::First);
    assert!(holds(&seen, 0), "{seen:?}");
}

#[test]
fn a_forgotten_id_is_first_again_and_kept_as_long_as_any() {
    let clock = Clock::new();
    let seen = clock.deduplicator();

    assert_eq!(seen.check("a"), Seen::First);
    seen.forget("a");
    seen.forget("never came");
    assert!(holds(&seen, 0), "{seen:?}");

    clock.forward(ALMOST_AN_HOUR);
    assert_eq!(seen.check("a"), Seen::First);
    clock.forward(ALMOST_AN_HOUR);
    assert_eq!(seen.check("a"), Seen::Repeat);
}

#[test]
fn a_clock_that_goes_back_forgets_nothing() {
    let clock = Clock::new();
    clock.forward(HOUR);
    let seen = clock.deduplicator();

    assert_eq!(seen.check("a"), Seen::First);
    *clock.0.lock().unwrap() -= HOUR;
    assert_eq!(seen.check("a"), Seen::Repeat);
}

#[test]
fn of_many_threads_with_one_id_one_is_first() {
    let seen: &dyn Deduplicator = &MemoryDeduplicator::new();
    for id in ["a", "b", "c"] {
        let first: usize = thread::scope(|scope| {
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(|| usize::from(seen.check(id) == Seen::First))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(first, 1);
    }
}
