//! The hold of a client on its key of a tenant.

use std::sync::Arc;

use crate::rate_limit::config::RateLimit;
use crate::rate_limit::moment::Moment;
use crate::rate_limit::registry::{Registry, Shared, Tenant};
use crate::rate_limit::state::Report;

/// One key of one tenant. The state of the key is kept as long as a clone exists.
#[derive(Clone, Debug)]
pub(crate) struct KeyHandle(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tenant: Arc<Tenant>,
    key: Arc<str>,
}

impl KeyHandle {
    /// The key of the tenant that all clients for one server share.
    pub(crate) fn shared(registry: &'static Registry, origin: &str, key: &str) -> Self {
        let key = Arc::from(key);
        Self(Arc::new(Inner { tenant: registry.tenant(origin, &key), key }))
    }

    /// The key of a tenant that only one client and its clones use.
    pub(crate) fn private(key: &str) -> Self {
        Self(Arc::new(Inner { tenant: Tenant::new(None), key: Arc::from(key) }))
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
        let mut shared = self.0.tenant.lock();
        let now = shared.now();
        f(&mut shared, now, &self.0.key)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tenant.release(&self.key);
    }
}
