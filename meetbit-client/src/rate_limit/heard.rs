//! What this process has heard from Redis. It shows whether Redis has lost data, or its clock was set.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::rate_limit::moment::{Moment, span};

/// After this time nothing that a tenant's state contained can count, apart from a gate.
const MEMORY: Duration = Duration::from_secs(60 * 60);
/// A century is as good as a longer wait.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// What was heard, by tenant.
#[derive(Debug, Default)]
pub(crate) struct Heard(Mutex<BTreeMap<String, HeardTenant>>);

#[derive(Debug)]
struct HeardTenant {
    /// The last moment of the state, and the moment at which Redis made it.
    moment: Moment,
    born: Moment,
    /// The moment was not before this.
    asked_at: Instant,
    /// The gates that are closed, by key.
    gates: BTreeMap<String, HeardGate>,
}

#[derive(Debug)]
struct HeardGate {
    /// When the state was made that has this gate.
    born: Moment,
    /// When this process first heard that it is closed.
    since: Instant,
    until: Instant,
    refusals: u32,
}

/// What an answer says about the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) moment: Moment,
    pub(crate) born: Moment,
    /// How long the gate of the key is closed; zero if it is open.
    pub(crate) closed: Duration,
    pub(crate) refusals: u32,
}

/// What a question says about earlier answers.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Recalled {
    #[serde(skip_serializing_if = "Option::is_none")]
    heard: Option<RecalledMoment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gate: Option<RecalledGate>,
}

#[derive(Clone, Debug, Serialize)]
struct RecalledMoment {
    born: Moment,
    moment: Moment,
    elapsed: Moment,
}

#[derive(Clone, Debug, Serialize)]
struct RecalledGate {
    born: Moment,
    closed: Moment,
    refusals: u32,
}

impl Heard {
    pub(crate) fn recall(&self, tenant: &str, key: &str, now: Instant) -> Recalled {
        let tenants = self.lock();
        let Some(tenant) = tenants.get(tenant) else { return Recalled::default() };
        let elapsed = span(now.saturating_duration_since(tenant.asked_at));
        let gate = tenant.gates.get(key).filter(|gate| gate.until > now).map(|gate| {
            let closed = span(gate.until.saturating_duration_since(now));
            RecalledGate { born: gate.born, closed, refusals: gate.refusals }
        });
        let heard = Some(RecalledMoment { born: tenant.born, moment: tenant.moment, elapsed });
        Recalled { heard, gate }
    }

    /// Remembers the answer to a question that was asked at `asked_at`. Returns the current time if it is the first to say that the
    /// gate of the key is closed.
    pub(crate) fn learn(&self, tenant: &str, key: &str, asked_at: Instant, news: News) -> Option<Instant> {
        let now = Instant::now();
        let mut tenants = self.lock();
        tenants.retain(|_, tenant| {
            tenant.gates.retain(|_, gate| gate.until > now);
            !tenant.gates.is_empty() || now.saturating_duration_since(tenant.asked_at) < MEMORY
        });
        let News { moment, born, closed, refusals } = news;
        let new = || HeardTenant { moment, born, asked_at, gates: BTreeMap::new() };
        let tenant = tenants.entry(tenant.to_owned()).or_insert_with(new);
        if born == tenant.born && moment < tenant.moment {
            return None; // a later answer has overtaken this one
        }
        (tenant.moment, tenant.born, tenant.asked_at) = (moment, born, asked_at);
        if closed.is_zero() {
            tenant.gates.remove(key);
            return None;
        }
        let known = tenant.gates.get(key).map(|gate| gate.since);
        let gate = HeardGate { born, since: known.unwrap_or(now), until: now + closed.min(CENTURY), refusals };
        tenant.gates.insert(key.to_owned(), gate);
        known.is_none().then_some(now)
    }

    /// Whether a gate that was first heard of at `since` is still closed, and has not been open meanwhile.
    pub(crate) fn is_closed_since(&self, tenant: &str, key: &str, since: Instant) -> bool {
        let tenants = self.lock();
        let gate = tenants.get(tenant).and_then(|tenant| tenant.gates.get(key));
        gate.is_some_and(|gate| gate.since == since && gate.until > Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, HeardTenant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise each closing would leave a task that goes on asking Redis.
    #[test]
    fn a_gate_that_closes_again_ends_the_reminder_of_its_earlier_closing() {
        let heard = Heard::default();
        let learn = |moment, closed| {
            let news = News { moment, born: 1, closed: Duration::from_secs(closed), refusals: 1 };
            heard.learn("tenant", "key", Instant::now(), news)
        };
        let first = learn(1, 60).expect("it is news");
        assert_eq!(learn(2, 60), None, "it was closed already");
        assert!(heard.is_closed_since("tenant", "key", first));
        assert_eq!(learn(3, 0), None, "it is open");
        let second = learn(4, 60).expect("it is news again");
        assert!(heard.is_closed_since("tenant", "key", second) && !heard.is_closed_since("tenant", "key", first));
    }
}
