//! What every store must do, as a test for stores of others.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::rate_limit::config::RateLimit;
use crate::rate_limit::shared::{Ask, Event, Feedback, HOLD, Rate, Report, SharedLimit, Verdict, hash};
use crate::rate_limit::store::new_id;

type BoxError = Box<dyn StdError + Send + Sync>;

const SECOND: Duration = Duration::from_secs(1);
/// A store may grant nothing for this long to a tenant that it does not know.
const PAUSE: Duration = Duration::from_secs(10);
/// How much an answer may be late or rounded.
const TOLERANCE: Duration = Duration::from_millis(300);
/// The largest number of an id.
const LARGEST: u64 = (1 << 53) - 1;

/// Tests a [`SharedLimit`] of your own: that it is atomic, that it keeps what it is told, and that its clock runs. It takes about
/// ten seconds and uses tenants that no other test uses.
///
/// # Panics
/// If the store breaks a rule. The text says which.
///
/// # Examples
/// ```
/// use meetbit_client::{FileLimit, rate_limit};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let name = format!("conformance-{}.json", std::process::id());
/// let path = std::env::temp_dir().join(name);
/// rate_limit::conformance(FileLimit::open(&path)?).await;
/// # std::fs::remove_file(path)?;
/// # Ok(())
/// # }
/// ```
pub async fn conformance(store: impl SharedLimit) {
    let store: Arc<dyn SharedLimit> = Arc::new(store);
    let tests = [
        spawn(&store, the_limits_hold),
        spawn(&store, one_decision_at_a_time),
        spawn(&store, a_place_is_given_back_in_order),
        spawn(&store, an_answer_ends_a_request),
        spawn(&store, a_429_closes_the_key),
        spawn(&store, large_numbers_are_exact),
    ];
    for test in tests {
        if let Err(failure) = test.await {
            std::panic::resume_unwind(failure.into_panic());
        }
    }
}

fn spawn<F: Future<Output = ()> + Send + 'static>(
    store: &Arc<dyn SharedLimit>,
    test: impl FnOnce(Tenant) -> F + Send + 'static,
) -> tokio::task::JoinHandle<()> {
    let tenant = Tenant { store: store.clone(), name: hash(&format!("tenant {}", new_id())) };
    tokio::spawn(async move {
        tenant.wait_until_known().await;
        test(tenant).await;
    })
}

/// A tenant that only one test uses.
#[derive(Clone)]
struct Tenant {
    store: Arc<dyn SharedLimit>,
    name: String,
}

impl Tenant {
    fn rate() -> Rate {
        RateLimit::default().into()
    }

    fn question(&self, key: &str) -> Ask {
        let (tenant, key, rate) = (self.name.clone(), hash(key), Self::rate());
        Ask { tenant, key, id: new_id(), again: false, ticket: None, rate, within: 60 * SECOND }
    }

    async fn ask(&self, question: &Ask) -> Verdict {
        let asked_at = Instant::now();
        let answer = timeout(SECOND / 2, self.store.ask(question)).await;
        let answer: Result<Verdict, BoxError> = answer.unwrap_or_else(|_| Err("no answer within half a second".into()));
        answer.unwrap_or_else(|error| panic!("the store gave no answer after {:?}: {error}", asked_at.elapsed()))
    }

    /// Asks for a permit that the store must grant.
    async fn go(&self, key: &str, why: &str) -> Ask {
        let question = self.question(key);
        let verdict = self.ask(&question).await;
        assert!(matches!(verdict, Verdict::Go { .. }), "{why}, but the answer is {verdict:?}");
        question
    }

    /// Asks for a permit that the store must not grant.
    async fn wait(&self, question: &Ask, why: &str) -> (Duration, u64) {
        match self.ask(question).await {
            Verdict::Wait { wait, ticket, .. } => {
                assert!(!wait.is_zero(), "`Wait` must state a time");
                (wait, ticket)
            }
            verdict => panic!("{why}, but the answer is {verdict:?}"),
        }
    }

    async fn tell(&self, key: &str, event: Event) {
        let report = Report { tenant: self.name.clone(), key: hash(key), rate: Self::rate(), event };
        let result = timeout(SECOND / 2, self.store.tell(&report)).await;
        let result = result.unwrap_or_else(|_| Err("no answer within half a second".into()));
        result.unwrap_or_else(|error| panic!("the store did not take a report: {error}"));
    }

    async fn answered(&self, key: &str, id: u64, feedback: Feedback) {
        self.tell(key, Event::Answered { id, departed: Duration::ZERO, feedback }).await;
    }

    /// A store may pause before it grants anything to a tenant that it does not know.
    async fn wait_until_known(&self) {
        let started = Instant::now();
        loop {
            let question = self.question("first");
            match self.store.ask(&question).await {
                Ok(Verdict::Go { .. }) => break self.tell("first", Event::Released { id: question.id }).await,
                answer => assert!(started.elapsed() < PAUSE, "a new tenant has no permit after {PAUSE:?}: {answer:?}"),
            }
            sleep(SECOND / 10).await;
        }
    }
}

/// The limit of a key and the limit of the tenant.
async fn the_limits_hold(tenant: Tenant) {
    for key in ["one", "two"] {
        for n in 1..=5 {
            let question = tenant.go(key, &format!("permit {n} of 5 of a key must be granted")).await;
            let again = tenant.ask(&Ask { again: true, ..question }).await;
            assert!(
                matches!(again, Verdict::Go { .. }),
                "an id that has a permit keeps it, but the answer is {again:?}"
            );
        }
    }
    let third = tenant.question("three");
    tenant.wait(&third, "10 of 10 permits of the tenant are taken, so a third key must wait").await;
    let other = Tenant { name: hash(&format!("other {}", new_id())), ..tenant };
    other.wait_until_known().await;
    other.go("three", "another tenant has a limit of its own").await;
}

/// Questions at the same time do not see the same state.
async fn one_decision_at_a_time(tenant: Tenant) {
    let mut asks = JoinSet::new();
    for _ in 0..16 {
        let tenant = tenant.clone();
        asks.spawn(async move { tenant.store.ask(&tenant.question("one")).await.map_err(|error| error.to_string()) });
    }
    let answers = asks.join_all().await;
    let granted = answers.iter().filter(|answer| matches!(answer, Ok(Verdict::Go { .. }))).count();
    assert!(granted <= 5, "of 16 questions at the same time {granted} were granted, and the limit is 5: {answers:?}");
    assert!(granted > 0, "none of 16 questions at the same time was granted: {answers:?}");
}

/// A request that is not sent frees its place for the call that came first.
async fn a_place_is_given_back_in_order(tenant: Tenant) {
    let held = tenant.go("one", "the first permit must be granted").await;
    for _ in 0..4 {
        tenant.go("one", "5 permits of a key must be granted").await;
    }
    let full = "5 of 5 permits of a key are taken";
    let (first, second) = (tenant.question("one"), tenant.question("one"));
    let (_, ticket) = tenant.wait(&first, full).await;
    let (_, later) = tenant.wait(&second, full).await;
    assert!(ticket < later, "a call that comes later must have a larger ticket: {ticket}, then {later}");
    let impatient = Ask { within: Duration::from_millis(1), ..tenant.question("one") };
    tenant.wait(&impatient, full).await;
    for _ in 0..2 {
        tenant.tell("one", Event::Released { id: held.id }).await; // telling twice is harmless
    }
    tenant.tell("one", Event::Released { id: new_id() }).await;
    let second = Ask { again: true, ticket: Some(later), ..second };
    tenant.wait(&second, "a call must not overtake one that came earlier").await;
    let first = Ask { again: true, ticket: Some(ticket), ..first };
    let verdict = tenant.ask(&first).await;
    assert!(matches!(verdict, Verdict::Go { .. }), "the place that was given back is the first call's: {verdict:?}");
    tenant.tell("one", Event::Withdrawn { ticket: later }).await;
}

/// A request counts for one period after its answer, and without an answer for longer.
async fn an_answer_ends_a_request(tenant: Tenant) {
    let mut asked = Vec::new();
    for _ in 0..5 {
        asked.push(tenant.go("one", "5 permits of a key must be granted").await);
    }
    sleep(SECOND / 5).await;
    let answered_at = Instant::now();
    tenant.answered("one", asked[0].id, Feedback::default()).await;
    let mut question = tenant.question("one");
    loop {
        match tenant.ask(&question).await {
            Verdict::Go { .. } => break,
            Verdict::Wait { wait, ticket, .. } => {
                (question.again, question.ticket) = (true, Some(ticket));
                sleep(wait).await;
            }
            verdict => panic!("a place becomes free one second after an answer, but the answer is {verdict:?}"),
        }
        let late = answered_at.elapsed();
        assert!(late < SECOND + HOLD, "a place is not free {late:?} after an answer");
    }
    let elapsed = answered_at.elapsed();
    assert!(elapsed >= SECOND, "a place is free {elapsed:?} after an answer, which is too early: does the clock run?");
    tenant.wait(&tenant.question("one"), "the others are not answered, so they still count").await;
}

/// A `429` closes the key for all who ask, and no other key.
async fn a_429_closes_the_key(tenant: Tenant) {
    let refused = tenant.go("one", "the first permit must be granted").await;
    let retry_after = Some(60 * SECOND);
    for _ in 0..2 {
        tenant.answered("one", refused.id, Feedback { is_429: true, retry_after, ..Feedback::default() }).await;
    }
    match tenant.ask(&tenant.question("one")).await {
        Verdict::Closed { wait, refusals, .. } => {
            assert!(
                wait <= 60 * SECOND && wait + TOLERANCE + SECOND >= 60 * SECOND,
                "closed for 60 s, not for {wait:?}"
            );
            assert_eq!(refusals, 1, "a report that comes twice is one refusal");
        }
        verdict => panic!("a `429` closes the key, but the answer is {verdict:?}"),
    }
    tenant.go("two", "a `429` closes no other key").await;
}

/// Ids have 53 bits, and waits can be long.
async fn large_numbers_are_exact(tenant: Tenant) {
    let ids = [LARGEST, LARGEST - 1, LARGEST - 2, LARGEST - 3, LARGEST - 4];
    for id in ids {
        let verdict = tenant.ask(&Ask { id, ..tenant.question("one") }).await;
        assert!(matches!(verdict, Verdict::Go { .. }), "5 permits of a key must be granted: {verdict:?}");
    }
    let more = "ids near 2^53 must be told apart, so 5 of 5 permits are taken";
    tenant.wait(&Ask { id: LARGEST - 5, ..tenant.question("one") }, more).await;
    let year = 365 * 24 * 60 * 60 * SECOND;
    let feedback = Feedback { is_429: true, retry_after: Some(year), ..Feedback::default() };
    tenant.answered("one", LARGEST, feedback).await;
    match tenant.ask(&Ask { within: Duration::MAX, ..tenant.question("one") }).await {
        Verdict::Closed { wait, .. } => {
            assert!(wait <= year && wait + 2 * SECOND >= year, "a wait of a year must be exact, not {wait:?}");
        }
        verdict => panic!("a `429` closes the key for a year, but the answer is {verdict:?}"),
    }
}
