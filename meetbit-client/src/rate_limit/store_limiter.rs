//! Asks the store for each request that has a permit of this process. It waits, as `limiter` does.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::rate_limit::limiter::{AcquireError, Limiter, Turn};
use crate::rate_limit::permit::Permit;
use crate::rate_limit::shared::{Ask, Event, Verdict};
use crate::rate_limit::state::WaitReason;
use crate::rate_limit::store::{Hold, Store, StoreFailure, StorePermit, close};

/// The permit of this process is renewed this often while the store is asked.
const RENEWAL: Duration = Duration::from_millis(400);
/// A store is asked at least this often.
const LOOK: Duration = Duration::from_secs(1);
/// The pause after a first failure of the store. Each further failure doubles it, up to [`LOOK`].
const PAUSE: Duration = Duration::from_millis(50);

/// The reason why there is no permit.
#[derive(Debug)]
pub(crate) enum NoPermit {
    Acquire(AcquireError),
    /// The store gave no answer until the call's deadline.
    Store {
        name: &'static str,
        failure: StoreFailure,
    },
}

impl Limiter {
    /// Waits for a permit of this process, and then for one of the store, if there is a store.
    pub(crate) async fn acquire_with_store(&self, turn: &Turn) -> Result<(Permit, Option<WaitReason>), NoPermit> {
        loop {
            let (permit, waited_for) = self.acquire(turn).await.map_err(NoPermit::Acquire)?;
            let Some(store) = &self.store else { return Ok((permit, waited_for)) };
            // The future is boxed, so that the state of a call without a store stays small.
            if let Some(permit) = Box::pin(self.ask_store(store, permit, turn)).await? {
                return Ok((permit, waited_for));
            }
        }
    }

    /// Waits for a permit of the store. `None` if the store's gate is closed: then this process's is too, and the call waits
    /// for that.
    async fn ask_store(&self, store: &Store, mut permit: Permit, turn: &Turn) -> Result<Option<Permit>, NoPermit> {
        let mut question = PendingAsk { store, ask: store.question(turn.limit.into()), may_be_granted: false };
        question.ask.ticket = turn.store_ticket.get();
        let mut pause = PAUSE;
        loop {
            let hold = Hold::start();
            let within = turn.deadline.saturating_duration_since(Instant::now());
            question.ask.within = within;
            question.may_be_granted = true; // also if no answer comes
            let answer = renewing(&permit, store.ask(&question.ask)).await;
            question.ask.again = true;
            let wait = match answer {
                Ok(Verdict::Go { ticket }) => {
                    turn.store_ticket.set(ticket);
                    permit.add_store_permit(StorePermit::new(store.clone(), question.keep(), self.key.clone(), hold));
                    return Ok(Some(permit));
                }
                Ok(Verdict::Closed { wait, refusals, ticket }) => {
                    turn.store_ticket.set(ticket);
                    close(&self.key, wait, refusals);
                    question.keep(); // its place in the queue is for its next question
                    return Ok(None);
                }
                Ok(Verdict::Wait { wait, .. }) if wait >= within => {
                    return Err(NoPermit::Acquire(AcquireError::DeadlineExceeded));
                }
                Ok(Verdict::Wait { wait, ticket, .. }) => {
                    turn.store_ticket.set(ticket);
                    question.ask.ticket = Some(ticket);
                    (question.may_be_granted, pause) = (false, PAUSE);
                    wait.min(LOOK)
                }
                Ok(Verdict::Full) => return Err(NoPermit::Acquire(AcquireError::QueueFull)),
                Err(failure) => {
                    let wait = pause;
                    pause = (2 * pause).min(LOOK);
                    if turn.deadline.saturating_duration_since(Instant::now()) <= wait {
                        return Err(NoPermit::Store { name: store.name(), failure });
                    }
                    wait
                }
            };
            renewing(&permit, sleep(wait)).await;
        }
    }
}

/// Renews a permit of this process while something else happens.
async fn renewing<T>(permit: &Permit, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        match timeout(RENEWAL, &mut future).await {
            Ok(value) => return value,
            Err(_) => permit.renew(),
        }
    }
}

/// What a call asks the store. When it is dropped, it gives back what the store may have given.
struct PendingAsk<'a> {
    store: &'a Store,
    ask: Ask,
    /// True if the store may have granted a permit.
    may_be_granted: bool,
}

impl PendingAsk<'_> {
    /// The permit is somebody else's now, and the call no longer waits.
    fn keep(&mut self) -> Ask {
        self.may_be_granted = false;
        let ask = self.ask.clone();
        self.ask.ticket = None;
        ask
    }
}

impl Drop for PendingAsk<'_> {
    fn drop(&mut self) {
        let rate = self.ask.rate;
        if self.may_be_granted {
            self.store.tell(rate, Event::Released { id: self.ask.id }, Duration::ZERO);
        }
        if let Some(ticket) = self.ask.ticket {
            self.store.tell(rate, Event::Withdrawn { ticket }, Duration::ZERO);
        }
    }
}
