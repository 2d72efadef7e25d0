//! One key of one tenant.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::rate_limit::config::RateLimit;
use crate::rate_limit::moment::Moment;
use crate::rate_limit::registry::{TenantState, lock};
use crate::rate_limit::state::{Report, State};

/// One key of one tenant. The state of the tenant is kept as long as a handle exists.
#[derive(Clone, Debug)]
pub(crate) struct KeyHandle {
    tenant: Arc<Mutex<TenantState>>,
    key: Arc<str>,
}

impl KeyHandle {
    pub(crate) fn new(tenant: Arc<Mutex<TenantState>>, key: &str) -> Self {
        lock(&tenant).reserve();
        Self { tenant, key: Arc::from(key) }
    }

    /// Another key of the same tenant.
    pub(crate) fn of_key(&self, key: &str) -> Self {
        Self::new(self.tenant.clone(), key)
    }

    /// Reports, and wakes the calls that the report concerns.
    pub(crate) fn tell(&self, limit: RateLimit, report: &Report) {
        self.wake(|state, now, key| state.tell(now, key, limit, report));
    }

    /// Changes the state, and wakes the calls that are to ask again. It wakes them without the lock, because a waker can run any
    /// code.
    pub(crate) fn wake(&self, change: impl FnOnce(&mut State, Moment, &str) -> Vec<u64>) {
        let woken: Vec<Arc<Notify>> = self.with(|tenant, now, key| {
            let tickets = change(&mut tenant.state, now, key);
            tickets.iter().filter_map(|ticket| tenant.waiting.get(ticket).cloned()).collect()
        });
        for waiter in woken {
            waiter.notify_one();
        }
    }

    /// Passes the tenant's state, the present moment and the key.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut TenantState, Moment, &str) -> R) -> R {
        let mut tenant = lock(&self.tenant);
        let now = tenant.now();
        f(&mut tenant, now, &self.key)
    }
}
