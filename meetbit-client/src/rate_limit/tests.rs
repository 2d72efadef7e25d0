//! The limiter as its callers see it, and the decisions as pure functions. The tests of a promise start with its number.

mod complexity;
mod gate;
mod limiter;
mod limits;
mod properties;
mod registry;
mod turns;
mod window;

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use crate::rate_limit::config::RateLimit;
use crate::rate_limit::limiter::{AcquireError, Limiter, Turn};
use crate::rate_limit::moment::Moment;
use crate::rate_limit::permit::Permit;
use crate::rate_limit::state::{Ask, Feedback, Report, State, Verdict};
use crate::response::retry_after::RateLimitHeaders;

const LIMIT: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// A limiter of its own for each test.
fn limiter(test: &str) -> Limiter {
    Limiter::of_process(test, "key")
}

/// The turn of a call that waits for a minute at most.
fn patient(limit: RateLimit) -> Turn {
    Turn::new(limit, Instant::now() + LIMIT, LIMIT)
}

async fn acquire(limiter: &Limiter, limit: RateLimit) -> Result<Permit, AcquireError> {
    limiter.acquire(&patient(limit)).await.map(|(permit, _)| permit)
}

/// A call that can be spawned.
fn call(limiter: &Limiter, limit: RateLimit) -> impl Future<Output = Result<Permit, AcquireError>> + Send + 'static {
    let (limiter, turn) = (limiter.clone(), patient(limit));
    async move { limiter.acquire(&turn).await.map(|(permit, _)| permit) }
}

/// Departs and is answered at once.
fn leave(permit: &Permit) {
    assert!(permit.depart());
    permit.answered(Feedback::default());
}

/// One request that is answered at once.
async fn send(limiter: &Limiter, limit: RateLimit, feedback: Feedback) {
    let permit = acquire(limiter, limit).await.unwrap();
    assert!(permit.depart());
    permit.answered(feedback);
}

fn refusal(seconds: u64) -> Feedback {
    Feedback { is_429: true, retry_after: Some(Duration::from_secs(seconds)), ..Feedback::default() }
}

fn headers(limit: u32, remaining: u32, reset: u64) -> Feedback {
    let reset = Some(Duration::from_secs(reset));
    let headers = RateLimitHeaders { limit: Some(limit), remaining: Some(remaining), reset };
    Feedback { headers, ..Feedback::default() }
}

/// A state and its clock. Each call has an id of its own.
#[derive(Default)]
struct Store {
    state: State,
    now: Moment,
    last_id: u64,
}

impl Store {
    fn ask(&mut self, key: &str, ticket: Option<u64>, limit: RateLimit) -> Verdict {
        self.ask_within(key, ticket, limit, Moment::MAX)
    }

    fn ask_within(&mut self, key: &str, ticket: Option<u64>, limit: RateLimit, within: Moment) -> Verdict {
        self.last_id += 1;
        self.state.ask(self.now, &Ask { key, id: self.last_id, again: false, ticket, limit, within })
    }

    /// A permit, which is the last id.
    #[track_caller]
    fn go(&mut self, key: &str, ticket: Option<u64>, limit: RateLimit) -> u64 {
        let verdict = self.ask(key, ticket, limit);
        assert!(matches!(verdict, Verdict::Go { .. }), "{verdict:?}");
        self.last_id
    }

    /// The ticket of a call that waits, and for how long.
    #[track_caller]
    fn wait(&mut self, key: &str, ticket: Option<u64>, limit: RateLimit) -> (u64, Moment) {
        match self.ask(key, ticket, limit) {
            Verdict::Wait { wait, ticket, .. } => (ticket, wait),
            verdict => panic!("{verdict:?}"),
        }
    }

    fn depart(&mut self, key: &str, id: u64, limit: RateLimit) -> bool {
        self.state.depart(self.now, key, id, limit)
    }

    fn answer(&mut self, key: &str, id: u64, limit: RateLimit, feedback: Feedback) {
        self.state.tell(self.now, key, limit, &Report::Answered { id, after: 0, feedback });
    }

    /// One request that is answered at once.
    #[track_caller]
    fn send(&mut self, key: &str, limit: RateLimit, feedback: Feedback) {
        let id = self.go(key, None, limit);
        assert!(self.depart(key, id, limit));
        self.answer(key, id, limit, feedback);
    }

    fn in_use(&mut self, key: &str) -> usize {
        self.state.status(self.now, key, RateLimit::default()).in_use
    }

    fn waiting(&mut self, key: &str) -> usize {
        self.state.status(self.now, key, RateLimit::default()).waiting
    }
}
