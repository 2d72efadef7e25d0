//! Who may send next: one queue for each key, one count for each tenant, shared by the whole process.

use std::collections::BTreeMap;
use std::future::Future;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::rate_limit::arrival::Arrival;
use crate::rate_limit::config::{RateLimit, RateLimitStatus};
use crate::rate_limit::moment::Moment;
use crate::rate_limit::tally::{Answer, Grant, Lane, Tally};
use crate::rate_limit::turns::{LOOK, Queues, Turn, Wait, Waiting};

/// Every server that a client of this process was built for, by its origin.
///
/// An entry outlives its clients while the server may still count their requests or has asked to wait.
static TENANTS: Mutex<BTreeMap<String, Arc<Tenant>>> = Mutex::new(BTreeMap::new());

/// The part of the pacing that belongs to one key of one tenant.
#[derive(Clone, Debug)]
pub(crate) struct Pacer {
    tenant: Arc<Tenant>,
    lane: Arc<Lane>,
}

/// A call that need not wait goes by the tally alone, which takes no lock. Only who waits, or lets others go on that wait,
/// looks at the queues.
#[derive(Debug)]
struct Tenant {
    /// When its moments start.
    start: Instant,
    /// The place of the call that comes next.
    next_place: AtomicU64,
    tally: Tally,
    arrival: Arrival,
    /// Whether anybody waits, or may be about to. It is said before the tally is looked at and asked after the tally has
    /// been changed, so that whoever changes it either is seen or sees that there is somebody to wake.
    someone_waits: AtomicBool,
    queues: Mutex<Queues>,
}

impl Tenant {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            next_place: AtomicU64::new(0),
            tally: Tally::default(),
            arrival: Arrival::default(),
            someone_waits: AtomicBool::new(false),
            queues: Mutex::default(),
        }
    }

    fn moment(&self, instant: Instant) -> Moment {
        Moment::of(instant, self.start)
    }

    fn now(&self) -> Moment {
        self.moment(Instant::now())
    }

    fn instant(&self, moment: Moment) -> Instant {
        moment.instant(self.start)
    }

    fn someone_waits(&self) -> bool {
        self.someone_waits.load(Ordering::SeqCst)
    }

    fn queues(&self) -> Look<'_> {
        let queues = lock(&self.queues);
        self.someone_waits.store(true, Ordering::SeqCst);
        Look { queues, someone_waits: &self.someone_waits }
    }

    /// Something has changed that those who wait may have waited for.
    fn stir(&self) {
        if self.someone_waits() {
            let queues = self.queues();
            let wakers = queues.heads();
            queues.wake(wakers);
        }
    }

    /// Whether the server may still count a request, or has asked to wait.
    fn is_counted(&self, now: Moment) -> bool {
        let refused = |lane: &Lane| lane.gate.closed_until(now).is_some() || lane.gate.refusals() > 0;
        self.tally.window.in_use(now) > 0 || self.queues().all.iter().any(|queue| refused(&queue.lane))
    }
}

/// The queues, while somebody looks at them.
struct Look<'a> {
    queues: MutexGuard<'a, Queues>,
    someone_waits: &'a AtomicBool,
}

impl Look<'_> {
    /// Wakes outside the lock, since a waker runs foreign code.
    fn wake(self, wakers: Vec<Waker>) {
        drop(self);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Deref for Look<'_> {
    type Target = Queues;

    fn deref(&self) -> &Queues {
        &self.queues
    }
}

impl DerefMut for Look<'_> {
    fn deref_mut(&mut self) -> &mut Queues {
        &mut self.queues
    }
}

/// Before the lock is given back.
impl Drop for Look<'_> {
    fn drop(&mut self) {
        self.someone_waits.store(self.queues.anyone_waits(), Ordering::SeqCst);
    }
}

impl Pacer {
    /// The one that all clients for this server and key share.
    pub(crate) fn shared(origin: &str, key_id: &str) -> Self {
        let mut tenants = lock(&TENANTS);
        tenants.retain(|_, tenant| Arc::strong_count(tenant) > 1 || tenant.is_counted(tenant.now()));
        let tenant = tenants.entry(origin.to_owned()).or_insert_with(|| Arc::new(Tenant::new())).clone();
        drop(tenants);
        let lane = tenant.queues().lane(key_id);
        Self { tenant, lane }
    }

    /// A place in the order of arrival, which a call keeps for all its attempts.
    pub(crate) fn place(&self) -> u64 {
        self.tenant.next_place.fetch_add(1, Ordering::Relaxed)
    }

    /// Waits for leave to send one request.
    pub(crate) fn acquire(&self, place: u64, limit: RateLimit, deadline: Instant, max_wait: Duration) -> Acquire<'_> {
        Acquire {
            pacer: self,
            place,
            limit,
            deadline,
            max_wait,
            arrives: false,
            queued: false,
            timer: None,
            waited_for: None,
        }
    }

    pub(crate) fn status(&self, limit: RateLimit) -> RateLimitStatus {
        let (lane, now) = (&self.lane, self.tenant.now());
        RateLimitStatus {
            limit: lane.limit(limit),
            in_use: lane.window.in_use(now),
            waiting: self.tenant.queues().of(lane).len(),
            closed_for: lane.gate.closed_until(now).map(|until| until.since(now)),
            refusals: lane.gate.refusals(),
        }
    }

    fn permit(&self, grant: Grant) -> Permit {
        Permit { pacer: self.clone(), grant, answered: AtomicBool::new(false) }
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

/// Leave to send one request.
#[derive(Debug)]
pub(crate) struct Permit {
    pacer: Pacer,
    grant: Grant,
    answered: AtomicBool,
}

/// Leave, and what it was waited for.
#[derive(Debug)]
pub(crate) struct Granted {
    pub(crate) permit: Permit,
    #[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "only a trace event tells it"))]
    pub(crate) waited_for: Option<Wait>,
}

impl Permit {
    /// To be called as late as can be before the request leaves; false says that it must not.
    pub(crate) fn depart(&self) -> bool {
        let Pacer { tenant, lane } = &self.pacer;
        let departs = tenant.tally.depart(lane, &self.grant, tenant.now());
        if departs {
            tenant.stir();
        }
        departs
    }

    pub(crate) fn granted_at(&self) -> Instant {
        self.pacer.tenant.instant(self.grant.at)
    }

    pub(crate) fn has_departed(&self) -> bool {
        self.grant.has_departed()
    }

    /// To be called as soon as the head of the reply is there: others must not be sent after a `429`.
    pub(crate) fn answered(&self, answer: Answer) {
        if self.answered.swap(true, Ordering::Relaxed) && !answer.is_refusal {
            return; // a second answer is news only if it closes the way
        }
        let Pacer { tenant, lane } = &self.pacer;
        let take_note = || tenant.tally.answered(lane, &self.grant, answer, tenant.now());
        if answer.is_refusal {
            let mut queues = tenant.queues();
            take_note();
            let mut wakers = queues.heads();
            wakers.extend(queues.of(lane).values().map(Waiting::waker));
            queues.wake(wakers);
        } else {
            take_note();
            tenant.stir();
        }
    }
}

/// Without an answer the request has arrived by now, or never will.
impl Drop for Permit {
    fn drop(&mut self) {
        if !*self.answered.get_mut() {
            let Pacer { tenant, lane } = &self.pacer;
            tenant.tally.abandon(lane, &self.grant, tenant.now());
            tenant.stir();
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
    arrives: bool,
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
    /// Lets nobody who comes later go first, until this is polled: by a mark, or, where others wait or arrive, in
    /// the queue. Where somebody waits in that one, the place is kept anyway.
    pub(crate) fn arrive(&mut self) {
        let Pacer { tenant, lane } = self.pacer;
        if self.limit.queue == 0 {
            return;
        }
        self.arrives = !tenant.someone_waits() && tenant.arrival.announce(self.place, lane.index);
        if !self.arrives {
            let mut queues = tenant.queues();
            self.queued = queues.of(lane).is_empty();
            if self.queued {
                queues.of(lane).insert(self.place, Waiting::unasked(self.limit));
            }
        }
    }

    /// Takes the mark back. Whoever came later meanwhile, and looked at the queue, has put the call there.
    fn has_arrived(&mut self) {
        if mem::take(&mut self.arrives) {
            let Pacer { tenant, lane } = self.pacer;
            self.queued = !tenant.arrival.withdraw(self.place, lane.index);
        }
    }

    /// A permit, or when to look again.
    fn step(&mut self, waker: &Waker, now: Instant) -> Result<Result<Permit, Instant>, Refusal> {
        let Pacer { tenant, lane } = self.pacer;
        let moment = tenant.moment(now);
        if let Some(grant) = self.go_at_once(now, moment) {
            return Ok(Ok(self.pacer.permit(grant)));
        }
        let mut queues = tenant.queues();
        self.has_arrived();
        if let Some((place, lane)) = tenant.arrival.take() {
            queues.all[lane].waiting.insert(place, Waiting::unasked(self.limit));
        }
        self.check_gate(moment)?;
        if now >= self.deadline {
            return Err(Refusal::TooLate);
        }
        let (wake_at, wait) = loop {
            match queues.turn(&tenant.tally, lane, self.place, self.limit, moment) {
                Turn::Now => {
                    // Unless somebody took it that saw nobody wait.
                    if let Some(grant) = tenant.tally.take(lane, self.limit, self.waited_for.is_some(), moment) {
                        self.leave(queues);
                        return Ok(Ok(self.pacer.permit(grant)));
                    }
                }
                Turn::At(at, Wait::Queue) => break (tenant.instant(at).min(self.deadline), Wait::Queue),
                Turn::At(at, wait) => break (tenant.instant(at), wait),
                Turn::Behind(wait) => break (self.deadline.min(now + LOOK), wait),
            }
        };
        let joined =
            if wake_at > self.deadline { Err(Refusal::TooLate) } else { self.join(&mut queues, waker, moment) };
        self.waited_for = self.waited_for.filter(|_| wait == Wait::Queue).or(Some(wait));
        let stirred = mem::take(&mut queues.stirred);
        queues.wake(stirred);
        joined.map(|()| Err(wake_at))
    }

    /// Leave without a look at the queues, where nobody is in them.
    fn go_at_once(&mut self, now: Instant, moment: Moment) -> Option<Grant> {
        let Pacer { tenant, lane } = self.pacer;
        let others = tenant.someone_waits() || tenant.arrival.is_another(self.place);
        if others || now >= self.deadline || lane.gate.closed_until(moment).is_some() {
            return None;
        }
        let grant = tenant.tally.take(lane, self.limit, false, moment);
        if grant.is_some() {
            self.has_arrived();
        }
        if grant.is_some() && self.queued {
            self.leave(tenant.queues());
        } else {
            tenant.stir(); // more may have been taken for a moment
        }
        grant
    }

    /// A closed gate ends the call at once where the wait is more than it may take.
    fn check_gate(&self, now: Moment) -> Result<(), Refusal> {
        let Pacer { tenant, lane } = self.pacer;
        let Some(until) = lane.gate.closed_until(now) else { return Ok(()) };
        let wait = until.since(now);
        let warned = lane.gate.warns();
        if tenant.instant(until) >= self.deadline || wait > self.max_wait || warned {
            Err(Refusal::Closed { wait, warned })
        } else {
            Ok(())
        }
    }

    fn join(&mut self, queues: &mut Queues, waker: &Waker, now: Moment) -> Result<(), Refusal> {
        let Pacer { tenant, lane } = self.pacer;
        if let Some(waiting) = queues.of(lane).get_mut(&self.place) {
            waiting.renew(self.limit, waker);
            return Ok(());
        }
        if queues.of(lane).len() >= self.limit.queue {
            return Err(Refusal::QueueFull);
        }
        if tenant.instant(queues.earliest(lane, self.limit, now)) >= self.deadline {
            return Err(Refusal::TooLate);
        }
        queues.of(lane).insert(self.place, Waiting::new(self.limit, waker.clone()));
        self.queued = true;
        Ok(())
    }

    /// Gives the place back and wakes who is now first.
    fn leave(&mut self, mut queues: Look<'_>) {
        if mem::take(&mut self.queued) {
            queues.of(&self.pacer.lane).remove(&self.place);
        }
        let mut wakers = mem::take(&mut queues.stirred);
        wakers.extend(queues.heads());
        queues.wake(wakers);
    }
}

impl Drop for Acquire<'_> {
    fn drop(&mut self) {
        self.has_arrived();
        if self.queued {
            self.leave(self.pacer.tenant.queues());
        }
    }
}

/// Nothing panics while a lock is held; were it to, what it guards is still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
