//! The permission to send one request.

use std::sync::OnceLock;
#[cfg(feature = "shared-limit")]
use std::time::Duration;

use tokio::time::Instant;

use crate::rate_limit::config::RateLimit;
use crate::rate_limit::key_handle::KeyHandle;
use crate::rate_limit::moment::span;
use crate::rate_limit::state::{Feedback, Report};
#[cfg(feature = "shared-limit")]
use crate::rate_limit::store::StorePermit;

/// The permission to send one request. It ends by itself, so a task that does not run cannot keep it. Dropping it gives it
/// back unless the request has departed.
#[derive(Debug)]
pub(crate) struct Permit {
    key: KeyHandle,
    id: u64,
    limit: RateLimit,
    pub(crate) granted_at: Instant,
    /// Set when the request asks to depart, or ends before.
    departure: OnceLock<Departure>,
    /// Set if the server answered with a `4xx`.
    rejected: OnceLock<()>,
    /// The permit of the store that other processes share.
    #[cfg(feature = "shared-limit")]
    of_store: Option<StorePermit>,
    /// The moment after which another process may take over the request.
    #[cfg(feature = "journal")]
    depart_by: OnceLock<jiff::Timestamp>,
}

/// What became of a request. It is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Departure {
    Departed(Instant),
    /// It ended before, or asked too late. It must not be sent.
    Refused,
}

impl Permit {
    pub(crate) fn new(key: KeyHandle, id: u64, limit: RateLimit, granted_at: Instant) -> Self {
        Self {
            key,
            id,
            limit,
            granted_at,
            departure: OnceLock::new(),
            rejected: OnceLock::new(),
            #[cfg(feature = "shared-limit")]
            of_store: None,
            #[cfg(feature = "journal")]
            depart_by: OnceLock::new(),
        }
    }

    /// Asks to depart, as late as possible before the first byte leaves. The first answer is final. False means that the
    /// request must not be sent, because the permit has ended or the gate has closed since the grant.
    pub(crate) fn depart(&self) -> bool {
        let depart = || {
            #[cfg(feature = "shared-limit")]
            if !self.may_depart() {
                return false;
            }
            self.key.with(|tenant, now, key| tenant.state.depart(now, key, self.id, self.limit))
        };
        let departure = || if depart() { Departure::Departed(Instant::now()) } else { Departure::Refused };
        matches!(self.departure.get_or_init(departure), Departure::Departed(_))
    }

    /// Withdraws the permit of a request that ends. False if the request has departed already.
    pub(crate) fn cancel(&self) -> bool {
        !matches!(self.departure.get_or_init(|| Departure::Refused), Departure::Departed(_))
    }

    pub(crate) fn has_departed(&self) -> bool {
        matches!(self.departure.get(), Some(Departure::Departed(_)))
    }

    /// The server rejected the request, so it did not act.
    pub(crate) fn reject(&self) {
        self.rejected.get_or_init(|| ());
    }

    pub(crate) fn is_rejected(&self) -> bool {
        self.rejected.get().is_some()
    }

    /// True if the request must not be sent any more.
    pub(crate) fn is_revoked(&self) -> bool {
        self.departure.get() == Some(&Departure::Refused)
    }

    /// Extends the hold while the request still connects.
    pub(crate) fn renew(&self) {
        self.key.with(|tenant, now, key| tenant.state.renew(now, key, self.id));
        #[cfg(feature = "shared-limit")]
        if let Some(permit) = &self.of_store {
            permit.renew();
        }
    }

    /// Reports the head of the reply. It must be called at once, because nothing may be sent after a `429`.
    pub(crate) fn answered(&self, feedback: Feedback) {
        let after = match self.departure.get() {
            Some(Departure::Departed(at)) => span(at.elapsed()),
            _ => 0,
        };
        self.key.tell(self.limit, &Report::Answered { id: self.id, after, feedback });
        #[cfg(feature = "shared-limit")]
        if let Some(permit) = &self.of_store {
            let closes = feedback.is_429 || feedback.headers.remaining == Some(0);
            let closed_for = if closes { self.closed_for().unwrap_or_default() } else { Duration::ZERO };
            permit.answered(Duration::from_micros(after), feedback.into(), closed_for);
        }
    }

    /// How long the gate of the key is still closed, if it is.
    #[cfg(any(feature = "tracing", feature = "shared-limit"))]
    pub(crate) fn closed_for(&self) -> Option<std::time::Duration> {
        self.key.with(|tenant, now, key| tenant.state.status(now, key, self.limit)).closed_for
    }
}

#[cfg(feature = "shared-limit")]
impl Permit {
    /// Adds the store's permit. The time limits of the request start now.
    pub(crate) fn add_store_permit(&mut self, store_permit: StorePermit) {
        self.of_store = Some(store_permit);
        self.granted_at = Instant::now();
    }

    /// True unless the store's permit has ended, or the request's time in the journal.
    fn may_depart(&self) -> bool {
        #[cfg(feature = "journal")]
        if self.depart_by.get().is_some_and(|limit| jiff::Timestamp::now() > *limit) {
            return false;
        }
        self.of_store.as_ref().is_none_or(StorePermit::holds)
    }

    /// The request must not depart after this moment. It is one of the wall clock, because tokio's clock stops while the machine
    /// is suspended.
    #[cfg(feature = "journal")]
    pub(crate) fn depart_by(&self, limit: jiff::Timestamp) {
        self.depart_by.get_or_init(|| limit);
    }

    /// Waits until the store knows of a `429`, at most until `deadline`.
    pub(crate) async fn reported(&self, deadline: Instant) {
        if let Some(permit) = &self.of_store {
            permit.reported(deadline).await;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.has_departed() {
            self.key.tell(self.limit, &Report::Released { id: self.id });
            #[cfg(feature = "shared-limit")]
            if let Some(permit) = &self.of_store {
                permit.release();
            }
        }
    }
}
