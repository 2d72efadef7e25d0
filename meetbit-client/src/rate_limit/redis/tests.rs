//! The script against the functions that it ports, and against a Redis that loses its data or whose clock is set.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use fastrand::Rng;

use super::*;
use crate::rate_limit::shared::{Feedback, State, ask, tell};

const STEPS: usize = 20_000;
const KEYS: [&str; 3] = ["one", "two", "three"];
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

    fn run(&mut self, script: &Script, now: Moment, question: &Question<'_>) -> Result<Answer, RedisError> {
        let mut question = serde_json::to_value(question).unwrap();
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
    waiting: Vec<Call>,
    granted: Vec<Call>,
    last_id: u64,
    rates: [Rate; 3],
}

impl<'a> Difference<'a> {
    fn new(server: &'a mut Server, script: &'a Script, seed: u64) -> Self {
        server.flush();
        let mut rng = Rng::with_seed(seed);
        let usual = RateLimit::default();
        let rates = match rng.u8(..5) {
            0 => [usual, usual, RateLimit::unlimited()],
            1 => [usual, usual.tenant(7), RateLimit::per_second(3).min_round_trip(Duration::from_millis(100))],
            2 => [RateLimit::every(Duration::from_millis(700)), usual.queue(4), RateLimit::per_second(2).tenant(3)],
            3 => [RateLimit::per_second(2).queue(3), RateLimit::per_second(2), RateLimit::per_second(3).tenant(4)],
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
        };
        // Redis makes the state, and waits until nothing earlier can count.
        let _new = new.send(KEYS[0], new.rates[0], What::Remind);
        new.now += 100 * SECOND;
        new
    }

    fn send(&mut self, key: &str, rate: Rate, what: What) -> Result<Answer, RedisError> {
        let question = Question { key, rate: rate.into(), what, recalled: Recalled::default() };
        self.server.run(self.script, self.now, &question)
    }

    /// The first step at which the answers differ.
    fn find(&mut self, steps: usize) -> Option<String> {
        (0..steps).find_map(|step| Some(format!("step {step}: {}", self.step()?)))
    }

    fn step(&mut self) -> Option<String> {
        self.now += match self.rng.u16(..1000) {
            0..400 => 0,
            400..700 => self.rng.u64(..30_000),
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

    fn ask(&mut self) -> Option<String> {
        let mut call = match self.rng.u8(..10) {
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
            Verdict::Wait { ticket, .. } | Verdict::Closed { ticket, .. } => {
                call.question.ticket = Some(ticket);
                call.question.again = self.rng.bool();
                self.waiting.push(call);
            }
            Verdict::Full => {}
        }
        difference
    }

    /// Mostly the one that has waited longest.
    fn next_waiting(&mut self) -> Call {
        let index = if self.rng.u8(..4) == 0 { self.rng.usize(..self.waiting.len()) } else { 0 };
        self.waiting.remove(index)
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
            let call = self.waiting.remove(index);
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
        let event = match self.rng.u8(..6) {
            0 => Event::Released { id },
            _ => {
                let departed = Duration::from_micros(self.rng.u64(..2 * SECOND));
                Event::Answered { id, departed, feedback: self.feedback() }
            }
        };
        self.tell(call.key, call.question.rate, event)
    }

    fn feedback(&mut self) -> Feedback {
        let rng = &mut self.rng;
        Feedback {
            is_429: rng.u8(..12) == 0,
            retry_after: rng.bool().then(|| Duration::from_millis(rng.u64(..5_000))),
            limit: (rng.u8(..12) == 0).then(|| rng.u32(..12)),
            remaining: (rng.u8(..3) == 0).then(|| rng.u32(..3)),
            reset: rng.bool().then(|| Duration::from_millis([rng.u64(..3_000), rng.u64(..100_000)][rng.usize(..2)])),
        }
    }

    fn tell(&mut self, key: usize, rate: Rate, event: Event) -> Option<String> {
        let report = Report { tenant: "tenant".to_owned(), key: KEYS[key].to_owned(), rate, event };
        tell(&mut self.state, Duration::from_micros(self.now), &report);
        self.send(KEYS[key], rate, event.into()).err().map(|error| format!("{event:?}: {error}"))
    }
}

#[test]
fn promise_28_the_script_decides_as_the_functions_do() {
    let mut server = Server::start();
    for seed in 0..6 {
        let difference = Difference::new(&mut server, &SCRIPT, seed).find(STEPS / 5);
        assert_eq!(difference, None, "seed {seed}");
    }
}
