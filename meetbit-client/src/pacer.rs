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

use crate::arrival::Arrival;
use crate::moment::Moment;
use crate::rate_limit::{RateLimit, RateLimitStatus};
use crate::tally::{Answer, Grant, Lane, Tally};
use crate::turns::{LOOK, Queues, Turn, Wait, Waiting};

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
                queues.of(lane).insert(self.place, Waiting::new(self.limit, Waker::noop().clone()));
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
        if let Some(grant) = self.go_at_once(now) {
            return Ok(Ok(self.pacer.permit(grant)));
        }
        let Pacer { tenant, lane } = self.pacer;
        let moment = tenant.moment(now);
        let mut queues = tenant.queues();
        self.has_arrived();
        if let Some((place, lane)) = tenant.arrival.take() {
            queues.all[lane].waiting.insert(place, Waiting::new(self.limit, Waker::noop().clone()));
        }
        self.check_gate(now)?;
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
    fn go_at_once(&mut self, now: Instant) -> Option<Grant> {
        let Pacer { tenant, lane } = self.pacer;
        let moment = tenant.moment(now);
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
    fn check_gate(&self, now: Instant) -> Result<(), Refusal> {
        let Pacer { tenant, lane } = self.pacer;
        let Some(until) = lane.gate.closed_until(tenant.moment(now)) else { return Ok(()) };
        let until = tenant.instant(until);
        let wait = until - now;
        let warned = lane.gate.warns();
        if until >= self.deadline || wait > self.max_wait || warned {
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

/// Callers on a paused clock: time passes when all of them wait.
#[cfg(test)]
mod tests {
    use std::hint;
    use std::pin::pin;
    use std::sync::{Barrier, mpsc};
    use std::task::Wake;
    use std::thread;

    use crate::retry_after::RateLimitHeaders;

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
    async fn promise_7_every_429_counts_and_of_other_answers_the_first() {
        let pacer = pacer("every");
        let permit = acquire(&pacer, RateLimit::default()).await.unwrap();
        assert!(permit.depart());
        let nothing_left = RateLimitHeaders { limit: None, remaining: Some(0), reset: Some(9 * SECOND) };
        let closed_for = || pacer.status(RateLimit::default()).closed_for;
        permit.answered(Answer::default());
        permit.answered(Answer { headers: nothing_left, ..Answer::default() });
        assert_eq!(closed_for(), None);
        permit.answered(refusal(2));
        assert_eq!(closed_for(), Some(2 * SECOND));
        permit.answered(refusal(3));
        assert_eq!(closed_for(), Some(3 * SECOND));
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
    async fn promise_9_who_is_not_polled_is_passed_over_and_keeps_its_place() {
        let keys = [Pacer::shared("set aside", "a"), Pacer::shared("set aside", "b")];
        let (limit, start) = (RateLimit::per_second(1).tenant(1), Instant::now());
        send(&keys[0], limit, Answer::default()).await;
        let ask = |key: &Pacer| {
            let key = key.clone();
            async move { key.acquire(key.place(), limit, start + LIMIT, LIMIT).await.unwrap().permit }
        };
        let mut set_aside: Vec<_> = (0..2).map(|_| Box::pin(ask(&keys[0]))).collect();
        for call in &mut set_aside {
            assert!(timeout(Duration::ZERO, call).await.is_err());
        }
        for key in &keys {
            let before = Instant::now();
            let permit = timeout(5 * SECOND, ask(key)).await.expect("a turn");
            assert!(Instant::now() >= before + SECOND, "the limit holds");
            assert!(permit.depart());
            permit.answered(Answer::default());
        }
        let again = tokio::spawn(set_aside.remove(0)); // it must wait, as the first once more
        tokio::task::yield_now().await;
        let waiting = tokio::spawn(ask(&keys[0]));
        let permit = again.await.unwrap();
        assert!(!waiting.is_finished(), "it came later");
        assert!(permit.depart());
        permit.answered(Answer::default());
        drop(set_aside);
        waiting.await.unwrap();
    }

    /// A call that is spawned, and what it was granted; and one that is asked once and set aside.
    fn ask(pacer: &Pacer, limit: RateLimit) -> impl Future<Output = Result<Permit, Refusal>> + Send + 'static {
        let (pacer, place, deadline) = (pacer.clone(), pacer.place(), Instant::now() + LIMIT);
        async move { pacer.acquire(place, limit, deadline, LIMIT).await.map(|granted| granted.permit) }
    }

    fn leave(permit: &Permit) {
        assert!(permit.depart());
        permit.answered(Answer::default());
    }

    #[tokio::test(start_paused = true)]
    async fn promise_9_a_wake_up_that_a_call_set_aside_got_is_not_lost() {
        let (pacer, limit, start) = (pacer("lost"), RateLimit::per_second(1), Instant::now());
        let connecting = ask(&pacer, limit).await.unwrap();
        let mut set_aside = Box::pin(ask(&pacer, limit));
        assert!(timeout(Duration::ZERO, &mut set_aside).await.is_err());
        let live = tokio::spawn(ask(&pacer, limit));
        advance(Duration::from_millis(100)).await;
        leave(&connecting);
        leave(&live.await.unwrap().unwrap());
        assert!(start.elapsed() < 3 * SECOND, "{:?}", start.elapsed());
        for _ in 0..6 {
            let live = tokio::spawn(ask(&pacer, limit));
            advance(2 * SECOND).await;
            leave(&live.await.unwrap().unwrap());
        }
        assert!(start.elapsed() < 18 * SECOND, "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn promise_9_a_head_that_waits_for_others_to_leave_looks_again() {
        let (pacer, limit, start) = (pacer("looks"), RateLimit::per_second(1), Instant::now());
        let early = pacer.place();
        let connecting = ask(&pacer, limit).await.unwrap();
        let live = tokio::spawn(ask(&pacer, limit));
        tokio::task::yield_now().await;
        let mut set_aside = pacer.acquire(early, limit, start + LIMIT, LIMIT);
        assert!(timeout(Duration::ZERO, &mut set_aside).await.is_err());
        leave(&connecting);
        live.await.unwrap().unwrap();
        assert!(start.elapsed() < 5 * SECOND, "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn promise_9_any_number_of_calls_set_aside_is_passed_over_at_once() {
        let (pacer, limit) = (pacer("many"), RateLimit::default());
        let mut set_aside: Vec<_> = (0..60).map(|_| Box::pin(ask(&pacer, limit))).collect();
        for call in &mut set_aside {
            if let Ok(granted) = timeout(Duration::ZERO, call).await {
                leave(&granted.unwrap());
            }
        }
        assert_eq!(pacer.status(limit).waiting, 55);
        let start = Instant::now();
        ask(&pacer, limit).await.unwrap();
        assert!(start.elapsed() < 6 * SECOND, "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn promise_7_passing_over_keeps_the_order_of_those_who_live() {
        let (pacer, limit) = (pacer("order"), RateLimit::per_second(1));
        leave(&ask(&pacer, limit).await.unwrap());
        let mut set_aside = Box::pin(ask(&pacer, limit));
        assert!(timeout(Duration::ZERO, &mut set_aside).await.is_err());
        (0..10).for_each(|_| assert!(pacer.place() > 0, "another key's"));
        advance(SECOND + Duration::from_millis(100)).await;
        let goes = || {
            let call = ask(&pacer, limit);
            tokio::spawn(async move {
                leave(&call.await.unwrap());
                Instant::now()
            })
        };
        let first = goes();
        tokio::task::yield_now().await;
        advance(Duration::from_millis(300)).await;
        let second = goes();
        assert!(first.await.unwrap() < second.await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn promise_7_who_has_arrived_goes_before_those_who_come_later() {
        let (pacer, limit, start) = (pacer("arrived"), RateLimit::per_second(1), Instant::now());
        let arrive = |limit| {
            let mut call = pacer.acquire(pacer.place(), limit, start + LIMIT, LIMIT);
            call.arrive();
            call
        };
        let (first, mut second) = (arrive(limit), arrive(limit));
        assert!(timeout(Duration::ZERO, &mut second).await.is_err());
        assert_eq!(pacer.status(limit).waiting, 2);
        assert!(first.await.unwrap().permit.depart());
        second.await.unwrap();
        assert!(start.elapsed() >= SECOND);
        for others_come in [true, false] {
            let gone = arrive(limit);
            assert!(pacer.tenant.arrival.is_another(u64::MAX));
            if others_come {
                assert!(timeout(Duration::ZERO, acquire(&pacer, limit)).await.is_err());
                assert_eq!((pacer.status(limit).waiting, pacer.tenant.arrival.is_another(u64::MAX)), (1, false));
            }
            drop(gone);
            assert_eq!((pacer.status(limit).waiting, pacer.tenant.arrival.is_another(u64::MAX)), (0, false));
        }
        let _refused = arrive(limit.queue(0));
        assert!(!pacer.tenant.arrival.is_another(u64::MAX), "nobody may wait");
    }

    #[tokio::test(start_paused = true)]
    async fn promise_7_who_has_arrived_goes_first_whatever_the_others_are() {
        fn poll(call: &mut Acquire<'_>) -> Poll<Result<Granted, Refusal>> {
            Pin::new(call).poll(&mut Context::from_waker(Waker::noop()))
        }
        let keys = [Pacer::shared("whatever", "a"), Pacer::shared("whatever", "b")];
        let (limit, deadline) = (RateLimit::per_second(1).tenant(9), Instant::now() + LIMIT);
        let call = |key: usize, limit| keys[key].acquire(keys[key].place(), limit, deadline, LIMIT);
        send(&keys[1], limit, Answer::default()).await;
        let mut waits = call(1, limit);
        assert!(poll(&mut waits).is_pending());
        let mut first = call(0, limit);
        first.arrive();
        assert!(poll(&mut call(0, limit)).is_pending(), "somebody waits with another key");
        assert!(poll(&mut first).is_ready());
        drop((waits, first));
        advance(9 * SECOND).await;
        let mut first = call(0, limit.tenant(1));
        first.arrive();
        assert!(poll(&mut call(1, limit.tenant(1))).is_pending(), "the tenant's limit is for the first");
        drop(first);
        send(&keys[0], limit, Answer::default()).await;
        let (mut first, mut later) = (call(0, limit), call(0, RateLimit::per_second(9)));
        first.arrive();
        assert!(poll(&mut later).is_pending());
        assert!(poll(&mut first).is_pending());
        for _ in 0..3 {
            assert!(poll(&mut later).is_pending(), "its own limit may be higher");
            advance(Duration::from_millis(260)).await;
        }
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
    async fn a_call_that_does_not_wait_takes_no_lock() {
        let pacer = pacer("no lock");
        let held = lock(&pacer.tenant.queues);
        let (done, is_done) = mpsc::channel();
        thread::spawn({
            let pacer = pacer.clone();
            move || {
                let deadline = Instant::now() + LIMIT;
                let mut call = pacer.acquire(pacer.place(), RateLimit::default(), deadline, LIMIT);
                call.arrive();
                let polled = pin!(call).poll(&mut Context::from_waker(Waker::noop()));
                let Poll::Ready(Ok(Granted { permit, .. })) = polled else { return };
                assert!(permit.depart());
                permit.answered(Answer::default());
                drop(permit);
                done.send(()).unwrap();
            }
        });
        assert_eq!(is_done.recv_timeout(10 * SECOND), Ok(()));
        drop(held);
    }

    #[tokio::test(start_paused = true)]
    async fn promise_10_who_waits_is_told_at_once_what_a_permit_has_become() {
        let (pacer, limit, start) = (pacer("told"), RateLimit::per_second(1), Instant::now());
        let given_back = acquire(&pacer, limit).await.unwrap();
        let waiting = tokio::spawn(ask(&pacer, limit));
        tokio::task::yield_now().await;
        drop(given_back);
        let answered = waiting.await.unwrap().unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert!(answered.depart(), "until its answer it counts for two seconds");
        let waiting = tokio::spawn(ask(&pacer, limit));
        tokio::task::yield_now().await;
        answered.answered(Answer::default());
        waiting.await.unwrap().unwrap();
        assert_eq!(start.elapsed().as_secs(), 1);
    }

    /// Each holds a permit for a moment and gives it back unsent.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn promise_9_threads_that_meet_are_all_served_and_never_too_many() {
        let (pacer, limit) = (pacer("threads"), RateLimit::per_second(2));
        let held = Arc::new(AtomicU64::new(0));
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (pacer, held) = (pacer.clone(), held.clone());
            callers.spawn(async move {
                for _ in 0..2_000 {
                    let permit = acquire(&pacer, limit).await.unwrap();
                    assert!(held.fetch_add(1, Ordering::SeqCst) < 2);
                    tokio::task::yield_now().await;
                    held.fetch_sub(1, Ordering::SeqCst);
                    drop(permit);
                }
            });
        }
        timeout(LIMIT, callers.join_all()).await.unwrap();
        assert_eq!(pacer.status(limit).in_use, 0);
    }

    /// A call finds that it must wait, while a permit is given back: either it sees that, or it is woken.
    #[tokio::test]
    async fn promise_10_a_permit_that_is_given_back_meanwhile_is_not_overlooked() {
        #[derive(Default)]
        struct Woken(AtomicBool);

        impl Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Ordering::SeqCst);
            }
        }

        let (pacer, limit) = (pacer("meanwhile"), RateLimit::per_second(1));
        let (both, mut waited) = (Barrier::new(2), 0);
        for round in 0..10_000 {
            let held = acquire(&pacer, limit).await.unwrap();
            let woken = Arc::new(Woken::default());
            let mut call = pin!(acquire(&pacer, limit));
            thread::scope(|scope| {
                let leaving = scope.spawn(|| {
                    both.wait();
                    (0..round % 500).for_each(|_| hint::spin_loop());
                    drop(held);
                });
                both.wait();
                let polled = call.as_mut().poll(&mut Context::from_waker(&woken.clone().into()));
                leaving.join().unwrap();
                waited += u32::from(polled.is_pending());
                assert!(polled.is_ready() || woken.0.load(Ordering::SeqCst), "in round {round}");
            });
        }
        assert!(waited > 100, "they hardly met: {waited}");
    }

    #[tokio::test(start_paused = true)]
    async fn promise_10_other_keys_learn_that_a_refused_request_has_been_answered() {
        let (a, b) = (Pacer::shared("told 429", "a"), Pacer::shared("told 429", "b"));
        let (limit, start) = (RateLimit::per_second(1).tenant(1), Instant::now());
        let first = acquire(&a, limit).await.unwrap();
        assert!(first.depart());
        let waiting = tokio::spawn(ask(&b, limit));
        tokio::task::yield_now().await;
        first.answered(refusal(1));
        waiting.await.unwrap().unwrap();
        assert_eq!(start.elapsed().as_millis() / 10, 100);
    }

    #[tokio::test(start_paused = true)]
    async fn promise_10_a_request_sent_again_after_its_slot_has_gone_counts_once() {
        let (pacer, limit) = (pacer("again late"), RateLimit::per_second(2));
        let permit = acquire(&pacer, limit).await.unwrap();
        assert!(permit.depart());
        advance(3 * SECOND).await;
        let other = acquire(&pacer, limit).await.unwrap();
        assert!(permit.depart(), "middleware sends it again");
        permit.answered(Answer::default());
        assert_eq!(pacer.status(limit).in_use, 2);
        drop(other);
    }

    #[tokio::test(start_paused = true)]
    async fn promise_9_a_key_that_the_tenants_limit_holds_back_has_not_used_up_its_own() {
        let (a, b) = (Pacer::shared("misled", "a"), Pacer::shared("misled", "b"));
        let limit = RateLimit::per_second(2).tenant(2);
        let first = acquire(&a, limit).await.unwrap();
        assert!(first.depart());
        let other = acquire(&b, limit).await.unwrap();
        assert!(timeout(Duration::ZERO, acquire(&a, limit)).await.is_err(), "for the tenant");
        let headers = RateLimitHeaders { limit: Some(2), remaining: Some(0), reset: Some(SECOND) };
        first.answered(Answer { headers, ..Answer::default() });
        assert_eq!(a.status(limit).closed_for, Some(SECOND), "others use the key as well");
        drop(other);
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

#[cfg(test)]
mod simulation;
