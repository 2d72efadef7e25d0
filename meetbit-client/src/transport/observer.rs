//! What is seen of an attempt while it is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::rate_limit::pacer::Permit;
use crate::rate_limit::tally::Answer;
use crate::response::retry_after::{self, RateLimitHeaders};
use crate::transport::latest::Latest;

/// Learns of a reply's head as soon as it has been read, since the pacer must not wait for the body, and a status that
/// refuses stands even if the body never ends.
#[derive(Debug)]
pub(crate) struct Watch {
    permit: Permit,
    /// When the attempt ends at the latest.
    limit: Instant,
    held_back: AtomicBool,
    /// Of the reply that was read last: there may be more, where middleware has sent the request again.
    head: Latest<Head>,
}

/// Stands among the extensions of a reply whose head has been noted, though not of one that middleware has made of it or kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noted;

/// What counts of a head.
#[derive(Debug)]
struct Head {
    status: StatusCode,
    rate_limit: RateLimitHeaders,
    refusal: Option<Refusal>,
}

/// The head of a reply that is no success.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) retry_after: Option<Duration>,
}

impl Watch {
    pub(crate) fn new(permit: Permit, limit: Instant) -> Arc<Self> {
        Arc::new(Self { permit, limit, held_back: AtomicBool::new(false), head: Latest::default() })
    }

    pub(crate) fn limit(&self) -> Instant {
        self.limit
    }

    /// The request is about to leave; false says that it must not.
    pub(crate) fn depart(&self) -> bool {
        let open = self.permit.depart();
        self.held_back.store(!open, Ordering::Relaxed);
        open
    }

    pub(crate) fn has_departed(&self) -> bool {
        self.permit.has_departed()
    }

    /// The server has asked to wait since leave was given, and the request did not leave.
    pub(crate) fn is_held_back(&self) -> bool {
        self.held_back.load(Ordering::Relaxed)
    }

    /// The status of the head that was read last.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        self.head.get().map(|head| head.status)
    }

    pub(crate) fn rate_limit(&self) -> RateLimitHeaders {
        self.head.get().map(|head| head.rate_limit).unwrap_or_default()
    }

    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.head.get().and_then(|head| head.refusal.clone())
    }

    /// Takes note of a head: of each, where middleware has sent the request again.
    pub(crate) fn note(&self, status: StatusCode, headers: &HeaderMap) {
        let rate_limit = RateLimitHeaders::parse(headers);
        let refusal = (!status.is_success()).then(|| {
            let retry_after = retry_after::parse(headers, Timestamp::now());
            Refusal { status, headers: headers.clone(), retry_after }
        });
        let is_refusal = status == StatusCode::TOO_MANY_REQUESTS;
        let retry_after = refusal.as_ref().and_then(|refusal| refusal.retry_after);
        self.permit.answered(Answer { headers: rate_limit, is_refusal, retry_after });
        self.head.set(Head { status, rate_limit, refusal });
    }
}
