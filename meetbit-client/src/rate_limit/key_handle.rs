//! One key of one tenant.

use std::sync::Arc;

use crate::rate_limit::config::RateLimit;
use crate::rate_limit::moment::Moment;
use crate::rate_limit::registry::{Shared, Tenant};
use crate::rate_limit::state::Report;

/// One key of one tenant. The state of the tenant is kept as long as a handle exists.
#[derive(Clone, Debug)]
pub(crate) struct KeyHandle {
    tenant: Arc<Tenant>,
    key: Arc<str>,
}

impl KeyHandle {
    pub(crate) fn new(tenant: Arc<Tenant>, key: &str) -> Self {
        tenant.lock().reserve();
        Self { tenant, key: Arc::from(key) }
    }

    /// Another key of the same tenant.
    pub(crate) fn of_key(&self, key: &str) -> Self {
        Self::new(self.tenant.clone(), key)
    }

    /// Reports, and wakes the calls that the report concerns. It wakes them without the lock, because a waker can run any code.
    pub(crate) fn tell(&self, limit: RateLimit, report: &Report) {
        let woken = self.with(|shared, now, key| {
            shared.state.tell(now, key, limit, report);
            match report {
                Report::Answered { feedback, .. } if feedback.is_429 => shared.waiters(shared.state.waiters(key)),
                Report::Answered { .. } => Vec::new(),
                Report::Released { .. } | Report::Withdrawn { .. } => {
                    shared.waiters(shared.state.next(key).into_iter().flatten())
                }
            }
        });
        for waiter in woken {
            waiter.notify_one();
        }
    }

    /// Passes the state, the present moment and the key.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut Shared, Moment, &str) -> R) -> R {
        let mut shared = self.tenant.lock();
        let now = shared.now();
        f(&mut shared, now, &self.key)
    }
}
