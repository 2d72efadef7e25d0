//! The tenants of this process, by the origin of their server.
//!
//! The state of a tenant outlives its clients while the server may still count its requests, has asked to wait, or has refused
//! requests in the last hour. A state that no longer matters is dropped by a sweep. A sweep takes place when the number of
//! entries has doubled since the last one, so its effort is constant on average for each client that is made.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::rate_limit::moment::{Moment, SECOND, span};
use crate::rate_limit::state::State;

/// The tenants of this process.
pub(crate) static REGISTRY: Registry = Registry::new();

/// No sweep takes place below this number of entries.
const FEW: usize = 16;

#[derive(Debug)]
pub(crate) struct Registry(Mutex<Tenants>);

#[derive(Debug)]
struct Tenants {
    by_origin: BTreeMap<String, Arc<Tenant>>,
    /// The number of tenants at which the next sweep takes place.
    sweep_at: usize,
}

/// One server, and what its keys share.
#[derive(Debug, Default)]
pub(crate) struct Tenant(Mutex<Shared>);

/// What the lock of a tenant guards.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) state: State,
    /// Wakes a call that waits, by its ticket.
    pub(crate) waiting: BTreeMap<u64, Arc<Notify>>,
    next_id: u64,
    /// The number of keys at which the next sweep takes place.
    sweep_at: usize,
    /// The instant of moment 0.
    start: Instant,
    last: Moment,
}

impl Registry {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Tenants { by_origin: BTreeMap::new(), sweep_at: FEW }))
    }

    /// The tenant at `origin`.
    pub(crate) fn tenant(&self, origin: &str) -> Arc<Tenant> {
        let mut tenants = lock(&self.0);
        if tenants.by_origin.len() >= tenants.sweep_at {
            tenants.sweep();
        }
        tenants.by_origin.entry(origin.to_owned()).or_default().clone()
    }
}

impl Tenants {
    /// Drops the tenants that no client uses and that no longer matter.
    fn sweep(&mut self) {
        self.by_origin.retain(|_, tenant| Arc::strong_count(tenant) > 1 || !tenant.lock().sweep());
        self.sweep_at = FEW.max(2 * self.by_origin.len());
    }
}

impl Tenant {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Shared> {
        lock(&self.0)
    }
}

impl Default for Shared {
    fn default() -> Self {
        let (state, waiting) = (State::default(), BTreeMap::new());
        Self { state, waiting, next_id: 0, sweep_at: FEW, start: Instant::now(), last: 0 }
    }
}

impl Shared {
    /// Makes room for another key.
    pub(crate) fn reserve(&mut self) {
        if self.state.keys_len() >= self.sweep_at {
            self.sweep();
        }
    }

    /// Drops the state of keys that no longer matters. True if nothing is left.
    fn sweep(&mut self) -> bool {
        let now = self.now();
        self.state.drop_idle(now);
        self.sweep_at = FEW.max(2 * self.state.keys_len());
        self.state.keys_len() == 0
    }

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

        pub(crate) fn len(&self) -> usize {
            lock(&self.0).by_origin.len()
        }

        pub(crate) fn sweep(&self) {
            lock(&self.0).sweep();
        }
    }

    impl Shared {
        pub(crate) fn set_last(&mut self, last: Moment) {
            self.last = last;
        }
    }
}
