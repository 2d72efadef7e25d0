//! A client's store that other processes share, and what a request holds of it.

use std::error::Error as StdError;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::rate_limit::key_handle::KeyHandle;
use crate::rate_limit::moment::{after, span};
use crate::rate_limit::shared::{Ask, Event, Feedback, HOLD, Rate, Report, SharedLimit, Verdict, hash};

/// A store has this long to answer.
const ANSWER: Duration = Duration::from_millis(500);
/// A report is tried this many times, with pauses that begin with [`PAUSE`] and double.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(50);
/// The pauses between tries to report that a gate is closed.
const SHORT_PAUSE: Duration = Duration::from_millis(200);

/// A store, and the names under which it knows the client.
#[derive(Clone)]
pub(crate) struct Store(Arc<Inner>);

struct Inner {
    store: Arc<dyn SharedLimit>,
    /// The name of the store's type, for messages.
    name: &'static str,
    tenant: String,
    key: String,
}

/// The reason why a store gave no answer.
pub(crate) type StoreFailure = Arc<dyn StdError + Send + Sync>;

/// The place of a call in the order of a store, from the store's last answer.
#[derive(Debug)]
pub(crate) struct StoreTicket(AtomicU64);

/// No ticket.
const NONE: u64 = u64::MAX;

impl StoreTicket {
    pub(crate) fn get(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|ticket| *ticket != NONE)
    }

    pub(crate) fn set(&self, ticket: u64) {
        self.0.store(ticket, Ordering::Relaxed);
    }
}

impl Default for StoreTicket {
    fn default() -> Self {
        Self(AtomicU64::new(NONE))
    }
}

impl Clone for StoreTicket {
    fn clone(&self) -> Self {
        Self(AtomicU64::new(self.0.load(Ordering::Relaxed)))
    }
}

/// A store that does not answer.
#[derive(Debug)]
struct NoAnswer;

impl Store {
    /// The store of a client for this server and access key. Only hashes of both reach the store.
    pub(crate) fn new(store: Arc<dyn SharedLimit>, name: &'static str, origin: &str, key: &str) -> Self {
        Self(Arc::new(Inner { store, name, tenant: hash(origin), key: hash(key) }))
    }

    /// The same store for another access key of the tenant.
    pub(crate) fn of_key(&self, key: &str) -> Self {
        let Inner { store, name, tenant, .. } = &*self.0;
        Self(Arc::new(Inner { store: store.clone(), name, tenant: tenant.clone(), key: hash(key) }))
    }

    pub(crate) fn name(&self) -> &'static str {
        self.0.name
    }

    /// A question about a new request.
    pub(crate) fn question(&self, rate: Rate) -> Ask {
        let Inner { tenant, key, .. } = &*self.0;
        let (tenant, key) = (tenant.clone(), key.clone());
        Ask { tenant, key, id: new_id(), again: false, ticket: None, rate, within: Duration::ZERO }
    }

    /// Asks once, and waits for the answer for a limited time, at most as long as the caller waits.
    pub(crate) async fn ask(&self, ask: &Ask) -> Result<Verdict, StoreFailure> {
        match timeout(ANSWER.min(ask.within), self.0.store.ask(ask)).await {
            Ok(answer) => answer.map_err(StoreFailure::from),
            Err(_) => Err(Arc::new(NoAnswer)),
        }
    }

    /// Reports without waiting for it. `closed_for` is the time for which the report closes the gate. Without a runtime nothing
    /// is reported, which is safe.
    pub(crate) fn tell(&self, rate: Rate, event: Event, closed_for: Duration) -> Option<JoinHandle<()>> {
        let Inner { tenant, key, .. } = &*self.0;
        let report = Report { tenant: tenant.clone(), key: key.clone(), rate, event };
        let runtime = Handle::try_current().ok()?;
        Some(runtime.spawn(self.clone().keep_telling(report, after(Instant::now(), closed_for))))
    }

    /// Tells a report until the store has it, or it no longer matters: earlier requests no longer count, and the gate is open.
    async fn keep_telling(self, mut report: Report, open_at: Instant) {
        let mut pause = PAUSE;
        for tries in 1.. {
            let started = Instant::now();
            if let Ok(Ok(())) = timeout(ANSWER, self.0.store.tell(&report)).await {
                return;
            }
            let is_closed = Instant::now() < open_at;
            if tries >= TRIES && !is_closed {
                return;
            }
            sleep(pause).await;
            // As soon as the store works again, other processes send unless they learn of the gate.
            pause = if is_closed { SHORT_PAUSE } else { 2 * pause };
            if let Event::Answered { departed, feedback, .. } = &mut report.event {
                let elapsed = started.elapsed();
                *departed += elapsed;
                for wait in [&mut feedback.retry_after, &mut feedback.reset].into_iter().flatten() {
                    *wait = wait.saturating_sub(elapsed);
                }
            }
        }
    }
}

/// The time in which a request may depart, from the question to the store on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hold {
    until: Instant,
    /// The wall clock goes on while the machine is suspended, and tokio's does not.
    asked_at: SystemTime,
}

impl Hold {
    pub(crate) fn start() -> Self {
        Self { until: Instant::now() + HOLD, asked_at: SystemTime::now() }
    }

    /// False if the time is over, or if the wall clock was set back meanwhile.
    fn lasts(self) -> bool {
        Instant::now() < self.until && self.asked_at.elapsed().is_ok_and(|elapsed| elapsed < HOLD)
    }
}

/// A request's permit of a store. It ends by itself.
#[derive(Debug)]
pub(crate) struct StorePermit {
    store: Store,
    question: Ask,
    /// The handle of the key in this process, whose gate closes with the store's.
    local: KeyHandle,
    /// `None` if the store has said that the permit has ended.
    hold: Arc<Mutex<Option<Hold>>>,
    /// The report of a `429` that is under way.
    report: Mutex<Option<JoinHandle<()>>>,
}

impl StorePermit {
    /// The permit that the store granted for this time.
    pub(crate) fn new(store: Store, question: Ask, local: KeyHandle, hold: Hold) -> Self {
        let question = Ask { again: true, within: ANSWER, ..question };
        Self { store, question, local, hold: Arc::new(Mutex::new(Some(hold))), report: Mutex::default() }
    }

    /// True if the request may still depart.
    pub(crate) fn holds(&self) -> bool {
        lock(&self.hold).is_some_and(Hold::lasts)
    }

    /// Extends the hold, without waiting for it.
    pub(crate) fn renew(&self) {
        let Ok(runtime) = Handle::try_current() else { return };
        if lock(&self.hold).is_none() {
            return;
        }
        let (store, question) = (self.store.clone(), self.question.clone());
        let (local, hold) = (self.local.clone(), self.hold.clone());
        runtime.spawn(async move {
            let asked = Hold::start();
            match store.ask(&question).await {
                Ok(Verdict::Go { .. }) => *lock(&hold) = Some(asked),
                Ok(Verdict::Closed { wait, refusals, .. }) => {
                    close(&local, wait, refusals);
                    *lock(&hold) = None;
                }
                Ok(Verdict::Wait { .. } | Verdict::Full) => *lock(&hold) = None,
                Err(_) => {}
            }
        });
    }

    /// Reports the head of the reply to a request that departed this long ago. `closed_for` is the time for which it closes the
    /// gate.
    pub(crate) fn answered(&self, departed: Duration, feedback: Feedback, closed_for: Duration) {
        let event = Event::Answered { id: self.question.id, departed, feedback };
        let report = self.store.tell(self.question.rate, event, closed_for);
        *lock(&self.report) = report.filter(|_| feedback.is_429);
    }

    /// The request will not be sent.
    pub(crate) fn release(&self) {
        self.store.tell(self.question.rate, Event::Released { id: self.question.id }, Duration::ZERO);
    }

    /// Waits until the report of a `429` has arrived, because the process may end with the call. It does not wait longer than
    /// for an answer, nor beyond `deadline`.
    pub(crate) async fn reported(&self, deadline: Instant) {
        let report = lock(&self.report).take();
        if let Some(report) = report {
            let _arrived = timeout_at(deadline.min(Instant::now() + ANSWER), report).await;
        }
    }
}

/// Closes the gate of the key in this process, because the store's is closed.
pub(crate) fn close(local: &KeyHandle, wait: Duration, refusals: u32) {
    local.wake(|state, now, key| state.adopt_gate(now, key, span(wait), refusals));
}

/// An id that no other request has. Stores whose numbers are floating-point keep it exactly.
pub(crate) fn new_id() -> u64 {
    RandomState::new().hash_one(std::process::id()) >> 11
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.0.name).finish()
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no answer in time")
    }
}

impl StdError for NoAnswer {}
