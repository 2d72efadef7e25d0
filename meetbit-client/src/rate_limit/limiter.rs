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
use crate::rate_limit::registry::REGISTRY;
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
    pub(crate) store_ticket: StoreTicket,
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
            store_ticket: StoreTicket::default(),
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

    /// The same limiter in front of a store.
    #[cfg(feature = "shared-limit")]
    pub(crate) fn with_store(self, store: Option<Store>) -> Self {
        Self { store, ..self }
    }

    /// The limiter of all clients of this process for one server and key.
    pub(crate) fn of_process(origin: &str, key: &str) -> Self {
        Self::new(KeyHandle::new(REGISTRY.tenant(origin), key))
    }

    /// A limiter that only one client and its clones use.
    pub(crate) fn of_client(key: &str) -> Self {
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
        let (mut waiting, mut waited_for) = (None, None);
        loop {
            let asked_at = Instant::now();
            match self.ask(turn, asked_at)? {
                Next::Go { id } => return Ok((Permit::new(self.key.clone(), id, turn.limit, asked_at), waited_for)),
                Next::Wait { wait, reason, ticket, woken } => {
                    waiting.get_or_insert_with(|| Waiter { key: &self.key, ticket });
                    waited_for = waited_for.filter(|_| reason == WaitReason::Queue).or(Some(reason));
                    let until = after(asked_at, Duration::from_micros(wait));
                    let _woken_or_due = timeout_at(until, woken.notified()).await;
                }
            }
        }
    }

    pub(crate) fn status(&self, limit: RateLimit) -> RateLimitStatus {
        self.key.with(|tenant, now, key| tenant.state.status(now, key, limit))
    }

    fn ask(&self, turn: &Turn, asked_at: Instant) -> Result<Next, AcquireError> {
        let within = span(turn.deadline.saturating_duration_since(asked_at));
        if within == 0 {
            return Err(AcquireError::DeadlineExceeded);
        }
        self.key.with(|tenant, now, key| {
            tenant.last_id += 1;
            let (id, ticket) = (tenant.last_id, turn.ticket.get().copied());
            let ask = Ask { key, id, again: false, ticket, limit: turn.limit, within };
            let (wait, reason, ticket) = match tenant.state.ask(now, &ask) {
                Verdict::Go { ticket } => {
                    turn.ticket.get_or_init(|| ticket);
                    return Ok(Next::Go { id });
                }
                Verdict::Full => return Err(AcquireError::QueueFull),
                Verdict::Wait { wait, .. } if wait >= within => return Err(AcquireError::DeadlineExceeded),
                Verdict::Wait { wait, reason, ticket } => (wait, reason, ticket),
                Verdict::Closed { wait, refusals, ticket } => {
                    let repeated = refusals >= WARNING;
                    if repeated || wait >= within || wait > span(turn.max_wait) {
                        tenant.state.tell(now, key, turn.limit, &Report::Withdrawn { ticket });
                        return Err(AcquireError::RetryAfter { wait: Duration::from_micros(wait), repeated });
                    }
                    (wait, WaitReason::Gate, ticket)
                }
            };
            turn.ticket.get_or_init(|| ticket);
            Ok(Next::Wait { wait, reason, ticket, woken: tenant.waiting.entry(ticket).or_default().clone() })
        })
    }
}

enum Next {
    Go { id: u64 },
    Wait { wait: Moment, reason: WaitReason, ticket: u64, woken: Arc<Notify> },
}

/// A call that waits. It leaves the queue when it is dropped, because it has a permit or has given up. The calls behind it were
/// told a moment that assumed a later end, so the next ones are woken.
struct Waiter<'a> {
    key: &'a KeyHandle,
    ticket: u64,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.key.with(|tenant, _, _| tenant.waiting.remove(&self.ticket));
        self.key.tell(RateLimit::default(), &Report::Withdrawn { ticket: self.ticket });
    }
}
