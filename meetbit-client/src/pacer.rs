//! Who may send next: one queue for each key, one count for each tenant, shared by the whole process.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::gate::Gate;
use crate::rate_limit::{RateLimit, RateLimitStatus};
use crate::retry_after::RateLimitHeaders;
use crate::window::{Trips, WINDOW, Window};

/// Every server that a client of this process was built for, by its origin.
///
/// An entry outlives its clients while the server may still count their requests or has asked to wait.
static TENANTS: Mutex<BTreeMap<String, Arc<Tenant>>> = Mutex::new(BTreeMap::new());

/// The part of the pacing that belongs to one key of one tenant.
#[derive(Clone, Debug)]
pub(crate) struct Pacer {
    tenant: Arc<Tenant>,
    lane: usize,
}

#[derive(Debug, Default)]
struct Tenant {
    /// The place of the call that comes next.
    next_place: AtomicU64,
    state: Mutex<State>,
}

impl Pacer {
    /// The one that all clients for this server and key share.
    pub(crate) fn shared(origin: &str, key_id: &str) -> Self {
        let now = Instant::now();
        let mut tenants = lock(&TENANTS);
        tenants.retain(|_, tenant| Arc::strong_count(tenant) > 1 || lock(&tenant.state).is_counted(now));
        let tenant = tenants.entry(origin.to_owned()).or_default().clone();
        drop(tenants);
        let lane = lock(&tenant.state).lane(key_id);
        Self { tenant, lane }
    }

    /// A place in the order of arrival, which a call keeps for all its attempts.
    pub(crate) fn place(&self) -> u64 {
        self.tenant.next_place.fetch_add(1, Ordering::Relaxed)
    }

    /// Waits for leave to send one request.
    pub(crate) fn acquire(&self, place: u64, limit: RateLimit, deadline: Instant, max_wait: Duration) -> Acquire<'_> {
        Acquire { pacer: self, place, limit, deadline, max_wait, queued: false, timer: None, waited_for: None }
    }

    pub(crate) fn status(&self, limit: RateLimit) -> RateLimitStatus {
        let now = Instant::now();
        let state = lock(&self.tenant.state);
        let lane = &state.lanes[self.lane];
        RateLimitStatus {
            limit: lane.limit(limit),
            in_use: lane.window.in_use(now),
            waiting: lane.queue.len(),
            closed_for: lane.gate.closed_until(now).map(|until| until - now),
            refusals: lane.gate.refusals(),
        }
    }
}

/// Why leave was not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The server asked to wait for longer than the call may; or it refused several times directly after full waits.
    Closed { wait: Duration, warned: bool },
    /// The turn would come after the call's deadline.
    TooLate,
    /// Too many calls wait already.
    QueueFull,
}

/// What kept a call waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// A `429`, or `RateLimit-Remaining: 0`.
    Closed,
    /// The key's requests of the last second.
    Key,
    /// The tenant's requests of the last second.
    Tenant,
    /// Calls that came earlier.
    Queue,
}

/// Everything that is decided about a tenant's requests; it knows neither clocks nor tasks.
#[derive(Debug, Default)]
struct State {
    window: Window,
    trips: Trips,
    lanes: Vec<Lane>,
}

#[derive(Debug, Default)]
struct Lane {
    key_id: String,
    window: Window,
    gate: Gate,
    /// What the server says it allows.
    server_limit: Option<u32>,
    queue: BTreeMap<u64, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    limit: RateLimit,
    waker: Waker,
}

#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Now,
    At(Instant, Wait),
    /// Somebody else will wake it.
    Behind(Wait),
}

/// A request that has left.
#[derive(Clone, Copy, Debug)]
struct Departure {
    at: Instant,
    counted_until: Instant,
}

/// What the state knows of a permit.
#[derive(Clone, Copy, Debug)]
struct Grant {
    lane: usize,
    limit: RateLimit,
    at: Instant,
    /// It was held back for the rate limit.
    waited: bool,
}

impl Lane {
    fn limit(&self, limit: RateLimit) -> u32 {
        self.server_limit.map_or(limit.key, |server| server.clamp(1, limit.key))
    }

    fn head(&self) -> Option<u64> {
        self.queue.keys().next().copied()
    }
}

impl State {
    fn lane(&mut self, key_id: &str) -> usize {
        let known = self.lanes.iter().position(|lane| lane.key_id == key_id);
        known.unwrap_or_else(|| {
            self.lanes.push(Lane { key_id: key_id.to_owned(), ..Lane::default() });
            self.lanes.len() - 1
        })
    }

    fn is_counted(&self, now: Instant) -> bool {
        let counted = |lane: &Lane| lane.gate.closed_until(now).is_some() || lane.gate.refusals() > 0;
        self.window.in_use(now) > 0 || self.lanes.iter().any(counted)
    }

    /// Whether it is the turn of `place`.
    fn turn(&mut self, lane: usize, place: u64, limit: RateLimit, now: Instant) -> Turn {
        if self.lanes[lane].head().is_some_and(|head| head < place) {
            return Turn::Behind(Wait::Queue);
        }
        match self.key_turn(lane, limit, now) {
            Turn::Now => {}
            later => return later,
        }
        match ready(&mut self.window, limit.tenant, now, Wait::Tenant) {
            Turn::Now => {}
            later => return later,
        }
        let earlier = (0..self.lanes.len()).any(|other| other != lane && self.head_is_ready_before(other, place, now));
        if earlier { Turn::Behind(Wait::Queue) } else { Turn::Now }
    }

    fn key_turn(&mut self, lane: usize, limit: RateLimit, now: Instant) -> Turn {
        let lane = &mut self.lanes[lane];
        if let Some(until) = lane.gate.closed_until(now) {
            return Turn::At(until, Wait::Closed);
        }
        let limit = lane.limit(limit);
        ready(&mut lane.window, limit, now, Wait::Key)
    }

    /// Keys take turns in order of arrival where the tenant's limit is what they wait for.
    fn head_is_ready_before(&mut self, lane: usize, place: u64, now: Instant) -> bool {
        let head = self.lanes[lane].queue.first_key_value().map(|(head, waiting)| (*head, waiting.limit));
        head.is_some_and(|(head, limit)| head < place && self.key_turn(lane, limit, now) == Turn::Now)
    }

    fn take(&mut self, lane: usize, limit: RateLimit, waited: bool, now: Instant) -> Grant {
        if limit.key != u32::MAX {
            let own = &mut self.lanes[lane];
            own.window.take(own.limit(limit), now);
            self.window.take(limit.tenant, now);
        }
        Grant { lane, limit, at: now, waited }
    }

    /// The request is about to leave (middleware may send it again), unless the way has been closed since leave was given.
    fn depart(&mut self, grant: Grant, earlier: Option<Departure>, now: Instant) -> Option<Departure> {
        if self.lanes[grant.lane].gate.closed_until(now).is_some() {
            return None;
        }
        let counted_until = self.trips.unanswered(now);
        self.settle(grant, earlier, counted_until);
        Some(Departure { at: now, counted_until })
    }

    /// It will not be answered.
    fn abandon(&mut self, grant: Grant, departure: Option<Departure>, now: Instant) {
        if departure.is_some() {
            self.settle(grant, departure, Trips::abandoned(now));
        } else if grant.limit.key != u32::MAX {
            self.lanes[grant.lane].window.give_back();
            self.window.give_back();
        }
    }

    /// The earliest instant at which a call that joins the queue now can be sent.
    fn earliest(&mut self, lane: usize, limit: RateLimit, now: Instant) -> Instant {
        let lane = &mut self.lanes[lane];
        let limit = lane.limit(limit);
        let windows = lane.queue.len() / usize::try_from(limit).unwrap_or(usize::MAX).max(1);
        lane.window.ready_at(limit, now).unwrap_or(now) + WINDOW * u32::try_from(windows).unwrap_or(u32::MAX)
    }

    fn settle(&mut self, grant: Grant, departure: Option<Departure>, free_at: Instant) {
        if grant.limit.key != u32::MAX {
            let known = departure.map(|departure| departure.counted_until);
            self.lanes[grant.lane].window.settle(known, free_at);
            self.window.settle(known, free_at);
        }
    }

    fn answered(&mut self, grant: Grant, departure: Option<Departure>, answer: Answer, now: Instant) {
        if answer.is_refusal {
            self.trips.refused();
        }
        let departed = departure.map_or(now, |departure| departure.at);
        let free_at = self.trips.answered(departed, now, grant.waited);
        self.settle(grant, departure, free_at);
        let lane = &mut self.lanes[grant.lane];
        if answer.is_refusal {
            lane.gate.refuse(departed, now, answer.retry_after);
        } else {
            lane.gate.admit(departed);
        }
        if answer.headers.limit.is_some() {
            lane.server_limit = answer.headers.limit;
        }
        if answer.headers.remaining == Some(0) {
            self.hold(grant, answer.headers, now);
        }
    }

    /// Nothing remains until `Reset`. Where this process has used up the limit that is meant, be it the key's or the
    /// tenant's, its own exact count already holds the next request.
    fn hold(&mut self, grant: Grant, headers: RateLimitHeaders, now: Instant) {
        let lane = &mut self.lanes[grant.lane];
        let meant =
            if headers.limit.is_some_and(|limit| limit > grant.limit.key) { &self.window } else { &lane.window };
        let reset = headers.reset.unwrap_or(WINDOW);
        if reset > WINDOW || !meant.was_full(grant.at) {
            lane.gate.close(now, reset);
        }
    }

    fn heads(&self) -> Vec<Waker> {
        self.lanes.iter().filter_map(|lane| lane.queue.values().next()).map(|waiting| waiting.waker.clone()).collect()
    }
}

fn ready(window: &mut Window, limit: u32, now: Instant, wait: Wait) -> Turn {
    match window.ready_at(limit, now) {
        Some(ready) if ready <= now => Turn::Now,
        Some(ready) => Turn::At(ready, wait),
        None => Turn::Behind(wait),
    }
}

/// Leave to send one request.
#[derive(Debug)]
pub(crate) struct Permit {
    tenant: Arc<Tenant>,
    grant: Grant,
    departure: Mutex<Option<Departure>>,
    answered: AtomicBool,
}

/// Leave, and what it was waited for.
#[derive(Debug)]
pub(crate) struct Granted {
    pub(crate) permit: Permit,
    #[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "only a trace event tells it"))]
    pub(crate) waited_for: Option<Wait>,
}

/// What a reply's head says about pacing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) headers: RateLimitHeaders,
    /// It was a `429`.
    pub(crate) is_refusal: bool,
    /// The wait that it asked for, if that could be read.
    pub(crate) retry_after: Option<Duration>,
}

impl Permit {
    /// To be called as late as can be before the request leaves; false says that it must not.
    pub(crate) fn depart(&self) -> bool {
        let mut state = lock(&self.tenant.state);
        let mut departure = lock(&self.departure);
        let departed = state.depart(self.grant, *departure, Instant::now());
        *departure = departed.or(*departure);
        drop(departure);
        let wakers = state.heads();
        wake(state, wakers);
        departed.is_some()
    }

    pub(crate) fn has_departed(&self) -> bool {
        lock(&self.departure).is_some()
    }

    /// To be called as soon as the head of the reply is there: others must not be sent after a `429`.
    pub(crate) fn answered(&self, answer: Answer) {
        if self.answered.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut state = lock(&self.tenant.state);
        let departure = *lock(&self.departure);
        state.answered(self.grant, departure, answer, Instant::now());
        let wakers = if answer.is_refusal {
            state.lanes[self.grant.lane].queue.values().map(|waiting| waiting.waker.clone()).collect()
        } else {
            state.heads()
        };
        wake(state, wakers);
    }
}

/// Without an answer the request has arrived by now, or never will.
impl Drop for Permit {
    fn drop(&mut self) {
        if !*self.answered.get_mut() {
            let mut state = lock(&self.tenant.state);
            state.abandon(self.grant, *lock(&self.departure), Instant::now());
            let wakers = state.heads();
            wake(state, wakers);
        }
    }
}

/// Waits its turn, in order of arrival; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Acquire<'a> {
    pacer: &'a Pacer,
    place: u64,
    limit: RateLimit,
    deadline: Instant,
    max_wait: Duration,
    queued: bool,
    timer: Option<Pin<Box<Sleep>>>,
    waited_for: Option<Wait>,
}

impl Future for Acquire<'_> {
    type Output = Result<Granted, Refusal>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            let now = Instant::now();
            let wake_at = match this.step(context.waker(), now) {
                Ok(Ok(permit)) => return Poll::Ready(Ok(Granted { permit, waited_for: this.waited_for })),
                Ok(Err(wake_at)) => wake_at,
                Err(refusal) => return Poll::Ready(Err(refusal)),
            };
            let timer = this.timer.get_or_insert_with(|| Box::pin(sleep_until(wake_at)));
            if timer.deadline() != wake_at {
                timer.as_mut().reset(wake_at);
            }
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl Acquire<'_> {
    /// A permit, or when to look again.
    fn step(&mut self, waker: &Waker, now: Instant) -> Result<Result<Permit, Instant>, Refusal> {
        let pacer = self.pacer;
        let mut state = lock(&pacer.tenant.state);
        self.check_gate(&state.lanes[pacer.lane], now)?;
        if now >= self.deadline {
            return Err(Refusal::TooLate);
        }
        let (wake_at, wait) = match state.turn(pacer.lane, self.place, self.limit, now) {
            Turn::Now => {
                let grant = state.take(pacer.lane, self.limit, self.waited_for.is_some(), now);
                self.leave(state);
                let tenant = pacer.tenant.clone();
                return Ok(Ok(Permit { tenant, grant, departure: Mutex::new(None), answered: AtomicBool::new(false) }));
            }
            Turn::At(at, wait) => (at, wait),
            Turn::Behind(wait) => (self.deadline, wait),
        };
        if wake_at > self.deadline {
            return Err(Refusal::TooLate);
        }
        self.waited_for = self.waited_for.filter(|_| wait == Wait::Queue).or(Some(wait));
        self.join(&mut state, waker, now)?;
        Ok(Err(wake_at))
    }

    /// A closed gate ends the call at once where the wait is more than it may take.
    fn check_gate(&self, lane: &Lane, now: Instant) -> Result<(), Refusal> {
        let Some(until) = lane.gate.closed_until(now) else { return Ok(()) };
        let wait = until - now;
        let warned = lane.gate.warns();
        if until >= self.deadline || wait > self.max_wait || warned {
            Err(Refusal::Closed { wait, warned })
        } else {
            Ok(())
        }
    }

    fn join(&mut self, state: &mut State, waker: &Waker, now: Instant) -> Result<(), Refusal> {
        let lane = self.pacer.lane;
        if let Some(waiting) = state.lanes[lane].queue.get_mut(&self.place) {
            waiting.waker.clone_from(waker);
            return Ok(());
        }
        if state.lanes[lane].queue.len() >= self.limit.queue {
            return Err(Refusal::QueueFull);
        }
        if state.earliest(lane, self.limit, now) >= self.deadline {
            return Err(Refusal::TooLate);
        }
        state.lanes[lane].queue.insert(self.place, Waiting { limit: self.limit, waker: waker.clone() });
        self.queued = true;
        Ok(())
    }

    /// Gives the place back and wakes who is now first.
    fn leave(&mut self, mut state: MutexGuard<'_, State>) {
        if std::mem::take(&mut self.queued) {
            state.lanes[self.pacer.lane].queue.remove(&self.place);
        }
        let wakers = state.heads();
        wake(state, wakers);
    }
}

impl Drop for Acquire<'_> {
    fn drop(&mut self) {
        if self.queued {
            self.leave(lock(&self.pacer.tenant.state));
        }
    }
}

/// Wakes outside the lock, since a waker runs foreign code.
fn wake(state: MutexGuard<'_, State>, wakers: Vec<Waker>) {
    drop(state);
    wakers.into_iter().for_each(Waker::wake);
}

/// Nothing panics while a lock is held; were it to, what it guards is still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Callers on a paused clock: time passes when all of them wait.
#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);
    const SECOND: Duration = Duration::from_secs(1);

    /// A pacer of its own for each test.
    fn pacer(test: &str) -> Pacer {
        Pacer::shared(test, "key")
    }

    async fn acquire(pacer: &Pacer, limit: RateLimit) -> Result<Permit, Refusal> {
        pacer.acquire(pacer.place(), limit, Instant::now() + LIMIT, LIMIT).await.map(|granted| granted.permit)
    }

    /// One request that is answered at once.
    async fn send(pacer: &Pacer, limit: RateLimit, answer: Answer) {
        let permit = acquire(pacer, limit).await.unwrap();
        assert!(permit.depart());
        permit.answered(answer);
    }

    fn refusal(seconds: u64) -> Answer {
        Answer { is_refusal: true, retry_after: Some(Duration::from_secs(seconds)), ..Answer::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn promise_9_the_sixth_waits_until_the_first_has_left_the_window() {
        let (pacer, start) = (pacer("sixth"), Instant::now());
        for sent in 0..11 {
            assert_eq!(start.elapsed().as_secs(), sent / 5, "{sent}");
            assert_eq!(pacer.status(RateLimit::default()).in_use as u64, sent % 5);
            send(&pacer, RateLimit::default(), Answer::default()).await;
            if sent % 5 == 4 {
                let granted = pacer.acquire(pacer.place(), RateLimit::default(), start + LIMIT, LIMIT).await.unwrap();
                assert_eq!(granted.waited_for, Some(Wait::Key));
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn promise_9_a_permit_counts_from_its_departure_or_not_at_all() {
        let (pacer, limit, start) = (pacer("departure"), RateLimit::per_second(1), Instant::now());
        drop(acquire(&pacer, limit).await.unwrap());
        let unsent = acquire(&pacer, limit).await.unwrap();
        assert!(!unsent.has_departed());
        assert_eq!(start.elapsed(), Duration::ZERO, "given back");
        advance(10 * SECOND).await;
        assert!(timeout(SECOND, acquire(&pacer, limit)).await.is_err(), "it may still leave");
        assert!(unsent.depart() && unsent.has_departed());
        drop(unsent); // given up
        acquire(&pacer, limit).await.unwrap();
        assert!(start.elapsed() >= 12 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn promise_9_keys_count_apart_and_the_tenant_together() {
        let keys = [Pacer::shared("tenant", "a"), Pacer::shared("tenant", "b"), Pacer::shared("tenant", "b")];
        let (limit, start) = (RateLimit::per_second(2).tenant(3), Instant::now());
        for key in &keys {
            send(key, limit, Answer::default()).await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(keys.each_ref().map(|key| key.status(limit).in_use), [1, 2, 2]);
        let granted = keys[0].acquire(keys[0].place(), limit, start + LIMIT, LIMIT).await.unwrap();
        assert_eq!(granted.waited_for, Some(Wait::Tenant));
        assert!(start.elapsed() >= SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn promise_7_unlimited_clients_are_not_counted_but_wait_for_the_gate() {
        let (pacer, start) = (pacer("unlimited"), Instant::now());
        for _ in 0..100 {
            send(&pacer, RateLimit::unlimited(), Answer::default()).await;
        }
        assert_eq!((start.elapsed(), pacer.status(RateLimit::default()).in_use), (Duration::ZERO, 0));
        send(&pacer, RateLimit::unlimited(), refusal(7)).await;
        let granted = pacer.acquire(pacer.place(), RateLimit::unlimited(), start + LIMIT, LIMIT).await.unwrap();
        assert_eq!((start.elapsed(), granted.waited_for), (7 * SECOND, Some(Wait::Closed)));
    }

    #[tokio::test(start_paused = true)]
    async fn promise_7_what_has_not_left_when_a_429_comes_is_held_back() {
        let pacer = pacer("held back");
        let (refused, waiting) = (
            acquire(&pacer, RateLimit::default()).await.unwrap(),
            acquire(&pacer, RateLimit::default()).await.unwrap(),
        );
        assert!(refused.depart());
        refused.answered(refusal(2));
        refused.answered(Answer::default()); // only the first counts
        assert!(!waiting.depart() && !waiting.has_departed());
        advance(2 * SECOND).await;
        assert!(waiting.depart());
        assert_eq!(pacer.status(RateLimit::default()).refusals, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn promise_8_a_wait_that_is_too_long_is_refused_at_once() {
        let (pacer, start) = (pacer("too long"), Instant::now());
        send(&pacer, RateLimit::default(), refusal(10)).await;
        let ask = |time: u64, most: u64| {
            let deadline = start + Duration::from_secs(time);
            pacer.acquire(pacer.place(), RateLimit::default(), deadline, Duration::from_secs(most))
        };
        let closed = Refusal::Closed { wait: 10 * SECOND, warned: false };
        assert_eq!(ask(9, 99).await.err(), Some(closed));
        assert_eq!(ask(10, 99).await.err(), Some(closed), "it opens when it is too late");
        assert_eq!(ask(99, 9).await.err(), Some(closed));
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert!(ask(11, 10).await.is_ok());
        assert_eq!(start.elapsed(), 10 * SECOND);
        for _ in 0..2 {
            send(&pacer, RateLimit::default(), refusal(1)).await;
        }
        assert_eq!(ask(99, 99).await.err(), Some(Refusal::Closed { wait: SECOND, warned: true }));
        advance(SECOND).await;
        send(&pacer, RateLimit::default(), Answer::default()).await;
        assert!(ask(99, 99).await.is_ok(), "a wait that helped ends the warning");
    }

    #[tokio::test(start_paused = true)]
    async fn promise_8_those_who_wait_learn_of_a_longer_wait_at_once() {
        let (pacer, start) = (pacer("longer"), Instant::now());
        let slow = acquire(&pacer, RateLimit::default()).await.unwrap();
        slow.depart();
        send(&pacer, RateLimit::default(), refusal(10)).await;
        let waiting = tokio::spawn({
            let pacer = pacer.clone();
            async move { pacer.acquire(pacer.place(), RateLimit::default(), start + LIMIT, 20 * SECOND).await.err() }
        });
        advance(SECOND).await;
        slow.answered(refusal(50));
        assert_eq!(waiting.await.unwrap(), Some(Refusal::Closed { wait: 50 * SECOND, warned: false }));
        assert_eq!(start.elapsed(), SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn promise_9_the_queue_is_in_order_bounded_and_left_without_a_trace() {
        let (pacer, limit, start) = (pacer("queue"), RateLimit::per_second(1).queue(3), Instant::now());
        send(&pacer, limit, Answer::default()).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut callers = Vec::new();
        for n in 0..3 {
            let (caller, turns) = (pacer.clone(), order.clone());
            callers.push(tokio::spawn(async move {
                let granted = caller.acquire(caller.place(), limit, start + LIMIT, LIMIT).await.unwrap();
                assert_eq!(granted.waited_for, Some(Wait::Key), "what held it back once it was the first");
                assert!(granted.permit.depart());
                granted.permit.answered(Answer::default());
                lock(&turns).push(n);
            }));
            tokio::task::yield_now().await;
        }
        assert_eq!(pacer.status(limit).waiting, 3);
        assert_eq!(acquire(&pacer, limit).await.err(), Some(Refusal::QueueFull));
        let soon = pacer.acquire(pacer.place(), limit.queue(9), start + 3 * SECOND, LIMIT).await;
        assert_eq!(soon.err(), Some(Refusal::TooLate), "three are before it");
        callers[0].abort();
        tokio::task::yield_now().await;
        assert_eq!(pacer.status(limit).waiting, 2);
        for caller in callers.drain(1..) {
            caller.await.unwrap();
        }
        assert_eq!(*lock(&order), [1, 2]);
        assert_eq!((start.elapsed().as_secs(), pacer.status(limit).waiting), (2, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn promise_9_an_earlier_place_goes_first() {
        let (pacer, limit) = (pacer("place"), RateLimit::per_second(1));
        let early = pacer.place();
        send(&pacer, limit, Answer::default()).await;
        let late = tokio::spawn({
            let pacer = pacer.clone();
            async move {
                let granted = pacer.acquire(pacer.place(), limit, Instant::now() + LIMIT, LIMIT).await.unwrap();
                (granted.waited_for, Instant::now())
            }
        });
        tokio::task::yield_now().await;
        let first = pacer.acquire(early, limit, Instant::now() + LIMIT, LIMIT).await.unwrap();
        let at = Instant::now();
        assert!(first.permit.depart());
        first.permit.answered(Answer::default());
        let (waited_for, sent) = late.await.unwrap();
        assert_eq!(waited_for, Some(Wait::Key));
        assert!(sent >= at + SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn promise_9_a_deadline_is_a_deadline() {
        let (pacer, limit, start) = (pacer("deadline"), RateLimit::per_second(1), Instant::now());
        let ask = |deadline| pacer.acquire(pacer.place(), limit, deadline, LIMIT);
        assert_eq!(ask(start).await.err(), Some(Refusal::TooLate));
        let unsent = ask(start + SECOND).await.unwrap();
        assert_eq!(ask(start + SECOND).await.err(), Some(Refusal::TooLate), "nobody knows when it leaves");
        assert_eq!(start.elapsed(), SECOND);
        drop(unsent);
        send(&pacer, limit, Answer::default()).await;
        let free = Instant::now() + SECOND + Duration::from_millis(5);
        assert_eq!(ask(free).await.err(), Some(Refusal::TooLate));
        assert_eq!(start.elapsed(), SECOND, "at once");
        assert!(ask(free + Duration::from_millis(1)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn promise_9_as_many_as_a_second_allows_are_not_too_late_together() {
        let (pacer, limit, start) = (pacer("together"), RateLimit::default(), Instant::now());
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..10 {
            let pacer = pacer.clone();
            callers.spawn(async move {
                let granted = pacer.acquire(pacer.place(), limit, start + 2 * SECOND, LIMIT).await?;
                granted.permit.answered(Answer::default());
                Ok::<_, Refusal>(())
            });
        }
        assert!(callers.join_all().await.iter().all(Result::is_ok));
    }

    #[tokio::test(start_paused = true)]
    async fn promise_9_headers_ask_for_less() {
        let (pacer, start) = (pacer("headers"), Instant::now());
        let headers = |limit, remaining, reset| Answer {
            headers: RateLimitHeaders { limit, remaining, reset: Some(Duration::from_secs(reset)) },
            ..Answer::default()
        };
        let limit = |server_limit| Lane { server_limit, ..Lane::default() }.limit(RateLimit::default());
        assert_eq!([None, Some(0), Some(3), Some(5), Some(10)].map(limit), [5, 1, 3, 5, 5]);
        send(&pacer, RateLimit::default(), headers(Some(3), Some(2), 1)).await;
        assert_eq!((pacer.status(RateLimit::default()).limit, start.elapsed()), (3, Duration::ZERO));
        send(&pacer, RateLimit::default(), headers(Some(5), Some(0), 4)).await;
        assert_eq!(pacer.status(RateLimit::default()).closed_for, Some(4 * SECOND));
        send(&pacer, RateLimit::default(), headers(Some(5), Some(0), 1)).await;
        assert_eq!(pacer.status(RateLimit::default()).closed_for, Some(SECOND), "others use the key as well");
        assert_eq!(start.elapsed(), 4 * SECOND);
        advance(2 * SECOND).await;
        for _ in 0..4 {
            send(&pacer, RateLimit::default(), headers(Some(5), Some(1), 1)).await;
        }
        send(&pacer, RateLimit::default(), headers(Some(5), Some(0), 1)).await;
        assert_eq!(pacer.status(RateLimit::default()).closed_for, None, "its own count holds the next");
        for _ in 0..4 {
            send(&pacer, RateLimit::default(), headers(Some(5), Some(1), 1)).await;
        }
        send(&pacer, RateLimit::default(), headers(Some(10), Some(0), 1)).await;
        assert_eq!(pacer.status(RateLimit::default()).closed_for, Some(SECOND), "others use up the tenant's limit");
        advance(2 * SECOND).await;
        for _ in 0..4 {
            send(&pacer, RateLimit::default(), headers(Some(5), Some(1), 1)).await;
        }
        send(&pacer, RateLimit::default(), headers(Some(5), Some(0), 3)).await;
        assert_eq!(pacer.status(RateLimit::default()).closed_for, Some(3 * SECOND), "it asks for more than a second");
    }

    #[tokio::test(start_paused = true)]
    async fn promise_7_a_key_is_remembered_as_long_as_it_matters() {
        let known = |origin: &str| lock(&TENANTS).contains_key(origin);
        send(&pacer("closed"), RateLimit::default(), refusal(10)).await;
        send(&pacer("counted"), RateLimit::default(), Answer::default()).await;
        let nothing_left = RateLimitHeaders { limit: None, remaining: Some(0), reset: Some(10 * SECOND) };
        send(&pacer("reset"), RateLimit::unlimited(), Answer { headers: nothing_left, ..Answer::default() }).await;
        drop(pacer("idle"));
        let live = pacer("live");
        pacer("other");
        assert!(known("closed") && known("counted") && known("live") && !known("idle"));
        assert!(pacer("closed").status(RateLimit::default()).closed_for.is_some());
        assert_eq!(pacer("counted").status(RateLimit::default()).in_use, 1);
        advance(2 * SECOND).await;
        pacer("other");
        assert!(known("closed") && known("reset") && !known("counted"));
        advance(10 * SECOND).await;
        pacer("other");
        assert!(known("closed") && !known("reset"), "refusals in a row are not forgotten");
        drop(live);
    }
}

/// Long stretches of time, simulated: the state knows no clock of its own.
#[cfg(test)]
mod simulation {
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
        now: Instant,
        state: State,
        rng: Rng,
        way: Way,
        limit: RateLimit,
        next_place: u64,
        /// When a connection was last used.
        idle: Vec<Instant>,
        flying: Vec<Flight>,
        arrivals: Vec<(Instant, usize)>,
    }

    struct Flight {
        grant: Grant,
        departs: Instant,
        departure: Option<Departure>,
        arrives: Instant,
        answer: Option<RateLimitHeaders>,
        answered: Instant,
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    impl Server {
        fn new(keys: usize, limit: RateLimit, seed: u64, way: Way) -> Self {
            let (now, mut state) = (Instant::now(), State::default());
            for key in 0..keys {
                state.lane(&key.to_string());
            }
            let (idle, flying, arrivals, rng) = (Vec::new(), Vec::new(), Vec::new(), Rng::with_seed(seed));
            Self { now, state, rng, way, limit, next_place: 0, idle, flying, arrivals }
        }

        /// Callers wait with every key for this long.
        fn busy(&mut self, time: Duration) {
            let end = self.now + time;
            while self.now < end {
                let turns = (0..self.state.lanes.len()).filter_map(|lane| self.send(lane)).min();
                let next = self.flying.iter().map(Flight::next).chain(turns).min();
                let late = Duration::from_micros(self.rng.u64(0..1000)); // as timers are
                self.now = end.min(next.unwrap_or(end) + late);
                self.fly();
            }
            self.state.lanes.iter_mut().for_each(|lane| lane.queue.clear());
        }

        /// Nobody calls for this long.
        fn rest(&mut self, time: Duration) {
            for _ in 0..time.as_millis() {
                self.now += ms(1);
                self.fly();
            }
        }

        /// Sends what may be sent with a key, and says when to look again.
        fn send(&mut self, lane: usize) -> Option<Instant> {
            loop {
                let place = self.state.lanes[lane].head().unwrap_or_else(|| {
                    self.next_place += 1;
                    let (place, limit) = (self.next_place, self.limit);
                    self.state.lanes[lane].queue.insert(place, Waiting { limit, waker: Waker::noop().clone() });
                    place
                });
                match self.state.turn(lane, place, self.limit, self.now) {
                    Turn::Now => self.take(lane, place),
                    Turn::At(at, _) => return Some(at),
                    Turn::Behind(_) => return None,
                }
            }
        }

        fn take(&mut self, lane: usize, place: u64) {
            self.state.lanes[lane].queue.remove(&place);
            let grant = self.state.take(lane, self.limit, true, self.now);
            self.idle.retain(|used| self.now < *used + ms(4000));
            let connecting = if self.idle.pop().is_some() { 0 } else { self.way.connecting };
            let departs = self.now + ms(connecting) + Duration::from_micros(self.rng.u64(0..500));
            let arrives = departs + ms((self.way.outward)(&mut self.rng));
            let answered = arrives + ms((self.way.work)(&mut self.rng)) + Duration::from_micros(self.rng.u64(1..500));
            self.flying.push(Flight { grant, departs, departure: None, arrives, answer: None, answered });
        }

        fn fly(&mut self) {
            while let Some(i) = (0..self.flying.len()).min_by_key(|i| self.flying[*i].next()) {
                let flight = &mut self.flying[i];
                let (lane, at) = (flight.grant.lane, flight.next());
                if at > self.now {
                    break;
                }
                if flight.departure.is_none() {
                    flight.departure = self.state.depart(flight.grant, None, at);
                    assert!(flight.departure.is_some());
                } else if flight.answer.is_none() {
                    self.arrivals.push((at, lane));
                    let recent = self.arrivals.iter().rev().take_while(|(arrived, _)| *arrived + WINDOW > at);
                    let used = u32::try_from(recent.filter(|(_, other)| *other == lane).count()).unwrap();
                    let remaining = Some(self.limit.key.saturating_sub(used));
                    flight.answer =
                        Some(RateLimitHeaders { limit: Some(self.limit.key), remaining, reset: Some(WINDOW) });
                } else {
                    let Flight { grant, departure, answer, .. } = self.flying.swap_remove(i);
                    let headers = answer.unwrap_or_default();
                    self.state.answered(grant, departure, Answer { headers, ..Answer::default() }, at);
                    self.idle.push(at);
                }
            }
        }

        /// The most arrivals in any second, with one key and in all.
        fn busiest(&self) -> (usize, usize) {
            let most = |key: Option<usize>| {
                let counts = |(_, lane): &&(Instant, usize)| key.is_none_or(|key| *lane == key);
                let arrivals: Vec<_> = self.arrivals.iter().filter(counts).map(|(at, _)| *at).collect();
                let within = |i: usize| arrivals[i..].partition_point(|at| *at < arrivals[i] + WINDOW);
                (0..arrivals.len()).map(within).max().unwrap_or(0)
            };
            ((0..self.state.lanes.len()).map(|key| most(Some(key))).max().unwrap_or(0), most(None))
        }
    }

    impl Flight {
        fn next(&self) -> Instant {
            match (self.departure, self.answer) {
                (None, _) => self.departs,
                (Some(_), None) => self.arrives,
                (Some(_), Some(_)) => self.answered,
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
}
