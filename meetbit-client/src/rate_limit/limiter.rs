//! Waits for permits. It is the only file of the room that awaits.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::rate_limit::config::{RateLimit, RateLimitStatus};
use crate::rate_limit::gate::WARNING;
use crate::rate_limit::permit::Permit;
use crate::rate_limit::registry::{Shared, Tenant};
use crate::rate_limit::state::{Ask, Report, Verdict, WaitReason, after, span};

/// Hands out permits to send with one key of one tenant. Clones share the state.
#[derive(Clone, Debug)]
pub(crate) struct Limiter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tenant: Arc<Tenant>,
    key: Arc<str>,
}

/// What a call may wait for, and its place in the order of arrival, which it keeps for all its attempts.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub(crate) limit: RateLimit,
    pub(crate) deadline: Instant,
    /// The longest wait that the server may ask for.
    pub(crate) max_wait: Duration,
    ticket: OnceLock<u64>,
}

/// The reason why there is no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AcquireError {
    /// The server asked to wait for longer than the call may. `repeated` says that it did so several times in a row although
    /// each full wait had passed.
    RetryAfter { wait: Duration, repeated: bool },
    /// The turn would come after the call's deadline.
    DeadlineExceeded,
    /// Too many calls are waiting.
    QueueFull,
}

impl Turn {
    pub(crate) fn new(limit: RateLimit, deadline: Instant, max_wait: Duration) -> Self {
        Self { limit, deadline, max_wait, ticket: OnceLock::new() }
    }
}

impl Limiter {
    /// The limiter of all clients of this process for one server and key.
    pub(crate) fn shared(origin: &str, key: &str) -> Self {
        let key = Arc::from(key);
        Self(Arc::new(Inner { tenant: Tenant::shared(origin, &key), key }))
    }

    /// A limiter that only one client and its clones use.
    pub(crate) fn private(key: &str) -> Self {
        let key = Arc::from(key);
        Self(Arc::new(Inner { tenant: Tenant::private(&key), key }))
    }

    /// Waits for a permit to send one request, and says what it waited for.
    ///
    /// Dropping the future gives its place in the queue back.
    pub(crate) async fn acquire(&self, turn: &Turn) -> Result<(Permit, Option<WaitReason>), AcquireError> {
        let mut waiting = Waiting { limiter: self, waiter: None };
        let mut waited_for = None;
        loop {
            match self.ask(turn, &mut waiting)? {
                Next::Go(permit) => return Ok((permit, waited_for)),
                Next::Wait { until, waiter, reason } => {
                    waited_for = waited_for.or(Some(reason));
                    let _woken_or_due = timeout_at(until, waiter.notified()).await;
                }
            }
        }
    }

    pub(crate) fn status(&self, limit: RateLimit) -> RateLimitStatus {
        let mut shared = self.lock();
        let now = shared.now();
        let key = shared.state.key(now, &self.0.key);
        RateLimitStatus {
            limit: u32::try_from(key.limit(limit, now)).unwrap_or(u32::MAX),
            in_use: key.window.len(),
            waiting: key.queue.len(),
            closed_for: key.gate.closed_until(now).map(|open_at| Duration::from_micros(open_at - now)),
            refusals: key.gate.refusals(now),
            shortest_round_trip: key.shortest_round_trip.map(Duration::from_micros),
        }
    }

    /// False if the request must not depart.
    pub(crate) fn depart(&self, id: u64, limit: RateLimit) -> bool {
        let mut shared = self.lock();
        let now = shared.now();
        shared.state.depart(now, &self.0.key, id, limit)
    }

    pub(crate) fn renew(&self, id: u64) {
        let mut shared = self.lock();
        let now = shared.now();
        shared.state.renew(now, &self.0.key, id);
    }

    /// Reports, and wakes whom the report concerns.
    pub(crate) fn tell(&self, limit: RateLimit, report: &Report) {
        let mut shared = self.lock();
        let now = shared.now();
        shared.state.tell(now, &self.0.key, limit, report);
        match report {
            Report::Answered { feedback, .. } if feedback.is_429 => shared.wake_all(),
            Report::Answered { .. } => {}
            Report::Released { .. } | Report::Withdrawn { .. } => shared.wake_heads(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.0.tenant.lock()
    }

    fn ask(&self, turn: &Turn, waiting: &mut Waiting<'_>) -> Result<Next, AcquireError> {
        let granted_at = Instant::now();
        let within = span(turn.deadline.saturating_duration_since(granted_at));
        if within == 0 {
            return Err(AcquireError::DeadlineExceeded);
        }
        let mut shared = self.lock();
        let (now, id) = (shared.now(), shared.new_id());
        let (key, ticket) = (&*self.0.key, turn.ticket.get().copied());
        let ask = Ask { key, id, again: false, ticket, limit: turn.limit, within };
        let (wait, reason, ticket) = match shared.state.ask(now, &ask) {
            Verdict::Go { ticket } => {
                turn.ticket.get_or_init(|| ticket);
                if waiting.waiter.take().is_some() {
                    shared.waiting.remove(&ticket);
                    shared.wake_head(key); // it was told a moment that assumed that this call would go later
                }
                return Ok(Next::Go(Permit::new(self.clone(), id, turn.limit, granted_at)));
            }
            Verdict::Closed { wait, refusals, ticket } => {
                let repeated = refusals >= WARNING;
                if repeated || wait >= within || wait > span(turn.max_wait) {
                    waiting.enlist(&mut shared, ticket); // so that it leaves the queue
                    return Err(AcquireError::RetryAfter { wait: Duration::from_micros(wait), repeated });
                }
                (wait, WaitReason::Gate, ticket)
            }
            Verdict::Wait { wait, .. } if wait >= within => return Err(AcquireError::DeadlineExceeded),
            Verdict::Wait { wait, reason, ticket } => (wait, reason, ticket),
            Verdict::Full => return Err(AcquireError::QueueFull),
        };
        turn.ticket.get_or_init(|| ticket);
        let waiter = waiting.enlist(&mut shared, ticket);
        Ok(Next::Wait { until: after(granted_at, Duration::from_micros(wait)), waiter, reason })
    }
}

enum Next {
    Go(Permit),
    Wait { until: Instant, waiter: Arc<Notify>, reason: WaitReason },
}

/// A call that waits. It leaves the queue when it is dropped.
struct Waiting<'a> {
    limiter: &'a Limiter,
    waiter: Option<(u64, Arc<Notify>)>,
}

impl Waiting<'_> {
    fn enlist(&mut self, shared: &mut Shared, ticket: u64) -> Arc<Notify> {
        let (_, waiter) = self.waiter.get_or_insert_with(|| (ticket, Arc::default()));
        shared.waiting.insert(ticket, waiter.clone());
        waiter.clone()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some((ticket, _)) = self.waiter.take() {
            self.limiter.lock().waiting.remove(&ticket);
            self.limiter.tell(RateLimit::default(), &Report::Withdrawn { ticket });
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tenant.release(&self.key);
    }
}
