//! Long stretches of time on random paths: no half-open window of the server ever holds more requests than the limit.
//!
//! The server counts at the arrival, and would answer `429` if its count were exceeded. `LIMITER_RUNS=1000` simulates more
//! paths, `LIMITER_SEED=7` a single one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, sleep};

use crate::rate_limit::config::RateLimit;
use crate::rate_limit::limiter::{Limiter, Turn};
use crate::rate_limit::moment::{MINUTE, Moment, SECOND};
use crate::rate_limit::state::{Ask, Feedback, Report, State, Verdict};

const MS: Moment = SECOND / 1000;
/// The callers that wait with each key at any time.
const CALLERS: usize = 3;

/// A random time: some milliseconds, uniformly so many more, and rarely up to a third value.
#[derive(Clone, Copy, Debug)]
struct Time {
    least: Moment,
    jitter: Moment,
    burst: Moment,
}

impl Time {
    fn ms(least: Moment, jitter: Moment, burst: Moment) -> Self {
        Self { least: least * MS, jitter: jitter * MS, burst: burst * MS }
    }

    fn draw(self, rng: &mut Rng) -> Moment {
        let burst = if rng.u8(..50) == 0 { rng.u64(..=self.burst) } else { 0 };
        self.least + rng.u64(..=self.jitter).max(burst)
    }
}

/// The way to a server, its work, and what it does wrong.
#[derive(Clone, Copy, Debug)]
struct Path {
    keys: usize,
    limit: RateLimit,
    connect: Time,
    out: Time,
    work: Time,
    back: Time,
    /// One of this number of requests is answered with `429`, or not at all; 0 means none.
    refused: u32,
    lost: u32,
}

/// Networks that once let a limiter exceed the limit: one-way time, server time.
fn table() -> [Path; 5] {
    let path = |out, work| Path {
        keys: 2,
        limit: RateLimit::default(),
        connect: Time::ms(0, 0, 0),
        out,
        work,
        back: Time::ms(0, 0, 0),
        refused: 0,
        lost: 0,
    };
    [
        path(Time::ms(20, 0, 0), Time::ms(100, 0, 0)),
        path(Time::ms(2, 0, 0), Time::ms(0, 300, 0)),
        path(Time::ms(0, 100, 0), Time::ms(20, 0, 0)),
        path(Time::ms(20, 100, 0), Time::ms(30, 0, 0)),
        path(Time::ms(30, 0, 400), Time::ms(60, 0, 0)),
    ]
}

fn random_path(rng: &mut Rng) -> Path {
    let mut time = |least: Moment, jitter: Moment, burst: Moment| {
        let mut up_to = |most: Moment| if rng.bool() { 0 } else { rng.u64(..most) };
        Time::ms(up_to(least), up_to(jitter), up_to(burst))
    };
    // Together they are less than the time within which a request is assumed to arrive.
    let (out, back) = (time(150, 300, 540), time(150, 300, 540));
    let (connect, work) = (time(100, 200, 600), time(300, 500, 3_000));
    let mut limit = RateLimit::per_second(rng.u32(1..8));
    if rng.bool() {
        limit = limit.tenant(rng.u32(1..20));
    }
    if rng.bool() {
        limit = limit.min_round_trip(Duration::from_micros(out.least + back.least));
    }
    let mut one_of = || if rng.bool() { 0 } else { rng.u32(20..300) };
    let (refused, lost) = (one_of(), one_of());
    Path { keys: rng.usize(1..4), limit, connect, out, work, back, refused, lost }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Asks { key: usize, ticket: Option<u64> },
    Renews { key: usize, id: u64 },
    Departs { key: usize, id: u64, granted: Moment },
    Arrives { key: usize, id: u64, granted: Moment, departed: Moment },
    Answers { key: usize, id: u64, granted: Moment, departed: Moment, is_429: bool },
}

/// The server's own count.
#[derive(Default)]
struct Server {
    arrivals: BTreeMap<Option<usize>, VecDeque<Moment>>,
    windows: u64,
}

impl Server {
    /// Checks the windows that end with this arrival: those of the key and of the tenant.
    fn arrive(&mut self, key: usize, limit: RateLimit, now: Moment) {
        for (count, limit) in [(Some(key), limit.key), (None, limit.tenant)] {
            let arrivals = self.arrivals.entry(count).or_default();
            arrivals.push_back(now);
            while arrivals.front().is_some_and(|at| *at + SECOND <= now) {
                arrivals.pop_front();
            }
            assert!(arrivals.len() <= limit, "{} in a second with {count:?}", arrivals.len());
            self.windows += 1;
        }
    }
}

struct Simulation {
    path: Path,
    rng: Rng,
    state: State,
    now: Moment,
    events: BinaryHeap<Reverse<(Moment, Event)>>,
    last_id: u64,
    server: Server,
    closed_until: Vec<Moment>,
    answered: u64,
    answer_time: Moment,
}

impl Simulation {
    fn new(path: Path, seed: u64) -> Self {
        let mut simulation = Self {
            path,
            rng: Rng::with_seed(seed),
            state: State::default(),
            now: 0,
            events: BinaryHeap::new(),
            last_id: 0,
            server: Server::default(),
            closed_until: vec![0; path.keys],
            answered: 0,
            answer_time: 0,
        };
        for key in (0..path.keys).flat_map(|key| [key; CALLERS]) {
            simulation.at(0, Event::Asks { key, ticket: None });
        }
        simulation
    }

    /// Calls are waiting with every key for this long.
    fn run(mut self, time: Moment) -> Self {
        while let Some(Reverse((at, event))) = self.events.pop().filter(|Reverse((at, _))| *at < time) {
            self.now = at;
            self.step(event);
        }
        self
    }

    fn at(&mut self, moment: Moment, event: Event) {
        self.events.push(Reverse((moment, event)));
    }

    /// Timers are late.
    fn timer(&mut self, wait: Moment) -> Moment {
        self.now + wait + self.rng.u64(..MS)
    }

    fn step(&mut self, event: Event) {
        let (now, path) = (self.now, self.path);
        match event {
            Event::Asks { key, ticket } => self.ask(key, ticket),
            Event::Renews { key, id } => drop(self.state.renew(now, KEYS[key], id)),
            Event::Departs { key, id, granted } => {
                if self.state.depart(now, KEYS[key], id, path.limit) {
                    assert!(now >= self.closed_until[key], "the gate is closed");
                    let arrives = now + path.out.draw(&mut self.rng);
                    self.at(arrives, Event::Arrives { key, id, granted, departed: now });
                } else {
                    self.state.tell(now, KEYS[key], path.limit, &Report::Released { id });
                }
            }
            Event::Arrives { key, id, granted, departed } => {
                self.server.arrive(key, path.limit, now);
                let is_429 = path.refused > 0 && self.rng.u32(..path.refused) == 0;
                if path.lost == 0 || self.rng.u32(..path.lost) > 0 {
                    let answers = now + path.work.draw(&mut self.rng) + path.back.draw(&mut self.rng);
                    self.at(answers, Event::Answers { key, id, granted, departed, is_429 });
                }
            }
            Event::Answers { key, id, granted, departed, is_429 } => {
                let retry_after = (is_429 && self.rng.bool()).then(|| Duration::from_millis(self.rng.u64(1..3_000)));
                let feedback = Feedback { is_429, retry_after, ..Feedback::default() };
                let report = Report::Answered { id, after: now - departed, feedback };
                self.state.tell(now, KEYS[key], path.limit, &report);
                if is_429 {
                    let wait = retry_after.map_or(SECOND, crate::rate_limit::moment::span);
                    self.closed_until[key] = self.closed_until[key].max(now + wait);
                }
                (self.answered, self.answer_time) = (self.answered + 1, self.answer_time + now - granted);
            }
        }
    }

    fn ask(&mut self, key: usize, ticket: Option<u64>) {
        self.last_id += 1;
        let (id, limit) = (self.last_id, self.path.limit);
        let ask = Ask { key: KEYS[key], id, again: false, ticket, limit, within: Moment::MAX };
        match self.state.ask(self.now, &ask) {
            Verdict::Go { .. } => {
                let connect = self.path.connect.draw(&mut self.rng);
                for renewal in 1..=connect / (400 * MS) {
                    self.at(self.now + renewal * 400 * MS, Event::Renews { key, id });
                }
                self.at(self.now + connect, Event::Departs { key, id, granted: self.now });
                self.at(self.now, Event::Asks { key, ticket: None });
            }
            Verdict::Wait { wait, ticket, .. } | Verdict::Closed { wait, ticket, .. } => {
                let at = self.timer(wait);
                self.at(at, Event::Asks { key, ticket: Some(ticket) });
            }
            Verdict::Full => panic!("few callers wait"),
        }
    }
}

const KEYS: [&str; 3] = ["a", "b", "c"];

/// The requests in this time, in thousandths of what the limit allows if each counts for `counts`.
fn used(requests: u64, time: Moment, limit: usize, counts: Moment) -> u64 {
    1000 * requests * counts / (time * limit as u64)
}

#[test]
fn promise_9_no_window_on_any_path_is_exceeded_and_the_rate_is_what_it_can_be() {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seeds = number("LIMITER_SEED").map_or(0..number("LIMITER_RUNS").unwrap_or(250), |seed| seed..seed + 1);
    let (mut windows, mut worst) = (0, 1000);
    let mut run = |path: Path, seed: u64, time: Moment| {
        let name = format!("LIMITER_SEED={seed} {path:?}");
        let run = std::panic::catch_unwind(|| Simulation::new(path, seed).run(time));
        let run = run.unwrap_or_else(|_| panic!("{name}"));
        windows += run.server.windows;
        if path.refused + path.lost == 0 {
            let limit = path.limit.tenant.min(path.keys * path.limit.key);
            let answer_time = run.answer_time / run.answered.max(1);
            let used = used(run.server.windows / 2, time, limit, path.limit.after_answer() - 5 * MS + answer_time);
            assert!(used >= 950, "{used} thousandths of what is possible: {name}");
            worst = worst.min(used);
        }
    };
    for (path, seed) in table().into_iter().flat_map(|path| (0..3).map(move |seed| (path, seed))) {
        run(path, seed, 5 * MINUTE);
    }
    for seed in seeds {
        run(random_path(&mut Rng::with_seed(seed)), seed, MINUTE);
    }
    println!("{windows} windows, at least {worst} thousandths of the possible rate");
    let is_shortened = number("LIMITER_SEED").is_some() || number("LIMITER_RUNS").is_some();
    assert!(windows >= 180_000 || is_shortened, "{windows} windows");
}

/// The same with tasks on a paused clock.
#[tokio::test(start_paused = true)]
async fn promise_9_tasks_exceed_no_window_either() {
    const TIME: Duration = Duration::from_secs(300);
    let path = table()[2];
    let server = Arc::new(Mutex::new((Server::default(), Rng::with_seed(1))));
    let start = Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    for key in (0..path.keys).flat_map(|key| [key; 4]) {
        let (limiter, server) = (Limiter::of_process("simulation", KEYS[key]), server.clone());
        callers.spawn(async move {
            while start.elapsed() < TIME {
                let turn = Turn::new(path.limit, start + 2 * TIME, TIME);
                let (permit, _) = limiter.acquire(&turn).await.unwrap();
                assert!(permit.depart());
                let [out, work] = {
                    let (_, rng) = &mut *server.lock().unwrap();
                    [path.out.draw(rng), path.work.draw(rng)].map(Duration::from_micros)
                };
                sleep(out).await;
                let now = crate::rate_limit::moment::span(start.elapsed());
                server.lock().unwrap().0.arrive(key, path.limit, now);
                sleep(work).await;
                permit.answered(Feedback::default());
            }
        });
    }
    callers.join_all().await;
    let requests = server.lock().unwrap().0.windows / 2;
    let used = used(requests, 5 * MINUTE, 10, SECOND + 70 * MS);
    assert!(used >= 950, "{used} thousandths of what is possible");
}
