//! The script against the functions that it ports, and against a Redis that loses its data or whose clock is set.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use fastrand::Rng;
use serde_json::{Value, json};

use super::*;
use crate::rate_limit::shared::{Feedback, State, ask, tell};

/// For each seed.
const STEPS: usize = 4_000;
const KEYS: [&str; 3] = ["one", "two", "three"];
const SECOND_LONG: Duration = Duration::from_secs(1);
const START: Moment = 1_700_000_000 * SECOND;

/// A Redis on a socket of its own, which ends with the test.
struct Server {
    child: Child,
    directory: PathBuf,
    connection: redis::Connection,
}

impl Server {
    fn start() -> Self {
        let directory = std::env::temp_dir().join(format!("redis-{:016x}", fastrand::u64(..)));
        std::fs::create_dir(&directory).unwrap();
        let socket = directory.join("socket");
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .expect("the tests need `redis-server`: apt-get install redis-server");
        let client = Client::open(format!("unix://{}", socket.display())).unwrap();
        let connection = loop {
            match client.get_connection() {
                Ok(connection) => break connection,
                Err(_) => thread::yield_now(),
            }
        };
        Self { child, directory, connection }
    }

    fn flush(&mut self) {
        redis::cmd("FLUSHALL").exec(&mut self.connection).unwrap();
    }

    fn run(&mut self, script: &Script, now: Moment, mut question: Value) -> Result<Answer, RedisError> {
        question["clock"] = now.into();
        let mut run = |command: &str, script: &str| -> Result<Vec<u64>, RedisError> {
            let question = question.to_string();
            redis::cmd(command).arg(script).arg(1).arg("state").arg(question).query(&mut self.connection)
        };
        let numbers = match run("EVALSHA", &script.digest) {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => run("EVAL", &script.text),
            answer => answer,
        };
        Ok(Answer::new(&numbers?).unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::fs::remove_dir_all(&self.directory).unwrap();
    }
}

/// A call of the random test.
#[derive(Clone, Debug)]
struct Call {
    question: Ask,
    key: usize,
}

/// Random questions and reports to both.
struct Difference<'a> {
    server: &'a mut Server,
    script: &'a Script,
    rng: Rng,
    now: Moment,
    state: State,
    /// With the moment at which each is to ask.
    waiting: Vec<(Call, Moment)>,
    granted: Vec<Call>,
    last_id: u64,
    rates: [Rate; 3],
    /// Many wait, and little time passes.
    is_crowded: bool,
}

impl<'a> Difference<'a> {
    fn new(server: &'a mut Server, script: &'a Script, seed: u64) -> Self {
        server.flush();
        let rng = Rng::with_seed(seed);
        let usual = RateLimit::default();
        let is_crowded = seed % 6 == 5;
        let rates = match seed % 6 {
            0 => [usual, RateLimit::per_second(u32::MAX).tenant(3), RateLimit::unlimited()],
            1 => [usual, usual.tenant(7), RateLimit::per_second(3).min_round_trip(Duration::from_millis(100))],
            2 => [RateLimit::every(Duration::from_millis(700)), usual.queue(4), RateLimit::per_second(2).tenant(3)],
            3 => [RateLimit::per_second(2).queue(3), RateLimit::per_second(2), RateLimit::per_second(3).tenant(4)],
            4 => [RateLimit::every(SECOND_LONG).min_round_trip(2 * SECOND_LONG), usual, usual],
            _ => [usual.tenant(6), usual, usual],
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
            rates: rates.map(Rate::from),
            is_crowded,
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
    fn find(&mut self, steps: usize) -> Option<String> {
        (0..steps).find_map(|step| Some(format!("step {step}: {}", self.step()?)))
    }

    fn step(&mut self) -> Option<String> {
        self.now += match self.rng.u16(..1000) {
            _ if self.is_crowded => self.rng.u64(..800),
            0..300 => 0,
            300..450 => self.until_told(),
            450..700 => self.rng.u64(..30_000),
            700..990 => self.rng.u64(..SECOND),
            990..998 => self.rng.u64(..20 * SECOND),
            _ => self.rng.u64(..2 * HOUR),
        };
        let difference = match self.rng.u8(..100) {
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
            0..5 if self.is_crowded => self.new_call(),
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
        let key = self.rng.usize(..3);
        let within = match self.rng.u8(..4) {
            0 => Duration::from_millis(self.rng.u64(1..3_000)),
            1 => Duration::from_millis(self.rng.u64(1..90_000)),
            _ => Duration::MAX,
        };
        let rate = if self.rng.u8(..10) == 0 { self.rates[self.rng.usize(..3)] } else { self.rates[key] };
        let (tenant, key_name) = ("tenant".to_owned(), KEYS[key].to_owned());
        let question = Ask { tenant, key: key_name, id: self.last_id, again: false, ticket: None, rate, within };
        Call { question, key }
    }

    fn withdraw(&mut self) -> Option<String> {
        let (key, ticket) = if self.waiting.is_empty() || self.rng.u8(..4) == 0 {
            (self.rng.usize(..3), self.rng.u64(..80))
        } else {
            let index = self.rng.usize(..self.waiting.len());
            let (call, _) = self.waiting.remove(index);
            (call.key, call.question.ticket.unwrap_or(0))
        };
        self.tell(key, self.rates[key], Event::Withdrawn { ticket })
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
            let departed = Duration::from_micros([0, self.rng.u64(..2 * SECOND)][self.rng.usize(..2)]);
            Event::Answered { id, departed, feedback: self.feedback() }
        };
        // Seldom a report with another key, which is about nothing.
        let key = if self.rng.u8(..20) == 0 { self.rng.usize(..3) } else { call.key };
        self.tell(key, call.question.rate, event)
    }

    fn feedback(&mut self) -> Feedback {
        let rng = &mut self.rng;
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

/// A state with one key, and a clock that the scenario sets.
struct Scenario<'a> {
    server: &'a mut Server,
    script: &'a Script,
    now: Moment,
    last_id: u64,
}

/// Fails the scenario.
macro_rules! check {
    ($condition:expr) => {
        if !$condition {
            return Err(format!("{}: {}", line!(), stringify!($condition)));
        }
    };
}

const PAUSE: Moment = HOLD + ASSUMED_DELIVERY + SECOND;

impl<'a> Scenario<'a> {
    fn new(server: &'a mut Server, script: &'a Script) -> Self {
        server.flush();
        Self { server, script, now: START, last_id: 0 }
    }

    /// The same with a state that grants.
    fn running(server: &'a mut Server, script: &'a Script) -> Result<Self, String> {
        let mut scenario = Self::new(server, script);
        scenario.send(&json!({ "op": "Remind" }))?;
        scenario.now += PAUSE;
        Ok(scenario)
    }

    fn send(&mut self, more: &Value) -> Result<Answer, String> {
        let mut question = json!({ "key": "key", "rate": Limits::from(Rate::from(RateLimit::default())) });
        question.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.server.run(self.script, self.now, question).map_err(|error| error.to_string())
    }

    fn ask_with(&mut self, mut more: Value) -> Result<Answer, String> {
        self.last_id += 1;
        let ask = json!({ "op": "Ask", "id": self.last_id, "again": false, "within": CENTURY });
        more.as_object_mut().unwrap().extend(ask.as_object().unwrap().clone());
        self.send(&more)
    }

    fn ask(&mut self) -> Result<Answer, String> {
        self.ask_with(json!({}))
    }

    fn ask_knowing(&mut self, of: &Answer, elapsed: Moment) -> Result<Answer, String> {
        self.ask_with(json!({ "heard": { "born": of.news.born, "moment": of.news.moment, "elapsed": elapsed } }))
    }

    fn fill(&mut self) -> Result<Answer, String> {
        for _ in 0..4 {
            check!(self.ask()?.kind == GO);
        }
        self.ask()
    }

    fn refused(&mut self, retry_after: Moment) -> Result<Answer, String> {
        let (id, is_429) = (self.last_id, true);
        self.send(&json!({ "op": "Answered", "id": id, "departed": 0, "is_429": is_429, "retry_after": retry_after }))
    }
}

const GO: u64 = 0;
const WAIT: u64 = 1;
const CLOSED: u64 = 2;

type Check = fn(&mut Server, &Script) -> Result<(), String>;

/// What the functions do not know: loss of data, and a clock that is set.
const SCENARIOS: [Check; 9] = [
    // A tenant that Redis does not know gets nothing until earlier requests no longer count.
    |server, script| {
        let mut scenario = Scenario::new(server, script);
        let first = scenario.ask()?;
        check!((first.kind, first.wait) == (WAIT, Duration::from_micros(PAUSE)));
        scenario.now += PAUSE - 1;
        let second = scenario.ask()?;
        check!((second.kind, second.ticket) == (WAIT, first.ticket + 1));
        scenario.now += 1;
        check!(scenario.ask()?.kind == GO);
        Ok(())
    },
    // So does one whose state was lost, for as long as the requests of any asker count.
    |server, script| {
        let mut scenario = Scenario::running(server, script)?;
        let old = scenario.fill()?;
        scenario.server.flush();
        scenario.now += SECOND / 2;
        let new = scenario.ask_knowing(&old, SECOND / 2)?;
        check!(new.kind == WAIT && new.news.born == scenario.now);
        scenario.now += SECOND;
        let slow = Limits::from(Rate::from(RateLimit::every(Duration::from_secs(10))));
        let heard = json!({ "born": old.news.born, "moment": old.news.moment, "elapsed": SECOND });
        let slow = scenario.ask_with(json!({ "heard": heard, "rate": slow }))?;
        check!((slow.kind, slow.wait) == (WAIT, Duration::from_secs(11)));
        scenario.now += 11 * SECOND;
        check!(scenario.ask_knowing(&old, SECOND)?.kind == GO);
        Ok(())
    },
    // A state that is older than what an asker has heard of has lost something. Once is enough.
    |server, script| {
        let mut scenario = Scenario::running(server, script)?;
        let mut future = scenario.ask()?;
        future.news.moment += SECOND;
        scenario.now += 2 * SECOND;
        let lost = scenario.ask_knowing(&future, SECOND)?;
        check!((lost.kind, lost.wait) == (WAIT, Duration::from_micros(PAUSE)));
        check!(lost.news.born == scenario.now);
        scenario.now += PAUSE;
        check!(scenario.ask_knowing(&future, SECOND)?.kind == GO);
        Ok(())
    },
    // Those who know of a closed gate bring it back, once.
    |server, script| {
        let mut scenario = Scenario::running(server, script)?;
        scenario.ask()?;
        let old = scenario.refused(60 * SECOND)?.news;
        check!((old.closed, old.refusals) == (Duration::from_secs(60), 1));
        scenario.server.flush();
        scenario.now += SECOND;
        let gate = json!({ "born": old.born, "closed": 59 * SECOND, "refusals": 2 });
        let new = scenario.send(&json!({ "op": "Remind", "gate": gate }))?.news;
        check!((new.closed, new.refusals) == (Duration::from_secs(59), 2));
        scenario.now += 50 * SECOND;
        let gate = json!({ "born": new.born, "closed": 30 * SECOND, "refusals": 2 });
        check!(scenario.send(&json!({ "op": "Remind", "gate": gate }))?.news.closed == Duration::from_secs(9));
        let ask = scenario.ask()?;
        check!((ask.kind, ask.wait, ask.news.refusals) == (CLOSED, Duration::from_secs(9), 2));
        // Another's memory of a shorter wait changes nothing.
        let gate = json!({ "born": old.born, "closed": SECOND, "refusals": 1 });
        let news = scenario.send(&json!({ "op": "Remind", "gate": gate }))?.news;
        check!((news.closed, news.refusals) == (Duration::from_secs(9), 2));
        // A request that was sent while the gate was closed is no further refusal.
        check!(scenario.refused(SECOND)?.news.refusals == 2);
        // Refusals lapse an hour after the gate has opened.
        scenario.now += 9 * SECOND + HOUR - SECOND;
        scenario.ask()?;
        scenario.now += SECOND;
        check!(scenario.refused(SECOND)?.news.refusals == 1);
        Ok(())
    },
    // A clock that is set forward ends nothing early if the asker has just heard of the state.
    |server, script| {
        let mut scenario = Scenario::running(server, script)?;
        let last = scenario.fill()?;
        scenario.now += 30 * SECOND;
        let after = scenario.ask_knowing(&last, SECOND / 2)?;
        check!(after.kind == WAIT && after.news.moment == last.news.moment + SECOND / 2 + SLACK);
        // From then on the time passes as it should, for all.
        scenario.now += PAUSE - SECOND / 2 - SLACK - 1;
        check!(scenario.ask()?.kind == WAIT);
        scenario.now += 1;
        check!(scenario.ask()?.kind == GO);
        Ok(())
    },
    // What others wrote since the asker heard of the state shows that this time has passed.
    |server, script| {
        let mut scenario = Scenario::running(server, script)?;
        let first = scenario.ask()?;
        scenario.now += 10 * SECOND;
        let second = scenario.ask()?;
        scenario.now += SLACK / 2;
        let third = scenario.ask_knowing(&first, SECOND)?;
        check!(third.news.moment == second.news.moment);
        let fourth = scenario.ask_knowing(&third, SLACK / 4)?;
        check!(fourth.news.moment == third.news.moment);
        scenario.now += SLACK;
        check!(scenario.ask_knowing(&fourth, 0)?.news.moment == fourth.news.moment + SLACK);
        Ok(())
    },
    // A clock that is set back opens no gate early, and holds no place longer.
    |server, script| {
        let mut scenario = Scenario::running(server, script)?;
        scenario.ask()?;
        scenario.refused(60 * SECOND)?;
        scenario.now -= 500 * SECOND;
        check!(scenario.ask()?.wait == Duration::from_secs(60));
        scenario.now += 60 * SECOND - 1;
        check!(scenario.ask()?.kind == CLOSED);
        scenario.now += 1 + 10 * SECOND;
        scenario.fill()?;
        scenario.now -= 300 * SECOND;
        check!(scenario.ask()?.kind == WAIT);
        scenario.now += PAUSE;
        check!(scenario.ask()?.kind == GO);
        Ok(())
    },
    // A state of another version is an error, and is kept.
    |server, script| {
        let other = "return redis.call('SET', KEYS[1], cmsgpack.pack({ version = 2 }))";
        let mut scenario = Scenario::new(server, script);
        let connection = &mut scenario.server.connection;
        redis::cmd("EVAL").arg(other).arg(1).arg("state").exec(connection).unwrap();
        for _ in 0..2 {
            let error = scenario.ask().unwrap_err();
            check!(error.contains("version"));
        }
        Ok(())
    },
    // Redis keeps a state for a week after the last gate has opened.
    |server, script| {
        let mut scenario = Scenario::running(server, script)?;
        scenario.ask()?;
        let lifetime = |scenario: &mut Scenario<'_>| {
            let lifetime: u64 = redis::cmd("PTTL").arg("state").query(&mut scenario.server.connection).unwrap();
            (lifetime + 5_000) / 60_000
        };
        check!(lifetime(&mut scenario) == 7 * 24 * 60);
        scenario.refused(30 * 24 * HOUR)?;
        check!(lifetime(&mut scenario) == 37 * 24 * 60);
        Ok(())
    },
];

#[test]
fn promise_27_lost_data_and_a_clock_that_is_set_let_nothing_through() {
    let mut server = Server::start();
    for scenario in SCENARIOS {
        assert_eq!(scenario(&mut server, &SCRIPT), Ok(()));
    }
}

/// Changes of the script, each of which breaks a rule.
const MUTANTS: &[(&str, &str)] = &[
    // Rates.
    ("rate.key < NO_LIMIT or rate", "rate.key < NO_LIMIT and rate"),
    ("math.max(0, limit.period + MARGIN - limit.credit)", "math.max(0, limit.period - limit.credit)"),
    ("+ MARGIN - limit.credit", "+ MARGIN"),
    ("key = math.max(a.key, b.key)", "key = math.min(a.key, b.key)"),
    ("tenant = math.max(a.tenant, b.tenant)", "tenant = math.min(a.tenant, b.tenant)"),
    ("period = math.min(a.period, b.period)", "period = math.max(a.period, b.period)"),
    ("credit = math.max(a.credit, b.credit)", "credit = math.min(a.credit, b.credit)"),
    ("return HOLD + ASSUMED_DELIVERY + rate.period", "return HOLD + rate.period"),
    ("return HOLD + ASSUMED_DELIVERY + rate.period", "return ASSUMED_DELIVERY + rate.period"),
    ("return HOLD + ASSUMED_DELIVERY + rate.period", "return HOLD + ASSUMED_DELIVERY"),
    // The gate.
    ("if now >= key.refused_until + HOUR then return 0 end", ""),
    ("key.open_at = math.max(key.open_at, now + wait)", "key.open_at = now + wait"),
    ("(sent >= key.refused_until and 1 or 0)", "1"),
    ("(sent >= key.refused_until and 1 or 0)", "(sent > key.refused_until and 1 or 0)"),
    ("SECOND * 2 ^ math", "SECOND * 1 ^ math"),
    ("math.max(key.refusals - 1, 0)", "key.refusals"),
    ("close(key, retry_after or default)", "close(key, default)"),
    ("key.refused_until = key.open_at", ""),
    ("if sent >= key.refused_until then key.refusals = 0 end", "key.refusals = 0"),
    ("if sent >= key.refused_until then key.refusals = 0 end", ""),
    ("if key.refusals == 0 then return key.open_at end", "do return key.open_at end"),
    ("if gate.refusals > refusals(key) then", "do"),
    ("key.refused_until = math.max(key.refused_until, now + gate.closed)", ""),
    ("    close(key, gate.closed)\n", ""),
    // What counts.
    ("if slot.id == id and slot.key == name then", "if slot.id == id then"),
    ("math.min(slot.last, now + math.max(slot.after, TICK))", "now + math.max(slot.after, TICK)"),
    ("now + math.max(slot.after, TICK)", "now + slot.after"),
    ("    slot.since = now\n", ""),
    ("    slot.last = now + HOLD\n", ""),
    ("    unanswered(slot)\n    slot.last = now + longest_count()", "    unanswered(slot)"),
    ("if slot.last > now then", "if slot.last >= now then"),
    ("if slot.first <= now then unanswered(slot) end", ""),
    ("math.min(math.max(key.limit, 1), rate.key)", "math.min(key.limit, rate.key)"),
    ("math.min(math.max(key.limit, 1), rate.key)", "math.max(key.limit, 1)"),
    ("if key.limit and key.limit_until > now then", "if key.limit then"),
    ("if count() >= rate.tenant then state.full_at = now end", ""),
    ("if count(name) >= key_limit(key) then key.full_at = now end", ""),
    ("if used + ahead < limit then return nil end", "if used < limit then return nil end"),
    ("ends[used - limit + 1]", "ends[1]"),
    ("local behind = ahead - math.max(0, most - used)", "local behind = ahead"),
    ("+ behind % most + 1]", "+ 1]"),
    ("if last then first = math.min(first, last) end", ""),
    ("first + life * math.floor(behind / most)", "first"),
    // The queue.
    ("return math.max(0, state.round - ARREARS)", "return 0"),
    ("return math.max(0, state.round - ARREARS)", "return state.round"),
    ("if #state.waiters == 0 then state.fastest = nil end", ""),
    ("waiter.at, waiter.contends = at, contends", "waiter.at = at"),
    ("waiter.at, waiter.contends = at, contends", "waiter.contends = contends"),
    ("state.fastest = or_faster(state.fastest or rate, rate)", "state.fastest = rate"),
    ("state.last_order = state.last_order + 1", ""),
    ("if not key.round then key.round, key.order", "do key.round, key.order"),
    ("if one.round ~= other.round then return one.round < other.round end", ""),
    ("rotate(name, 1, contenders(name) > 0)", ""),
    ("if next_name then state.round = math.max(state.round, state.keys[next_name].round) end", ""),
    ("if waiter.at + PATIENCE < now then", "if waiter.at < now then"),
    ("if waiter.at + PATIENCE < now then", "if waiter.at + PATIENCE <= now then"),
    ("for _, waiter in ipairs(late) do remove(waiter.ticket) end", ""),
    ("if not ticket then return waiting(name) end", "if not ticket then return 0 end"),
    ("if waiter.key == name and waiter.ticket < ticket then", "if waiter.ticket < ticket then"),
    ("if waiter.key == name and waiter.ticket < ticket then", "if false then"),
    ("return math.min(number, enough)", "return number"),
    ("round = math.max(round, first_round()) + ahead", "round = math.max(round, first_round())"),
    ("or (other.round == round and other.order < order)", ""),
    ("if other_name ~= name then", "do"),
    (
        "math.min(contenders(other_name), round - other.round + (other.order < order and 1 or 0))",
        "contenders(other_name)",
    ),
    ("round - other.round + (other.order < order and 1 or 0)", "round - other.round"),
    // The decisions.
    ("    expire_slots()\n    expire_waiters()", "    expire_slots()"),
    (
        "math.max(last_end(name), gate_matters_until(key), key.limit_until or 0)",
        "math.max(last_end(name), key.limit_until or 0)",
    ),
    (
        "math.max(last_end(name), gate_matters_until(key), key.limit_until or 0)",
        "math.max(last_end(name), gate_matters_until(key))",
    ),
    (
        "math.max(last_end(name), gate_matters_until(key), key.limit_until or 0)",
        "math.max(gate_matters_until(key), key.limit_until or 0)",
    ),
    ("if waiting(name) == 0 and matters_until <= now then", "if matters_until <= now then"),
    ("state.next_ticket, state.round, state.last_order, state.full_at = 0, 0, 0, nil", ""),
    ("local free = math.min(tenant_free,", "local free = math.max(tenant_free,"),
    ("math.max(free, FORESIGHT)", "1"),
    ("local ahead_of_all = ahead + turns_before", "local ahead_of_all = turns_before"),
    ("free_at(name, limit, fastest.key, ahead, life)", "nil"),
    ("free_at(nil, rate.tenant, fastest.tenant, ahead_of_all, life)", "nil"),
    (
        "local at = math.max(by_key or 0, by_tenant or 0)",
        "local at = math.min(by_key or math.huge, by_tenant or math.huge)",
    ),
    ("local contends = not by_key", "local contends = true"),
    ("local contends = not by_key", "local contends = false"),
    ("math.min(now + PATIENCE, at > now and at or math.huge), BY_QUEUE", "at, BY_QUEUE"),
    ("if free > 0 then return", "if free < 0 then return"),
    ("if (by_tenant or -1) > (by_key or -1) then", "if false then"),
    (
        "if at - now >= q.within then\n        remove(ticket)",
        "if at - now >= q.within then\n        insert(name, ticket, at, contends)",
    ),
    ("if at - now >= q.within then\n        remove(ticket)", "if false then"),
    ("elseif not position(ticket) and waiting(name) >= rate.queue then", "elseif waiting(name) >= rate.queue then"),
    ("elseif not position(ticket) and waiting(name) >= rate.queue then", "elseif false then"),
    ("    remove(ticket)\n    end_turn(name)", "    end_turn(name)"),
    ("    remove(ticket)\n    end_turn(name)", "    remove(ticket)"),
    ("if not slot then\n        slot =", "do\n        slot ="),
    ("slot.after, slot.departed = after_answer(rate), false", "slot.after = after_answer(rate)"),
    ("if slot and not slot.departed then hold(slot) end", ""),
    ("if slot and not slot.departed then hold(slot) end", "if slot then hold(slot) end"),
    ("if waiter and waiter.key ~= name then given = nil end", ""),
    ("local ticket = given or state.next_ticket", "local ticket = state.next_ticket"),
    ("state.next_ticket = math.max(state.next_ticket, ticket + 1)", ""),
    ("if key.open_at > now then", "if false then"),
    ("if key.open_at > now then", "if key.open_at >= now then"),
    ("if q.again and renew(name) then", "if false then"),
    ("if q.again and renew(name) then", "if renew(name) then"),
    ("if at - now < q.within then at = math.min(at, now + LOOK) end", ""),
    ("if at - now < q.within then at = math.min(at, now + LOOK) end", "at = math.min(at, now + LOOK)"),
    ("if slot.departed then sent = slot.since end", ""),
    ("slot.last = now + slot.after\n", ""),
    ("slot.first, slot.departed = slot.last, true", "slot.departed = true"),
    ("slot.first, slot.departed = slot.last, true", "slot.first = slot.last"),
    ("key.limit, key.limit_until = q.limit, now + MINUTE", "key.limit, key.limit_until = q.limit, now + HOUR"),
    ("if q.is_429 then return on_429(key, sent, q.retry_after) end", ""),
    ("    on_other(key, sent)\n", ""),
    ("if q.remaining == 0 then", "if false then"),
    ("q.limit and q.limit > rate.key", "false"),
    ("reset > rate.period or not full_at or full_at < sent", "reset > rate.period"),
    ("reset > rate.period or not full_at or full_at < sent", "true"),
    ("reset <= MINUTE and reset or rate.period", "reset"),
    ("if slot and not slot.departed then table.remove", "if slot then table.remove"),
    ("if q.op == 'Withdrawn' then remove(q.ticket) end", ""),
    // The state and the clock.
    ("heard.born == state.born and heard.moment <= state.moment", "heard.moment <= state.moment"),
    ("heard.moment + heard.elapsed + SLACK", "heard.moment + SLACK"),
    ("heard.moment + heard.elapsed + SLACK", "heard.moment + heard.elapsed"),
    ("now = math.max(now, state.moment or now)", ""),
    ("state.offset = clock - now", ""),
    ("state.born, state.quiet_until = now, now + longest_count()", "state.born, state.quiet_until = now, now"),
    (" or (heard and heard.born == state.born and heard.moment > state.moment)", ""),
    ("state.quiet_until = math.max(state.quiet_until, state.born + longest_count())", ""),
    ("state.born + longest_count())", "now + longest_count())"),
    ("state.moment = now", "state.moment = state.moment or now"),
    ("if gate and gate.born ~= state.born then", "if false then"),
    ("if gate and gate.born ~= state.born then", "if gate then"),
    ("if now < state.quiet_until then", "if false then"),
    ("if now >= state.quiet_until then drop_idle() end", "drop_idle()"),
    ("if state.version ~= VERSION then", "if false then"),
    ("math.max(lifetime, WEEK + key.open_at - now)", "lifetime"),
];

#[test]
fn promise_27_each_rule_of_the_script_matters() {
    let (first, second) = MUTANTS.split_at(MUTANTS.len() / 2);
    let second = thread::spawn(move || survivors(second));
    let mut survivors = survivors(first);
    survivors.extend(second.join().unwrap());
    assert!(survivors.is_empty(), "{} of {}: {survivors:#?}", survivors.len(), MUTANTS.len());
}

/// The mutants that no test finds.
fn survivors(mutants: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let lua = include_str!("../limiter.lua");
    let mut server = Server::start();
    let mut survives = |(rule, broken): &(&str, &str)| {
        assert_eq!(lua.matches(rule).count(), 1, "{rule}");
        let mutant = Script::new(&lua.replace(rule, broken));
        SCENARIOS.iter().all(|scenario| scenario(&mut server, &mutant).is_ok())
            && (0..12).all(|seed| Difference::new(&mut server, &mutant, seed).find(STEPS).is_none())
    };
    mutants.iter().copied().filter(|mutant| survives(mutant)).collect()
}

#[test]
fn promise_27_the_script_decides_as_the_functions_do() {
    let mut server = Server::start();
    for seed in 0..12 {
        let difference = Difference::new(&mut server, &SCRIPT, seed).find(STEPS);
        assert_eq!(difference, None, "seed {seed}");
    }
}
