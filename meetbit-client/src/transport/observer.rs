//! Observes one attempt of a call, through any middleware.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;

#[cfg(not(feature = "shared-limit"))]
use crate::rate_limit::limiter::AcquireError as NoPermit;
use crate::rate_limit::limiter::{Limiter, Turn};
use crate::rate_limit::permit::Permit;
use crate::rate_limit::state::Feedback;
#[cfg(feature = "shared-limit")]
use crate::rate_limit::store_limiter::NoPermit;
use crate::response::retry_after::{self, RateLimitHeaders};
#[cfg(feature = "journal")]
use crate::transport::intent::Intent;

/// The limits of an attempt, and what has been seen of it.
///
/// It receives each response head before the body is read, because an error status counts even if its body never ends.
/// Middleware may send several requests in one attempt; the last head counts.
#[derive(Debug)]
pub(crate) struct AttemptObserver {
    pub(crate) turn: Turn,
    /// The time limit of one request, from its permit to the last byte of the reply.
    pub(crate) attempt_timeout: Duration,
    /// The limiter of the key of this attempt, if the transport's may be that of another key.
    limiter: Option<Limiter>,
    /// What must be durable before a request of the attempt departs.
    #[cfg(feature = "journal")]
    pub(crate) intent: Option<Arc<dyn Intent>>,
    observed: Mutex<Observed>,
}

#[derive(Debug, Default)]
struct Observed {
    /// A permit was granted, so a request was tried.
    has_permit: bool,
    /// The head of the last reply. A further request of the attempt resets it.
    head: Option<Head>,
    /// The number of requests that the server may have processed: they departed or still can, and were not rejected.
    unsettled: usize,
}

/// Watches one request until it ends, even if middleware or the caller drops it. A request that has not departed by then never
/// does.
pub(crate) struct Watch<'a> {
    observer: &'a AttemptObserver,
    permit: Arc<Permit>,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if self.permit.cancel() || self.permit.is_rejected() {
            self.observer.observed().unsettled -= 1;
            #[cfg(feature = "journal")]
            if let Some(intent) = &self.observer.intent {
                intent.settled();
            }
        }
    }
}

/// The part of a response head that outlives the response.
#[derive(Clone, Debug)]
struct Head {
    status: StatusCode,
    rate_limit: RateLimitHeaders,
    error: Option<ErrorHead>,
}

/// The head of a reply with an error status.
#[derive(Clone, Debug)]
pub(crate) struct ErrorHead {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) retry_after: Option<Duration>,
}

impl AttemptObserver {
    pub(crate) fn new(turn: Turn, attempt_timeout: Duration, limiter: Option<Limiter>) -> Self {
        Self {
            turn,
            attempt_timeout,
            limiter,
            #[cfg(feature = "journal")]
            intent: None,
            observed: Mutex::default(),
        }
    }

    #[cfg(feature = "journal")]
    pub(crate) fn with_intent(self, intent: Option<Arc<dyn Intent>>) -> Self {
        Self { intent, ..self }
    }

    /// Waits for a permit for one more request of this attempt: of its own limiter, else of the transport's.
    pub(crate) async fn acquire(&self, limiter: &Limiter) -> Result<Permit, NoPermit> {
        #[cfg(feature = "tracing")]
        let asked = tokio::time::Instant::now();
        let limiter = self.limiter.as_ref().unwrap_or(limiter);
        #[cfg(feature = "shared-limit")]
        let (permit, waited_for) = limiter.acquire_with_store(&self.turn).await?;
        #[cfg(not(feature = "shared-limit"))]
        let (permit, waited_for) = limiter.acquire(&self.turn).await?;
        #[cfg(feature = "tracing")]
        if let Some(reason) = waited_for {
            let waited_ms = millis(asked.elapsed());
            tracing::info!(target: "meetbit_client", waited_ms, ?reason, "waited for the rate limit");
        }
        let _ = waited_for;
        let mut observed = self.observed();
        (observed.has_permit, observed.head) = (true, None);
        drop(observed);
        Ok(permit)
    }

    /// Watches a request that takes this permit.
    pub(crate) fn watch(&self, permit: Arc<Permit>) -> Watch<'_> {
        self.observed().unsettled += 1;
        Watch { observer: self, permit }
    }

    /// True if the server may have processed a request of this attempt. Middleware may have sent several, and may have kept
    /// one that is still under way.
    pub(crate) fn may_have_acted(&self) -> bool {
        self.observed().unsettled > 0
    }

    /// True if a permit was granted, so that the attempt counts.
    pub(crate) fn has_permit(&self) -> bool {
        self.observed().has_permit
    }

    /// The status of the last head.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        self.observed().head.as_ref().map(|head| head.status)
    }

    pub(crate) fn rate_limit(&self) -> RateLimitHeaders {
        self.observed().head.as_ref().map(|head| head.rate_limit).unwrap_or_default()
    }

    /// The last head, if it has an error status.
    pub(crate) fn error_head(&self) -> Option<ErrorHead> {
        self.observed().head.as_ref().and_then(|head| head.error.clone())
    }

    /// Records the head of a reply to a request with a permit, and tells the limiter about it.
    pub(crate) fn on_response_head(&self, permit: &Permit, status: StatusCode, headers: &HeaderMap) {
        let head = Head::new(status, headers);
        #[cfg(feature = "tracing")]
        let closed_for = permit.closed_for();
        if status.is_client_error() {
            permit.reject();
        }
        permit.answered(Feedback {
            is_429: status == StatusCode::TOO_MANY_REQUESTS,
            retry_after: head.error.as_ref().and_then(|error| error.retry_after),
            // A gateway between answers 5xx with limits of its own.
            headers: if status.is_server_error() { RateLimitHeaders::default() } else { head.rate_limit },
        });
        #[cfg(feature = "tracing")]
        if let Some(wait) = permit.closed_for().filter(|wait| Some(*wait) > closed_for) {
            let wait_ms = millis(wait);
            tracing::warn!(target: "meetbit_client", wait_ms, "gate closed");
        }
        self.observed().head = Some(head);
    }

    /// Records the head of a reply that middleware has made or changed.
    pub(crate) fn on_middleware_head(&self, status: StatusCode, headers: &HeaderMap) {
        let head = Head::new(status, headers);
        self.observed().head = Some(head);
    }

    fn observed(&self) -> MutexGuard<'_, Observed> {
        self.observed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Head {
    fn new(status: StatusCode, headers: &HeaderMap) -> Self {
        let error = (!status.is_success()).then(|| {
            let retry_after = retry_after::parse(headers, Timestamp::now());
            ErrorHead { status, headers: headers.clone(), retry_after }
        });
        Self { status, rate_limit: RateLimitHeaders::parse(headers), error }
    }
}

#[cfg(feature = "tracing")]
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
