//! Random schedules of asks, departures, reports, crashes and clocks, judged by what an adversary of the limiter sees.
//!
//! `LIMITER_SEEDS=100000` runs more of them, `LIMITER_SEED=7` a single one.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use fastrand::Rng;

use super::*;
use crate::rate_limit::moment::{MINUTE, SECOND as S};
use crate::rate_limit::queue::PATIENCE;
use crate::rate_limit::state::LOOK;

const KEYS: [&str; 3] = ["a", "b", "c"];
/// A live waiter is served within this time after the last call has come, because there are few of them.
const END: Moment = 100 * MINUTE;

fn seeds() -> Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    number("LIMITER_SEED").map_or(0..number("LIMITER_SEEDS").unwrap_or(3_000), |seed| seed..seed + 1)
}

/// A call: where it is, and how it behaves.
struct Call {
    key: usize,
    ticket: Option<u64>,
    /// When it was told to ask again, if it waits.
    told: Option<Moment>,
    stage: Stage,
    /// It comes late or never, as a task does that is not driven.
    is_dead: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    /// It asks at this moment.
    Asks(Moment),
    Holds {
        id: u64,
        until: Moment,
        departs: Moment,
    },
    /// The answer comes then; never if it is `None`.
    Departed {
        id: u64,
        at: Moment,
        answer: Option<Moment>,
        is_429: bool,
    },
    Over,
}

struct World {
    rng: Rng,
    store: Store,
    limit: RateLimit,
    calls: Vec<Call>,
    /// The key of each request that has departed, and the moments between which it arrives.
    arrivals: Vec<(usize, Moment, Moment)>,
    /// For each key, until when nothing may be sent.
    closed_until: [Moment; 3],
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut limit = match rng.u8(..4) {
            0 => RateLimit::every(Duration::from_millis(rng.u64(1..5_000))),
            _ => RateLimit::per_second(rng.u32(1..6)),
        };
        if rng.bool() {
            limit = limit.tenant(rng.u32(1..9));
        }
        let store = Store { now: rng.u64(..S), ..Store::default() };
        Self {
            rng,
            store,
            limit: limit.queue(usize::MAX),
            calls: Vec::new(),
            arrivals: Vec::new(),
            closed_until: [0; 3],
        }
    }

    fn run(&mut self) {
        let callers = self.rng.usize(1..40);
        for _ in 0..callers {
            let came = self.store.now + if self.rng.bool() { 0 } else { self.rng.u64(..3 * S) };
            let key = self.rng.usize(..KEYS.len());
            let is_dead = self.rng.u8(..10) == 0;
            self.calls.push(Call { key, ticket: None, told: None, stage: Stage::Asks(came), is_dead });
        }
        let start = self.store.now;
        while let Some((at, index)) = self.next() {
            self.store.now = self.store.now.max(at) + if self.rng.bool() { 0 } else { self.rng.u64(..3_000) };
            assert!(self.store.now < start + END, "a live waiter is not served: {:?}", self.calls[index].stage);
            self.step(index);
        }
        self.judge();
    }

    fn next(&self) -> Option<(Moment, usize)> {
        let due = |call: &Call| match call.stage {
            Stage::Asks(at) | Stage::Departed { answer: Some(at), .. } => Some(at),
            Stage::Holds { departs, .. } => Some(departs),
            Stage::Departed { answer: None, .. } | Stage::Over => None,
        };
        let due = self.calls.iter().enumerate().filter_map(|(index, call)| Some((due(call)?, index)));
        due.min()
    }

    fn step(&mut self, index: usize) {
        let now = self.store.now;
        let (key, ticket) = (self.calls[index].key, self.calls[index].ticket);
        let name = KEYS[key];
        match self.calls[index].stage {
            Stage::Asks(_) => self.ask(index),
            Stage::Holds { id, until, .. } => match self.rng.u8(..20) {
                0 => self.calls[index].stage = Stage::Over, // its process has crashed
                1 => {
                    self.store.state.tell(now, name, self.limit, &Report::Released { id });
                    self.calls[index].stage = Stage::Asks(now);
                }
                2 => {
                    let holds = self.store.state.renew(now, name, id);
                    let departs = now + self.rng.u64(..S);
                    let until = if holds { now + S } else { until };
                    self.calls[index].stage = Stage::Holds { id, until, departs };
                }
                _ => self.depart(index, id, until),
            },
            Stage::Departed { id, at, is_429, .. } => {
                let retry_after = self.rng.bool().then(|| Duration::from_millis(self.rng.u64(1..4_000)));
                let feedback = Feedback { is_429, retry_after, headers: RateLimitHeaders::default() };
                let report = Report::Answered { id, after: now - at, feedback };
                for _ in 0..self.rng.u8(1..3) {
                    self.store.state.tell(now, name, self.limit, &report);
                }
                if is_429 {
                    let wait = retry_after.map_or(S, |wait| u64::try_from(wait.as_micros()).unwrap());
                    self.closed_until[key] = self.closed_until[key].max(now + wait);
                }
                self.calls[index].stage = if is_429 && ticket.is_some() { Stage::Asks(now) } else { Stage::Over };
            }
            Stage::Over => {}
        }
        if self.rng.u8(..50) == 0 {
            // Reports that are late, or about nothing, change nothing.
            let id = self.rng.u64(..self.store.last_id + 2);
            let known = |call: &Call| matches!(call.stage, Stage::Holds { id: held, .. } if held == id);
            if !self.calls.iter().any(known) {
                self.store.state.tell(now, name, self.limit, &Report::Released { id });
            }
        }
    }

    fn ask(&mut self, index: usize) {
        let (now, key, ticket) = (self.store.now, self.calls[index].key, self.calls[index].ticket);
        let verdict = self.store.ask(KEYS[key], ticket, self.limit);
        let (wait, ticket) = match verdict {
            Verdict::Go { ticket } => {
                assert!(now >= self.closed_until[key], "the gate is closed");
                self.check_order(index, ticket);
                let (id, ticket, within) = (self.store.last_id, Some(ticket), Moment::MAX);
                let again = Ask { key: KEYS[key], id, again: true, ticket, limit: self.limit, within };
                assert_eq!(self.store.state.ask(now, &again), verdict, "asked twice");
                let departs = now + if self.rng.bool() { 0 } else { self.rng.u64(..S + S / 10) };
                (self.calls[index].ticket, self.calls[index].told) = (ticket, None);
                self.calls[index].stage = Stage::Holds { id, until: now + S, departs };
                return;
            }
            Verdict::Wait { wait, ticket, .. } => {
                assert!(wait > 0 && wait <= LOOK.max(PATIENCE));
                (wait, ticket)
            }
            Verdict::Closed { wait, ticket, .. } => {
                assert!(now + wait >= self.closed_until[key]);
                (wait, ticket)
            }
            Verdict::Full => panic!("the queue has no end"),
        };
        (self.calls[index].ticket, self.calls[index].told) = (Some(ticket), Some(now + wait));
        let late = if self.calls[index].is_dead { self.rng.u64(..30 * S) } else { 0 };
        self.calls[index].stage = match self.rng.u8(..60) {
            0 => {
                self.store.state.tell(now, KEYS[key], self.limit, &Report::Withdrawn { ticket });
                self.calls[index].told = None;
                Stage::Over
            }
            1 => Stage::Over, // its process has crashed
            _ => Stage::Asks(now + wait + late),
        };
    }

    /// A call overtakes none of its key that came to its turns in time, unless there is room for all of them.
    fn check_order(&mut self, index: usize, ticket: u64) {
        let (now, key) = (self.store.now, self.calls[index].key);
        let earlier = |call: &&Call| {
            let in_time = call.told.is_some_and(|told| told + PATIENCE >= now);
            call.key == key && in_time && call.ticket.is_some_and(|other| other < ticket)
        };
        let before = self.calls.iter().filter(earlier).count();
        let used = self.store.in_use(KEYS[key]); // with its own
        assert!(used + before <= self.limit.key, "{before} before it, {used} used");
    }

    fn depart(&mut self, index: usize, id: u64, until: Moment) {
        let (now, key) = (self.store.now, self.calls[index].key);
        let departs = self.store.depart(KEYS[key], id, self.limit);
        assert!(!departs || now < until && now >= self.closed_until[key]);
        let is_closed = self.store.state.status(now, KEYS[key], self.limit).closed_for.is_some();
        assert_eq!(departs, now < until && !is_closed);
        self.calls[index].stage = if departs {
            let trip = if self.rng.u8(..4) == 0 { self.rng.u64(..3 * S) } else { self.rng.u64(..S / 5) };
            let answer = (self.rng.u8(..20) > 0).then_some(now + trip);
            let latest = answer.unwrap_or(now + S).min(now + S);
            self.arrivals.push((key, now, latest));
            Stage::Departed { id, at: now, answer, is_429: self.rng.u8(..15) == 0 }
        } else {
            self.store.state.tell(now, KEYS[key], self.limit, &Report::Released { id });
            Stage::Asks(now)
        };
    }

    /// The adversary lets each request arrive when it does most harm.
    fn judge(&self) {
        for key in 0..KEYS.len() {
            let worst = worst(&self.arrivals.iter().filter(|(other, ..)| *other == key), self.limit.period);
            assert!(worst <= self.limit.key, "{worst} of {} with a key", self.limit.key);
        }
        let worst = worst(&self.arrivals.iter(), self.limit.period);
        assert!(worst <= self.limit.tenant, "{worst} of {} to the tenant", self.limit.tenant);
    }
}

/// The largest number of requests that can arrive in a half-open window: one that ends right before `start + period` has
/// those that can arrive after its start, and any window can be moved until it starts at a latest arrival.
fn worst<'a>(arrivals: &(impl Iterator<Item = &'a (usize, Moment, Moment)> + Clone), period: Moment) -> usize {
    let starts: BTreeSet<Moment> = arrivals.clone().map(|(_, _, latest)| *latest).collect();
    let within = |start: Moment| {
        arrivals.clone().filter(move |(_, first, latest)| *latest >= start && *first < start + period).count()
    };
    starts.into_iter().map(within).max().unwrap_or(0)
}

#[test]
fn promise_9_no_schedule_and_no_path_exceeds_the_limit() {
    for seed in seeds() {
        let run = std::panic::catch_unwind(|| World::new(seed).run());
        assert!(run.is_ok(), "LIMITER_SEED={seed}");
    }
}

/// Keys that always have waiters are granted one request each in every round.
#[test]
fn promise_9_keys_that_wait_take_turns_in_any_schedule() {
    for seed in seeds().step_by(60) {
        let mut rng = Rng::with_seed(seed);
        let limit = RateLimit::per_second(rng.u32(3..6)).tenant(rng.u32(1..7));
        let mut store = Store::default();
        let mut left = [(); 3].map(|()| rng.u64(40..60));
        let mut calls: Vec<usize> = (0..3).flat_map(|key| (0..left[key]).map(move |_| key)).collect();
        rng.shuffle(&mut calls);
        let mut waiting: BTreeMap<u64, (Moment, usize)> = BTreeMap::new();
        let mut granted = [0_u64; 3];
        let mut ask = |store: &mut Store, waiting: &mut BTreeMap<_, _>, key: usize, ticket| {
            match store.ask(KEYS[key], ticket, limit) {
                Verdict::Go { .. } => {
                    let id = store.last_id;
                    assert!(store.depart(KEYS[key], id, limit));
                    store.answer(KEYS[key], id, limit, Feedback::default());
                    (granted[key], left[key]) = (granted[key] + 1, left[key] - 1);
                    let spread = granted.iter().max().unwrap() - granted.iter().min().unwrap();
                    let all_wait = left.iter().all(|left| *left > 6);
                    // What went at once did not have to wait for its turn, and a key makes up for some rounds.
                    assert!(!all_wait || spread <= 10, "LIMITER_SEED={seed}: {granted:?} {limit:?}");
                    for ticket in store.state.next(KEYS[key]).into_iter().flatten() {
                        waiting.entry(ticket).and_modify(|(at, _)| *at = store.now);
                    }
                }
                Verdict::Wait { wait, ticket, .. } => {
                    waiting.insert(ticket, (store.now + wait + rng.u64(..1_000), key));
                }
                verdict => panic!("{verdict:?}"),
            }
        };
        for key in calls {
            ask(&mut store, &mut waiting, key, None);
        }
        while let Some((&ticket, &(at, key))) = waiting.iter().min_by_key(|(_, (at, _))| *at) {
            waiting.remove(&ticket);
            store.now = store.now.max(at);
            ask(&mut store, &mut waiting, key, Some(ticket));
        }
    }
}

#[test]
fn promise_9_the_adversary_finds_a_limiter_that_counts_from_the_departure() {
    // Two requests that depart a period apart, and arrive together.
    let arrivals = [(0, 0, S), (0, S, S), (0, 3 * S, 3 * S)];
    assert_eq!((worst(&arrivals.iter(), S), worst(&arrivals[1..].iter(), S)), (2, 1));
    assert_eq!(worst(&[(0, 0, 0), (0, S, S)].iter(), S), 1, "windows are half-open");
    assert_eq!(worst(&[(0, 0, 0), (0, S - 1, S)].iter(), S), 2);
}
