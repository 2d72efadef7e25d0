//! The tenants of this process, by the origin of their server.
//!
//! The state of a key outlives its clients while the server may still count its requests, has asked to wait, or has refused
//! requests in the last hour. Then it is dropped by the next client that is made or dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::rate_limit::moment::{Moment, SECOND, after, span};
use crate::rate_limit::state::State;

/// The tenants of this process.
pub(crate) static REGISTRY: Registry = Registry::new();

#[derive(Debug)]
pub(crate) struct Registry(Mutex<Tenants>);

#[derive(Debug)]
struct Tenants {
    by_origin: BTreeMap<String, Arc<Tenant>>,
    /// Origins and keys that a client has left, by the moment at which their state can be dropped.
    retired: BTreeSet<(Instant, String, Arc<str>)>,
}

/// One server, and what its keys share.
#[derive(Debug)]
pub(crate) struct Tenant {
    /// `None` if only the clones of one client use it.
    home: Option<(&'static Registry, String)>,
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

impl Registry {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Tenants { by_origin: BTreeMap::new(), retired: BTreeSet::new() }))
    }

    /// The tenant at `origin`, with one more client of `key`.
    pub(crate) fn tenant(&'static self, origin: &str, key: &Arc<str>) -> Arc<Tenant> {
        let mut tenants = lock(&self.0);
        tenants.drop_retired();
        let new = || Tenant::new(Some((self, origin.to_owned())));
        let tenant = tenants.by_origin.entry(origin.to_owned()).or_insert_with(new).clone();
        *tenant.lock().clients.entry(key.clone()).or_default() += 1;
        tenant
    }
}

impl Tenant {
    pub(crate) fn new(home: Option<(&'static Registry, String)>) -> Arc<Self> {
        let (state, waiting, clients) = (State::default(), BTreeMap::new(), BTreeMap::new());
        let shared = Shared { state, waiting, clients, next_id: 0, start: Instant::now(), last: 0 };
        Arc::new(Self { home, shared: Mutex::new(shared) })
    }

    /// A client of `key` is gone.
    pub(crate) fn release(&self, key: &Arc<str>) {
        let Some((registry, origin)) = &self.home else { return };
        let mut tenants = lock(&registry.0);
        let mut shared = self.lock();
        let clients = shared.clients.remove(key).unwrap_or_default();
        if clients > 1 {
            shared.clients.insert(key.clone(), clients - 1);
        }
        drop(shared);
        tenants.retired.insert((Instant::now(), origin.clone(), key.clone()));
        tenants.drop_retired();
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }
}

impl Tenants {
    /// Drops the state of keys that no client uses, and of tenants without keys.
    fn drop_retired(&mut self) {
        let now = Instant::now();
        while self.retired.first().is_some_and(|(due, ..)| *due <= now) {
            let Some((_, origin, key)) = self.retired.pop_first() else { return };
            let Some(tenant) = self.by_origin.get(&origin).cloned() else { continue };
            let mut shared = tenant.lock();
            if shared.clients.contains_key(&key) {
                continue;
            }
            let now = shared.now();
            if let Some(due) = shared.state.drop_key(now, &key) {
                self.retired.insert((shared.instant(due), origin, key));
            } else if shared.clients.is_empty() && shared.state.is_empty() {
                self.by_origin.remove(&origin);
            }
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
            self.state.forget();
            (self.start, self.last) = (now, 0);
        }
        self.last
    }

    fn instant(&self, moment: Moment) -> Instant {
        after(self.start, Duration::from_micros(moment))
    }

    /// A new identity for a request.
    pub(crate) fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// The calls that wait with these tickets.
    pub(crate) fn waiters(&self, tickets: impl Iterator<Item = u64>) -> Vec<Arc<Notify>> {
        tickets.filter_map(|ticket| self.waiting.get(&ticket).cloned()).collect()
    }
}

/// Nothing panics while a lock is held, so a poisoned one guards sound data.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Registry {
        pub(crate) fn get(&self, origin: &str) -> Option<Arc<Tenant>> {
            lock(&self.0).by_origin.get(origin).cloned()
        }

        /// The number of keys that wait to be dropped.
        pub(crate) fn retired(&self) -> usize {
            lock(&self.0).retired.len()
        }
    }

    impl Shared {
        pub(crate) fn set_last(&mut self, last: Moment) {
            self.last = last;
        }
    }
}
