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

#[derive(Debug)]
pub(crate) struct Registry(Mutex<Tenants>);

#[derive(Debug)]
struct Tenants {
    by_origin: BTreeMap<String, Arc<Mutex<TenantState>>>,
    /// The number of tenants at which the next sweep takes place.
    sweep_at: usize,
}

/// One server, and what its keys share.
#[derive(Debug, Default)]
pub(crate) struct TenantState {
    pub(crate) state: State,
    /// Wakes a call that waits, by its ticket.
    pub(crate) waiting: BTreeMap<u64, Arc<Notify>>,
    /// The id of the last request.
    pub(crate) last_id: u64,
    /// The number of keys at which the next sweep takes place.
    sweep_at: usize,
    /// The instant of moment 0, at which the clock was first read.
    start: Option<Instant>,
    last: Moment,
}

impl Registry {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Tenants { by_origin: BTreeMap::new(), sweep_at: 0 }))
    }

    /// The tenant at `origin`.
    pub(crate) fn tenant(&self, origin: &str) -> Arc<Mutex<TenantState>> {
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
        self.by_origin.retain(|_, tenant| Arc::strong_count(tenant) > 1 || !lock(tenant).sweep());
        self.sweep_at = 2 * self.by_origin.len();
    }
}

impl TenantState {
    /// Makes room for another key.
    pub(crate) fn reserve(&mut self) {
        if self.state.keys_len() >= self.sweep_at {
            self.sweep();
        }
    }

    /// Drops the state of keys that no longer matters. True if nothing is left.
    fn sweep(&mut self) -> bool {
        let now = self.now();
        let is_idle = self.state.drop_idle(now);
        self.sweep_at = 2 * self.state.keys_len();
        is_idle
    }

    /// The present moment. The clock is tokio's, which a test can pause and advance; another test may then see it going back.
    /// No rule holds across such a step, so the state is forgotten.
    pub(crate) fn now(&mut self) -> Moment {
        let now = Instant::now();
        let moment = now.checked_duration_since(*self.start.get_or_insert(now)).map(span);
        if let Some(moment) = moment.filter(|moment| moment + SECOND >= self.last) {
            self.last = self.last.max(moment);
        } else {
            self.state.forget();
            (self.start, self.last) = (Some(now), 0);
        }
        self.last
    }
}

/// Nothing panics while a lock is held, so a poisoned one guards sound data.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Registry {
        pub(crate) fn get(&self, origin: &str) -> Option<Arc<Mutex<TenantState>>> {
            lock(&self.0).by_origin.get(origin).cloned()
        }

        pub(crate) fn len(&self) -> usize {
            lock(&self.0).by_origin.len()
        }

        pub(crate) fn sweep(&self) {
            lock(&self.0).sweep();
        }
    }

    impl TenantState {
        pub(crate) fn set_last(&mut self, last: Moment) {
            self.last = last;
        }
    }
}
