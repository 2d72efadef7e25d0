//! What a process may send while its store cannot be used, if its user states a share.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::rate_limit::config::RateLimit;
use crate::rate_limit::shared::{Ask, Event, Rate, Report, State, Verdict, ask, tell};

type BoxError = Box<dyn StdError + Send + Sync>;

/// Marks the tickets of a share, which mean nothing in the store.
const OF_SHARE: u64 = 1 << 52;

/// The question as the store understands it.
pub(crate) fn without_its_ticket(question: &Ask) -> Ask {
    Ask { ticket: question.ticket.filter(|ticket| ticket & OF_SHARE == 0), ..question.clone() }
}

/// The answer of the store, or of the share if the store has failed and there is a share.
pub(crate) fn or_share<E: StdError + Send + Sync + 'static>(
    share: Option<&Share>,
    question: &Ask,
    answer: Result<Verdict, E>,
) -> Result<Verdict, BoxError> {
    match (answer, share) {
        (Err(failure), Some(share)) => {
            share.enter(&failure);
            Ok(share.ask(question))
        }
        (Ok(verdict), Some(share)) => {
            share.leave();
            Ok(verdict)
        }
        (answer, None) => answer.map_err(BoxError::from),
    }
}

/// What this process may send while the store cannot be used.
#[derive(Debug)]
pub(crate) struct Share {
    rate: Rate,
    start: Instant,
    tenants: Mutex<BTreeMap<String, State>>,
    is_used: AtomicBool,
}

impl Share {
    pub(crate) fn new(share: RateLimit) -> Self {
        let (tenants, is_used) = (Mutex::default(), AtomicBool::new(false));
        Self { rate: share.into(), start: Instant::now(), tenants, is_used }
    }

    fn ask(&self, question: &Ask) -> Verdict {
        let ticket = question.ticket.filter(|ticket| ticket & OF_SHARE != 0).map(|ticket| ticket - OF_SHARE);
        let question = Ask { rate: self.rate, ticket, ..question.clone() };
        let mut verdict = self.with(&question.tenant, |state, now| ask(state, now, &question));
        match &mut verdict {
            Verdict::Go { ticket } | Verdict::Wait { ticket, .. } | Verdict::Closed { ticket, .. } => {
                *ticket |= OF_SHARE;
            }
            Verdict::Full => {}
        }
        verdict
    }

    pub(crate) fn tell(&self, report: &Report) {
        let event = match report.event {
            Event::Withdrawn { ticket } if ticket & OF_SHARE == 0 => return,
            Event::Withdrawn { ticket } => Event::Withdrawn { ticket: ticket - OF_SHARE },
            event => event,
        };
        let report = Report { rate: self.rate, event, ..report.clone() };
        self.with(&report.tenant, |state, now| tell(state, now, &report));
    }

    fn with<R>(&self, tenant: &str, f: impl FnOnce(&mut State, Duration) -> R) -> R {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.start.elapsed();
        tenants.retain(|_, state| !state.drop_idle(now));
        f(tenants.entry(tenant.to_owned()).or_default(), now)
    }

    fn enter(&self, failure: &dyn StdError) {
        if !self.is_used.swap(true, Ordering::Relaxed) {
            #[cfg(feature = "tracing")]
            tracing::warn!(target: "meetbit_client", %failure, "the shared rate limit fails; this process sends with its share");
            let _ = failure;
        }
    }

    fn leave(&self) {
        if self.is_used.swap(false, Ordering::Relaxed) {
            #[cfg(feature = "tracing")]
            tracing::warn!(target: "meetbit_client", "the shared rate limit works again");
        }
    }
}
