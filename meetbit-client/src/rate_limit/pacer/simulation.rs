//! Long stretches of time, simulated: the state knows no clock of its own.

use crate::rate_limit::window::WINDOW;
use crate::response::retry_after::RateLimitHeaders;
use fastrand::Rng;

use super::*;

/// The way to a server and its work, in milliseconds.
#[derive(Clone, Copy)]
struct Way {
    /// Of a connection that is not there yet.
    connecting: u64,
    outward: fn(&mut Rng) -> u64,
    /// And the way back.
    work: fn(&mut Rng) -> u64,
}

struct Server {
    now: Moment,
    tally: Tally,
    queues: Queues,
    lanes: Vec<Arc<Lane>>,
    rng: Rng,
    way: Way,
    limit: RateLimit,
    next_place: u64,
    /// When a connection was last used.
    idle: Vec<Moment>,
    flying: Vec<Flight>,
    arrivals: Vec<(Moment, usize)>,
}

struct Flight {
    lane: usize,
    grant: Grant,
    departs: Moment,
    arrives: Moment,
    answer: Option<RateLimitHeaders>,
    answered: Moment,
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl Server {
    fn new(keys: usize, limit: RateLimit, seed: u64, way: Way) -> Self {
        let (now, tally, mut queues) = (Moment::START, Tally::default(), Queues::default());
        let lanes = (0..keys).map(|key| queues.lane(&key.to_string())).collect();
        let (idle, flying, arrivals, rng) = (Vec::new(), Vec::new(), Vec::new(), Rng::with_seed(seed));
        Self { now, tally, queues, lanes, rng, way, limit, next_place: 0, idle, flying, arrivals }
    }

    /// Callers wait with every key for this long.
    fn busy(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let turns = (0..self.lanes.len()).filter_map(|lane| self.send(lane)).min();
            let next = self.flying.iter().map(Flight::next).chain(turns).min();
            let late = Duration::from_micros(self.rng.u64(0..1000)); // as timers are
            self.now = end.min(next.unwrap_or(end) + late);
            self.fly();
        }
        self.queues.all.iter_mut().for_each(|queue| queue.waiting.clear());
    }

    /// Nobody calls for this long.
    fn rest(&mut self, time: Duration) {
        for _ in 0..time.as_millis() {
            self.now = self.now + ms(1);
            self.fly();
        }
    }

    /// Sends what may be sent with a key, and says when to look again.
    fn send(&mut self, lane: usize) -> Option<Moment> {
        loop {
            let head = self.queues.all[lane].head().map(|(place, _)| place);
            let place = head.unwrap_or_else(|| {
                self.next_place += 1;
                let (place, limit) = (self.next_place, self.limit);
                self.queues.of(&self.lanes[lane]).insert(place, Waiting::unasked(limit));
                place
            });
            match self.queues.turn(&self.tally, &self.lanes[lane], place, self.limit, self.now) {
                Turn::Now => self.take(lane, place),
                Turn::At(at, _) => return Some(at),
                Turn::Behind(_) => return None,
            }
        }
    }

    fn take(&mut self, lane: usize, place: u64) {
        self.queues.of(&self.lanes[lane]).remove(&place);
        let grant = self.tally.take(&self.lanes[lane], self.limit, true, self.now).expect("its turn");
        self.idle.retain(|used| self.now < *used + ms(4000));
        let connecting = if self.idle.pop().is_some() { 0 } else { self.way.connecting };
        let departs = self.now + ms(connecting) + Duration::from_micros(self.rng.u64(0..500));
        let arrives = departs + ms((self.way.outward)(&mut self.rng));
        let answered = arrives + ms((self.way.work)(&mut self.rng)) + Duration::from_micros(self.rng.u64(1..500));
        self.flying.push(Flight { lane, grant, departs, arrives, answer: None, answered });
    }

    fn fly(&mut self) {
        while let Some(i) = (0..self.flying.len()).min_by_key(|i| self.flying[*i].next()) {
            let flight = &mut self.flying[i];
            let (lane, at) = (flight.lane, flight.next());
            if at > self.now {
                break;
            }
            if !flight.grant.has_departed() {
                assert!(self.tally.depart(&self.lanes[lane], &flight.grant, at));
            } else if flight.answer.is_none() {
                self.arrivals.push((at, lane));
                let recent = self.arrivals.iter().rev().take_while(|(arrived, _)| *arrived + WINDOW > at);
                let used = u32::try_from(recent.filter(|(_, other)| *other == lane).count()).unwrap();
                let remaining = Some(self.limit.key.saturating_sub(used));
                flight.answer = Some(RateLimitHeaders { limit: Some(self.limit.key), remaining, reset: Some(WINDOW) });
            } else {
                let Flight { grant, answer, .. } = self.flying.swap_remove(i);
                let headers = answer.unwrap_or_default();
                let answer = Answer { headers, ..Answer::default() };
                self.tally.answered(&self.lanes[lane], &grant, answer, at);
                self.idle.push(at);
            }
        }
    }

    /// The most arrivals in any second, with one key and in all.
    fn busiest(&self) -> (usize, usize) {
        let most = |key: Option<usize>| {
            let counts = |(_, lane): &&(Moment, usize)| key.is_none_or(|key| *lane == key);
            let arrivals: Vec<_> = self.arrivals.iter().filter(counts).map(|(at, _)| *at).collect();
            let within = |i: usize| arrivals[i..].partition_point(|at| *at < arrivals[i] + WINDOW);
            (0..arrivals.len()).map(within).max().unwrap_or(0)
        };
        ((0..self.lanes.len()).map(|key| most(Some(key))).max().unwrap_or(0), most(None))
    }
}

impl Flight {
    fn next(&self) -> Moment {
        match (self.grant.has_departed(), self.answer) {
            (false, _) => self.departs,
            (true, None) => self.arrives,
            (true, Some(_)) => self.answered,
        }
    }
}

/// Five minutes at full load over this way: never too many in a second, and at least so much of what is allowed.
#[track_caller]
fn soak(outward: fn(&mut Rng) -> u64, work: fn(&mut Rng) -> u64, least: f64) {
    for seed in 0..3 {
        let mut server = Server::new(2, RateLimit::default(), seed, Way { connecting: 30, outward, work });
        server.busy(Duration::from_secs(300));
        let (key, tenant) = server.busiest();
        assert!(key <= 5 && tenant <= 10, "{key} with a key, {tenant} in all");
        let used = f64::from(u32::try_from(server.arrivals.len()).unwrap()) / 3000.0;
        assert!(used >= least, "{used} of what is allowed");
    }
}

#[test]
fn promise_10_a_quick_server_is_used_to_the_full() {
    soak(|_| 0, |_| 0, 0.99);
    soak(|rng| rng.u64(0..3), |rng| rng.u64(0..3), 0.985);
}

#[test]
fn promise_10_a_slow_server_is_used_to_the_full() {
    soak(|_| 20, |_| 100, 0.96);
    soak(|_| 20, |_| 500, 0.96);
    soak(|rng| rng.u64(20..25), |rng| rng.u64(980..1000), 0.96);
    soak(|_| 20, |_| 3000, 0.94);
    soak(|_| 20, |rng| rng.u64(2000..3000), 0.94);
}

#[test]
fn promise_10_a_server_whose_work_varies_is_used_to_the_full() {
    soak(|_| 2, |rng| rng.u64(0..300), 0.95);
    soak(|_| 2, |rng| rng.u64(0..3000), 0.95);
    soak(|_| 2, |rng| if rng.u8(..) < 26 { 3000 } else { 50 }, 0.95);
}

#[test]
fn promise_9_a_way_that_varies_a_little_squeezes_nothing_together() {
    soak(|rng| rng.u64(10..50), |rng| rng.u64(20..30), 0.95);
}

#[test]
fn promise_9_a_rare_delay_on_the_way_squeezes_nothing_together() {
    soak(|rng| if rng.u16(..) < 64 { rng.u64(200..900) } else { 20 }, |_| 30, 0.95);
}

#[test]
fn promise_9_connections_that_take_long_squeeze_nothing_together() {
    let way = Way { connecting: 300, outward: |_| 20, work: |_| 30 };
    let mut server = Server::new(1, RateLimit::default(), 1, way);
    for _ in 0..50 {
        server.busy(ms(900)); // on new connections each time
        server.rest(ms(6000));
    }
    server.busy(ms(60_000));
    assert_eq!(server.busiest(), (5, 5));
}

#[test]
fn promise_9_keys_share_the_tenants_limit_fairly() {
    let way = Way { connecting: 30, outward: |_| 5, work: |_| 30 };
    let mut server = Server::new(3, RateLimit::per_second(5).tenant(8), 1, way);
    server.busy(Duration::from_secs(600));
    let with = |key| server.arrivals.iter().filter(|(_, lane)| *lane == key).count();
    assert_eq!(server.busiest().1, 8);
    for key in 0..3 {
        assert!((1500..=1700).contains(&with(key)), "{} with key {key}", with(key));
    }
}
