//! What the functions do not know: loss of data, and a clock that is set.

use serde_json::json;

use super::*;

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

pub(super) type Check = fn(&mut Server, &Script) -> Result<(), String>;

/// What the functions do not know: loss of data, and a clock that is set.
pub(super) const SCENARIOS: [Check; 9] = [
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
        // A request that was sent while the gate was closed is not a further refusal.
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
