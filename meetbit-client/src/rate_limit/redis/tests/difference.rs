//! Random questions and reports to the script and to the functions that it ports.

use fastrand::Rng;

use super::*;
use crate::rate_limit::shared::{Feedback, State, ask, tell};

/// For each seed.
const STEPS: usize = 4_000;
/// Each kind of run twice.
pub(super) const SEEDS: std::ops::Range<u64> = 0..14;
const KEYS: [&str; 8] = ["one", "two", "three", "four", "five", "six", "seven", "eight"];

#[test]
fn promise_27_the_script_decides_as_the_functions_do() {
    let mut server = Server::start();
    for seed in SEEDS {
        let difference = Difference::new(&mut server, &SCRIPT, seed).find();
        assert_eq!(difference, None, "seed {seed}");
    }
}

/// A call of the random test.
#[derive(Clone, Debug)]
struct Call {
    question: Ask,
    key: usize,
}

/// How a run is drawn.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Usual,
    /// Many wait, and little time passes.
    Crowd,
    /// Requests count for a short time. Calls of all keys arrive at once, and then those of one key, so the others miss many
    /// rounds.
    Rush,
}

/// Random questions and reports to both.
pub(super) struct Difference<'a> {
    server: &'a mut Server,
    script: &'a Script,
    rng: Rng,
    now: Moment,
    state: State,
    /// With the moment at which each is to ask.
    waiting: Vec<(Call, Moment)>,
    granted: Vec<Call>,
    last_id: u64,
    /// When the gate opens that was closed last.
    opens: Moment,
    rates: [Rate; 3],
    kind: Kind,
    /// In a rush, the only key whose calls arrive at present.
    favourite: Option<usize>,
}

impl<'a> Difference<'a> {
    pub(super) fn new(server: &'a mut Server, script: &'a Script, seed: u64) -> Self {
        server.flush();
        let rng = Rng::with_seed(seed);
        let usual = RateLimit::default();
        let kind = match seed % 7 {
            5 => Kind::Crowd,
            6 => Kind::Rush,
            _ => Kind::Usual,
        };
        let short = RateLimit { key: 9, tenant: 2, ..RateLimit::every(Duration::from_millis(20)) };
        let rates = match seed % 7 {
            0 => [usual, RateLimit::per_second(u32::MAX).tenant(3), RateLimit::unlimited()],
            1 => [usual, usual.tenant(7), RateLimit::per_second(3).min_round_trip(Duration::from_millis(100))],
            2 => [RateLimit::every(Duration::from_millis(700)), usual.queue(4), RateLimit::per_second(2).tenant(3)],
            3 => [RateLimit::per_second(2).queue(3), RateLimit::per_second(2), RateLimit::per_second(3).tenant(4)],
            4 => [RateLimit::every(Duration::from_secs(1)).min_round_trip(Duration::from_secs(2)), usual, usual],
            5 => [usual.tenant(6), usual, usual],
            _ => [short; 3],
        };
        let mut new = Self {
            server,
            script,
            rng,
            now: START,
            state: State::default(),
            waiting: Vec::new(),
            granted: Vec::new(),
            last_id: 0,
            opens: 0,
            rates: rates.map(Rate::from),
            kind,
            favourite: None,
        };
        // Redis makes the state, and waits until nothing earlier can count.
        let _new = new.send(KEYS[0], new.rates[0], What::Remind);
        new.now += 100 * SECOND;
        new
    }

    fn send(&mut self, key: &str, rate: Rate, what: What) -> Result<Answer, RedisError> {
        let question = Question { key, rate: rate.into(), what, recalled: Recalled::default() };
        self.server.run(self.script, self.now, serde_json::to_value(question).unwrap())
    }

    /// The first step at which the answers differ.
    pub(super) fn find(&mut self) -> Option<String> {
        (0..STEPS).find_map(|step| Some(format!("step {step}: {}", self.step()?)))
    }

    fn step(&mut self) -> Option<String> {
        self.now += match self.rng.u16(..1000) {
            _ if self.kind == Kind::Crowd => self.rng.u64(..800),
            _ if self.all_arrive() => 0,
            _ if self.kind == Kind::Rush => self.rng.u64(..16_000),
            0..300 => 0,
            300..450 => self.until_told(),
            450..700 => self.rng.u64(..30_000),
            700..990 => self.rng.u64(..SECOND),
            990..998 => self.rng.u64(..20 * SECOND),
            _ => self.rng.u64(..2 * HOUR),
        };
        let difference = match self.rng.u8(..100) {
            _ if self.all_arrive() => self.ask(),
            0..60 => self.ask(),
            60..65 => self.withdraw(),
            _ => self.report(),
        };
        if self.state.drop_idle(Duration::from_micros(self.now)) {
            self.state = State::default();
        }
        difference
    }

    /// Until a waiter was told to ask, or until it is skipped.
    fn until_told(&mut self) -> Moment {
        let Some((_, at)) = self.waiting.first() else { return 0 };
        (at + [0, PATIENCE][self.rng.usize(..2)]).saturating_sub(self.now)
    }

    fn ask(&mut self) -> Option<String> {
        let mut call = match self.rng.u8(..10) {
            0..5 if self.kind == Kind::Crowd => self.new_call(),
            _ if self.all_arrive() => self.new_call(),
            0..3 if self.kind == Kind::Rush => self.new_call(),
            0..6 if !self.waiting.is_empty() => self.next_waiting(),
            6..8 if !self.granted.is_empty() => {
                let mut call = self.granted[self.rng.usize(..self.granted.len())].clone();
                call.question.again = self.rng.u8(..8) > 0;
                call
            }
            _ => self.new_call(),
        };
        if self.rng.u8(..30) == 0 {
            call.question.ticket = Some(self.rng.u64(..60));
        }
        let expected = ask(&mut self.state, Duration::from_micros(self.now), &call.question);
        let Ask { id, again, ticket, within, rate, .. } = call.question;
        let what = What::Ask { id, again, ticket, within: span(within).min(CENTURY) };
        let answer = self.send(KEYS[call.key], rate, what);
        let difference = match answer.as_ref().map(|answer| answer.verdict()) {
            Ok(Some(verdict)) if verdict == expected => None,
            _ => Some(format!("{:?}: {expected:?} and {answer:?}", call.question)),
        };
        if let Verdict::Closed { wait, .. } = expected {
            self.opens = self.now + span(wait);
        }
        match expected {
            Verdict::Go { .. } => self.granted.push(call),
            Verdict::Wait { wait, ticket, .. } | Verdict::Closed { wait, ticket, .. } => {
                call.question.ticket = Some(ticket);
                call.question.again = self.rng.bool();
                self.waiting.push((call, self.now + span(wait)));
            }
            Verdict::Full => {}
        }
        difference
    }

    /// Mostly the one that has waited longest.
    fn next_waiting(&mut self) -> Call {
        let index = if self.rng.u8(..4) == 0 { self.rng.usize(..self.waiting.len()) } else { 0 };
        self.waiting.remove(index).0
    }

    fn new_call(&mut self) -> Call {
        self.last_id += 1;
        let key = self.key_of_new_call();
        let within = match self.rng.u8(..4) {
            0 => Duration::from_millis(self.rng.u64(1..3_000)),
            1 => Duration::from_millis(self.rng.u64(1..90_000)),
            _ => Duration::MAX,
        };
        let rate = if self.rng.u8(..10) == 0 { self.rates[self.rng.usize(..3)] } else { self.rates[key % 3] };
        let (tenant, key_name) = ("tenant".to_owned(), KEYS[key].to_owned());
        let question = Ask { tenant, key: key_name, id: self.last_id, again: false, ticket: None, rate, within };
        Call { question, key }
    }

    /// True in a rush while calls of all keys arrive at once.
    fn all_arrive(&self) -> bool {
        self.kind == Kind::Rush && self.favourite.is_none()
    }

    fn any_key(&mut self) -> usize {
        self.rng.usize(..if self.kind == Kind::Rush { KEYS.len() } else { 3 })
    }

    fn key_of_new_call(&mut self) -> usize {
        let any = self.any_key();
        if self.kind != Kind::Rush {
            return any;
        }
        match self.favourite {
            Some(_) if self.rng.u8(..60) == 0 => self.favourite = None,
            None if self.rng.u8(..20) == 0 => {
                self.favourite = Some(any);
                self.waiting.retain(|(call, _)| call.key == any);
            }
            _ => {}
        }
        self.favourite.unwrap_or(any)
    }

    fn withdraw(&mut self) -> Option<String> {
        let (key, ticket) = if self.waiting.is_empty() || self.rng.u8(..4) == 0 {
            (self.any_key(), self.rng.u64(..80))
        } else {
            let index = self.rng.usize(..self.waiting.len());
            let (call, _) = self.waiting.remove(index);
            (call.key, call.question.ticket.unwrap_or(0))
        };
        self.tell(key, self.rates[key % 3], Event::Withdrawn { ticket })
    }

    fn report(&mut self) -> Option<String> {
        if self.granted.is_empty() {
            return self.ask();
        }
        let index = self.rng.usize(..self.granted.len());
        let is_last = self.rng.u8(..10) > 0;
        let call = if is_last { self.granted.remove(index) } else { self.granted[index].clone() };
        let id = call.question.id;
        let event = if self.rng.u8(..6) == 0 {
            Event::Released { id }
        } else {
            let since_open = self.now.saturating_sub(self.opens);
            let departed = [0, self.rng.u64(..2 * SECOND), since_open][self.rng.usize(..3)];
            let departed = Duration::from_micros(departed);
            Event::Answered { id, departed, feedback: self.feedback() }
        };
        // Seldom a report with another key, which is about nothing.
        let key = if self.rng.u8(..20) == 0 { self.any_key() } else { call.key };
        self.tell(key, call.question.rate, event)
    }

    fn feedback(&mut self) -> Feedback {
        let rng = &mut self.rng;
        if self.kind == Kind::Rush && rng.u8(..) > 0 {
            return Feedback { limit: Some(16), ..Feedback::default() }; // a gate would end the rush
        }
        Feedback {
            is_429: rng.u8(..12) == 0,
            retry_after: rng.bool().then(|| Duration::from_millis(rng.u64(..5_000))),
            limit: (rng.u8(..6) == 0).then(|| rng.u32(..16)),
            remaining: rng.bool().then(|| rng.u32(..2)),
            reset: rng.bool().then(|| Duration::from_millis([rng.u64(..1_500), rng.u64(..100_000)][rng.usize(..2)])),
        }
    }

    fn tell(&mut self, key: usize, rate: Rate, event: Event) -> Option<String> {
        let report = Report { tenant: "tenant".to_owned(), key: KEYS[key].to_owned(), rate, event };
        tell(&mut self.state, Duration::from_micros(self.now), &report);
        self.send(KEYS[key], rate, event.into()).err().map(|error| format!("{event:?}: {error}"))
    }
}
