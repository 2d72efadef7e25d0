//! Waits for permits. Only this file and those of a store that several processes share await.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::rate_limit::config::{RateLimit, RateLimitStatus};
use crate::rate_limit::gate::WARNING;
use crate::rate_limit::key_handle::KeyHandle;
use crate::rate_limit::moment::{Moment, after, span};
use crate::rate_limit::permit::Permit;
use crate::rate_limit::registry::{REGISTRY, Shared};
use crate::rate_limit::state::{Ask, Report, Verdict, WaitReason};
#[cfg(feature = "shared-limit")]
use crate::rate_limit::store::{Store, StoreTicket};

/// Hands out permits to send with one key of one tenant. Clones share the state.
#[derive(Clone, Debug)]
pub(crate) struct Limiter {
    pub(crate) key: KeyHandle,
    /// The store that other processes share. It is asked after the state of this process.
    #[cfg(feature = "shared-limit")]
    pub(crate) store: Option<Store>,
}

/// What a call may wait for, and its place in the order of arrival, which it keeps for all its attempts.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub(crate) limit: RateLimit,
    pub(crate) deadline: Instant,
    /// The longest wait that the server may ask for.
    pub(crate) max_wait: Duration,
    ticket: OnceLock<u64>,
    /// Its place in the store's order.
    #[cfg(feature = "shared-limit")]
    pub(crate) shared_ticket: StoreTicket,
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
        Self {
            limit,
            deadline,
            max_wait,
            ticket: OnceLock::new(),
            #[cfg(feature = "shared-limit")]
            shared_ticket: StoreTicket::default(),
        }
    }
}

impl Limiter {
    pub(crate) fn new(key: KeyHandle) -> Self {
        Self {
            key,
            #[cfg(feature = "shared-limit")]
            store: None,
        }
    }

    #[cfg(any(test, feature = "shared-limit"))]
    pub(crate) fn key(&self) -> &KeyHandle {
        &self.key
    }

    /// The limiter of all clients of this process for one server and key.
    pub(crate) fn shared(origin: &str, key: &str) -> Self {
        Self::new(KeyHandle::new(REGISTRY.tenant(origin), key))
    }

    /// A limiter that only one client and its clones use.
    pub(crate) fn private(key: &str) -> Self {
        Self::new(KeyHandle::new(Arc::default(), key))
    }

    /// The limiter of another key of the same tenant.
    pub(crate) fn of_key(&self, key: &str) -> Self {
        Self {
            key: self.key.of_key(key),
            #[cfg(feature = "shared-limit")]
            store: self.store.as_ref().map(|store| store.of_key(key)),
        }
    }

    /// Waits for a permit to send one request, and says what it waited for.
    ///
    /// Dropping the future gives its place in the queue back.
    pub(crate) async fn acquire(&self, turn: &Turn) -> Result<(Permit, Option<WaitReason>), AcquireError> {
        let mut waiting = Waiting { limiter: self, waiter: None };
        let mut waited_for = None;
        loop {
            let granted_at = Instant::now();
            match self.ask(turn, &mut waiting, granted_at)? {
                Next::Go { id, next } => {
                    for waiter in next {
                        waiter.notify_one();
                    }
                    return Ok((Permit::new(self.key.clone(), id, turn.limit, granted_at), waited_for));
                }
                Next::Wait { wait, waiter, reason } => {
                    waited_for = waited_for.filter(|_| reason == WaitReason::Queue).or(Some(reason));
                    let until = after(granted_at, Duration::from_micros(wait));
                    let _woken_or_due = timeout_at(until, waiter.notified()).await;
                }
            }
        }
    }

    pub(crate) fn status(&self, limit: RateLimit) -> RateLimitStatus {
        self.key.with(|shared, now, key| shared.state.status(now, key, limit))
    }

    fn ask(&self, turn: &Turn, waiting: &mut Waiting<'_>, asked_at: Instant) -> Result<Next, AcquireError> {
        let within = span(turn.deadline.saturating_duration_since(asked_at));
        if within == 0 {
            return Err(AcquireError::DeadlineExceeded);
        }
        self.key.with(|shared, now, key| {
            let (id, ticket) = (shared.new_id(), turn.ticket.get().copied());
            let ask = Ask { key, id, again: false, ticket, limit: turn.limit, within };
            match shared.state.ask(now, &ask) {
                Verdict::Go { ticket } => {
                    turn.ticket.get_or_init(|| ticket);
                    Ok(Next::Go { id, next: waiting.end(shared, key) })
                }
                Verdict::Wait { wait, .. } if wait >= within => Err(AcquireError::DeadlineExceeded),
                Verdict::Wait { wait, reason, ticket } => {
                    turn.ticket.get_or_init(|| ticket);
                    Ok(Next::Wait { wait, waiter: waiting.begin(shared, ticket), reason })
                }
                Verdict::Closed { wait, refusals, ticket } => {
                    let repeated = refusals >= WARNING;
                    if repeated || wait >= within || wait > span(turn.max_wait) {
                        shared.state.tell(now, key, turn.limit, &Report::Withdrawn { ticket });
                        return Err(AcquireError::RetryAfter { wait: Duration::from_micros(wait), repeated });
                    }
                    turn.ticket.get_or_init(|| ticket);
                    Ok(Next::Wait { wait, waiter: waiting.begin(shared, ticket), reason: WaitReason::Gate })
                }
                Verdict::Full => Err(AcquireError::QueueFull),
            }
        })
    }
}

enum Next {
    Go { id: u64, next: Vec<Arc<Notify>> },
    Wait { wait: Moment, waiter: Arc<Notify>, reason: WaitReason },
}

/// A call that waits. It leaves the queue when it is dropped.
struct Waiting<'a> {
    limiter: &'a Limiter,
    waiter: Option<(u64, Arc<Notify>)>,
}

impl Waiting<'_> {
    /// The call waits with this ticket. Gives what wakes it.
    fn begin(&mut self, shared: &mut Shared, ticket: u64) -> Arc<Notify> {
        let (_, waiter) = self.waiter.get_or_insert_with(|| (ticket, Arc::default()));
        shared.waiting.insert(ticket, waiter.clone());
        waiter.clone()
    }

    /// The call waits no longer. Gives the calls to wake: they were told a moment that assumed a later grant.
    fn end(&mut self, shared: &mut Shared, key: &str) -> Vec<Arc<Notify>> {
        let Some((ticket, _)) = self.waiter.take() else { return Vec::new() };
        shared.waiting.remove(&ticket);
        shared.waiters(shared.state.next(key).into_iter().flatten())
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some((ticket, _)) = self.waiter.take() {
            self.limiter.key.with(|shared, _, _| shared.waiting.remove(&ticket));
            self.limiter.key.tell(RateLimit::default(), &Report::Withdrawn { ticket });
        }
    }
}
