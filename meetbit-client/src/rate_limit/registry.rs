//! The tenants of this process, by the origin of their server.
//!
//! A tenant's state outlives its clients while the server may still count its requests or has asked to wait. Then it is
//! dropped by the next client that is made or dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::rate_limit::state::{Moment, SECOND, State, after, span};

static REGISTRY: Mutex<Registry> = Mutex::new(Registry { tenants: BTreeMap::new(), retired: BTreeSet::new() });

struct Registry {
    tenants: BTreeMap<String, Arc<Tenant>>,
    /// Keys that no client uses, by the moment at which their state can be dropped.
    retired: BTreeSet<(Instant, String, String)>,
}

/// One server, and what its keys share.
#[derive(Debug)]
pub(crate) struct Tenant {
    /// `None` if only the clones of one client use it.
    origin: Option<String>,
    shared: Mutex<Shared>,
}

/// What the lock of a tenant guards.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) state: State,
    /// Wakes a call that waits, by its ticket.
    pub(crate) waiting: BTreeMap<u64, Arc<Notify>>,
    /// The number of clients of each key.
    clients: BTreeMap<Arc<str>, usize>,
    next_id: u64,
    /// The instant of moment 0.
    start: Instant,
    last: Moment,
}

impl Tenant {
    fn new(origin: Option<String>) -> Arc<Self> {
        let shared = Shared {
            state: State::default(),
            waiting: BTreeMap::new(),
            clients: BTreeMap::new(),
            next_id: 0,
            start: Instant::now(),
            last: 0,
        };
        Arc::new(Self { origin, shared: Mutex::new(shared) })
    }

    /// A tenant that only one client and its clones use.
    pub(crate) fn private(key: &Arc<str>) -> Arc<Self> {
        let tenant = Self::new(None);
        tenant.lock().clients.insert(key.clone(), 1);
        tenant
    }

    /// The tenant at `origin`, with one more client of `key`.
    pub(crate) fn shared(origin: &str, key: &Arc<str>) -> Arc<Self> {
        let mut registry = lock(&REGISTRY);
        registry.drop_retired();
        let new = || Self::new(Some(origin.to_owned()));
        let tenant = registry.tenants.entry(origin.to_owned()).or_insert_with(new).clone();
        *tenant.lock().clients.entry(key.clone()).or_default() += 1;
        tenant
    }

    /// A client of `key` is gone.
    pub(crate) fn release(&self, key: &Arc<str>) {
        let Some(origin) = &self.origin else { return };
        let mut registry = lock(&REGISTRY);
        registry.drop_retired();
        let mut shared = self.lock();
        let left = shared.clients.get_mut(key).map_or(0, |clients| {
            *clients -= 1;
            *clients
        });
        if left == 0 {
            shared.clients.remove(key);
            registry.retire(origin, key, &mut shared);
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }
}

impl Registry {
    fn drop_retired(&mut self) {
        let now = Instant::now();
        while let Some((_, origin, key)) = self.retired.first().filter(|(due, ..)| *due <= now).cloned() {
            self.retired.pop_first();
            if let Some(tenant) = self.tenants.get(&origin).cloned() {
                let mut shared = tenant.lock();
                if !shared.clients.contains_key(&*key) {
                    self.retire(&origin, &key, &mut shared);
                }
            }
        }
    }

    /// Drops the state of a key that no client uses, now or as soon as possible.
    fn retire(&mut self, origin: &str, key: &str, shared: &mut Shared) {
        let now = shared.now();
        match shared.state.drop_key(now, key) {
            Some(due) => drop(self.retired.insert((shared.instant(due), origin.to_owned(), key.to_owned()))),
            None if shared.clients.is_empty() && shared.state.is_empty() => drop(self.tenants.remove(origin)),
            None => {}
        }
    }
}

impl Shared {
    /// The present moment. The clock is tokio's, which a test can pause and advance; another test may then see it going back.
    /// No rule holds across such a step, so the state is forgotten.
    pub(crate) fn now(&mut self) -> Moment {
        let now = Instant::now();
        let moment = now.checked_duration_since(self.start).map(span);
        if let Some(moment) = moment.filter(|moment| moment + SECOND >= self.last) {
            self.last = self.last.max(moment);
        } else {
            (self.state, self.start, self.last) = (State::default(), now, 0);
        }
        self.last
    }

    pub(crate) fn instant(&self, moment: Moment) -> Instant {
        after(self.start, Duration::from_micros(moment))
    }

    /// A new identity for a request.
    pub(crate) fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Wakes the first call of each key, because a place has become free earlier than it was told.
    pub(crate) fn wake_heads(&self) {
        self.state.heads().for_each(|ticket| self.wake(ticket));
    }

    pub(crate) fn wake_head(&self, key: &str) {
        self.state.head(key).into_iter().for_each(|ticket| self.wake(ticket));
    }

    /// Wakes every call that waits, because what they wait for has changed.
    pub(crate) fn wake_all(&self) {
        self.waiting.values().for_each(|waiter| waiter.notify_one());
    }

    fn wake(&self, ticket: u64) {
        if let Some(waiter) = self.waiting.get(&ticket) {
            waiter.notify_one();
        }
    }
}

/// Nothing panics while a lock is held, so a poisoned one guards sound data.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
