//! Who may send next: one queue for each key, one count for each tenant, shared by the whole process.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
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
        lock(&self.tenant.state).id()
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
    next_id: u64,
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

/// What the state knows of a permit.
#[derive(Clone, Copy, Debug)]
struct Grant {
    id: u64,
    lane: usize,
    limit: RateLimit,
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

    fn take(&mut self, lane: usize, limit: RateLimit, waited: bool) -> Grant {
        let id = self.id();
        if limit.key != u32::MAX {
            self.lanes[lane].window.take(id);
            self.window.take(id);
        }
        Grant { id, lane, limit, waited }
    }

    /// The request is about to leave, unless the way has been closed since leave was given.
    fn depart(&mut self, grant: Grant, now: Instant) -> bool {
        let open = self.lanes[grant.lane].gate.closed_until(now).is_none();
        if open {
            self.settle(grant, self.trips.unanswered(now));
        }
        open
    }

    /// It will not be answered.
    fn abandon(&mut self, grant: Grant, departed: Option<Instant>, now: Instant) {
        if departed.is_some() {
            self.settle(grant, Trips::abandoned(now));
        } else {
            self.lanes[grant.lane].window.give_back(grant.id);
            self.window.give_back(grant.id);
        }
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// The earliest instant at which a call that joins the queue now can be sent.
    fn earliest(&mut self, lane: usize, limit: RateLimit, now: Instant) -> Instant {
        let lane = &mut self.lanes[lane];
        let limit = lane.limit(limit);
        let windows = lane.queue.len() / usize::try_from(limit).unwrap_or(usize::MAX).max(1);
        lane.window.ready_at(limit, now).unwrap_or(now) + WINDOW * u32::try_from(windows).unwrap_or(u32::MAX)
    }

    fn settle(&mut self, grant: Grant, free_at: Instant) {
        if grant.limit.key != u32::MAX {
            self.lanes[grant.lane].window.settle(grant.id, Some(free_at));
            self.window.settle(grant.id, Some(free_at));
        }
    }

    fn answered(&mut self, grant: Grant, departed: Instant, answer: Answer, now: Instant) {
        if answer.is_refusal {
            self.trips.refused();
        }
        let free_at = self.trips.answered(departed, now, grant.waited);
        self.settle(grant, free_at);
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
        let (limit, used) = if headers.limit.is_some_and(|limit| limit > grant.limit.key) {
            (grant.limit.tenant, self.window.in_use(now))
        } else {
            (lane.limit(grant.limit), lane.window.in_use(now))
        };
        let reset = headers.reset.unwrap_or(WINDOW);
        if reset > WINDOW || used < usize::try_from(limit).unwrap_or(usize::MAX) {
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
    departed: Mutex<Option<Instant>>,
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
        let now = Instant::now();
        let open = state.depart(self.grant, now);
        if open {
            *lock(&self.departed) = Some(now);
        }
        let wakers = state.heads();
        wake(state, wakers);
        open
    }

    pub(crate) fn has_departed(&self) -> bool {
        lock(&self.departed).is_some()
    }

    /// To be called as soon as the head of the reply is there: others must not be sent after a `429`.
    pub(crate) fn answered(&self, answer: Answer) {
        if self.answered.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut state = lock(&self.tenant.state);
        let now = Instant::now();
        let departed = lock(&self.departed).unwrap_or(now);
        state.answered(self.grant, departed, answer, now);
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
            state.abandon(self.grant, *lock(&self.departed), Instant::now());
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
        let (wake_at, wait) = match state.turn(pacer.lane, self.place, self.limit, now) {
            Turn::Now => {
                let grant = state.take(pacer.lane, self.limit, self.waited_for.is_some());
                self.leave(state);
                let tenant = pacer.tenant.clone();
                return Ok(Ok(Permit { tenant, grant, departed: Mutex::new(None), answered: AtomicBool::new(false) }));
            }
            Turn::At(at, wait) => (at, wait),
            Turn::Behind(wait) => (self.deadline, wait),
        };
        if wake_at > self.deadline || now >= self.deadline {
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
        if until > self.deadline || wait > self.max_wait || warned {
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
        if state.earliest(lane, self.limit, now) > self.deadline {
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
