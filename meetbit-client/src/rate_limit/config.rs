use std::time::Duration;

use crate::rate_limit::moment::{Moment, SECOND, TICK, span};

/// How fast a client may send: a number of requests in any period of one second, as the server sees them.
///
/// MeetBit allows each Client (the owner of access keys) 5 requests a second by default, and the whole tenant 10. All
/// clients of the process that talk to the same server share the count: clients with the same key id share the key's
/// part, and all of them share the tenant's. Processes do not coordinate without a shared limit (feature `shared-limit`): divide
/// the limit between them with [`shared_by`](Self::shared_by).
///
/// A request counts from the moment it may be sent until one second after its answer, so the rate under load is
/// `limit / (1 s + mean answer time - min_round_trip)`: 99 % of the limit if answers take 5 ms, 87 % if they take 150 ms.
/// [`min_round_trip`](Self::min_round_trip) removes network time from this formula.
///
/// ```
/// use meetbit_client::RateLimit;
///
/// assert_eq!(RateLimit::default(), RateLimit::per_second(5).tenant(10));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    pub(crate) key: usize,
    pub(crate) tenant: usize,
    pub(crate) period: Moment,
    pub(crate) credit: Moment,
    pub(crate) queue: usize,
}

/// Longer periods count as this, so that no sum of moments overflows.
const MILLENNIUM: Duration = Duration::from_secs(1000 * 365 * 24 * 60 * 60);
/// Added to every period, because clocks and timers are not exact.
pub(crate) const MARGIN: Moment = 5 * TICK;

impl RateLimit {
    /// At most `key` requests a second with one access key, and twice as many to the tenant; 0 counts as 1.
    #[must_use]
    pub fn per_second(key: u32) -> Self {
        let key = key.max(1) as usize;
        Self { key, tenant: key.saturating_mul(2), period: SECOND, credit: 0, queue: 10_000 }
    }

    /// At most one request in each `period` with one access key, and two to the tenant, for rates below one a second. A period
    /// of zero counts as one microsecond, and one of more than a thousand years as that.
    ///
    /// Clients with the same key should state the same period, because a request counts for the period of its own client.
    ///
    /// ```
    /// use meetbit_client::RateLimit;
    /// use std::time::Duration;
    ///
    /// let one_every_ten_seconds = RateLimit::every(Duration::from_secs(10));
    /// # let _ = one_every_ten_seconds;
    /// ```
    #[must_use]
    pub fn every(period: Duration) -> Self {
        Self { period: span(period.min(MILLENNIUM)).max(1), ..Self::per_second(1) }
    }

    /// At most `requests` to the tenant in each second (or each period of [`every`](Self::every)), over all keys that this
    /// process uses; 0 counts as 1.
    #[must_use]
    pub fn tenant(mut self, requests: u32) -> Self {
        self.tenant = requests.max(1) as usize;
        self
    }

    /// This process's share if `processes` of them use the key: the limits divided, rounded down. 0 counts as 1.
    ///
    /// If there are more processes than requests in a period, each gets one request in a longer period. Then only the mean
    /// rate is within the limit, because the processes may send at the same moment.
    ///
    /// ```
    /// use meetbit_client::RateLimit;
    ///
    /// assert_eq!(
    ///     RateLimit::per_second(10).tenant(20).shared_by(4),
    ///     RateLimit::per_second(2).tenant(5)
    /// );
    /// ```
    #[must_use]
    pub fn shared_by(mut self, processes: u32) -> Self {
        let processes = processes.max(1) as usize;
        if self.is_counted() {
            let periods = processes.div_ceil(self.key) as u64;
            self.period = self.period.saturating_mul(periods).min(span(MILLENNIUM));
            self.key = (self.key / processes).max(1);
            self.tenant = (self.tenant / processes).max(1);
        }
        self
    }

    /// States that no round trip to the tenant is shorter than this (0 by default).
    ///
    /// A request then counts for less time after its answer, because the answer proves that the request arrived at least this
    /// much earlier. If a round trip is shorter after all, the server may see more requests than the limit.
    /// [`RateLimitStatus::shortest_round_trip`] shows the shortest one so far.
    #[must_use]
    pub fn min_round_trip(mut self, round_trip: Duration) -> Self {
        self.credit = span(round_trip);
        self
    }

    /// At most `calls` wait for their turn with one key (10,000 by default). The next one fails at once with
    /// [`RateLimited`](crate::ErrorKind::RateLimited).
    #[must_use]
    pub fn queue(mut self, calls: usize) -> Self {
        self.queue = calls;
        self
    }

    /// No limit. `Retry-After` still applies: after a `429` nothing is sent until it has passed.
    #[must_use]
    pub fn unlimited() -> Self {
        Self { key: usize::MAX, tenant: usize::MAX, ..Self::default() }
    }

    /// False if there is no limit, so that requests need not be counted.
    pub(crate) fn is_counted(self) -> bool {
        (self.key, self.tenant) != (usize::MAX, usize::MAX)
    }

    /// A request counts for this long after its answer.
    pub(crate) fn after_answer(self) -> Moment {
        (self.period + MARGIN).saturating_sub(self.credit)
    }

    /// A limit that is not slower than this and the other one.
    pub(crate) fn or_faster(self, other: Self) -> Self {
        Self {
            key: self.key.max(other.key),
            tenant: self.tenant.max(other.tenant),
            period: self.period.min(other.period),
            credit: self.credit.max(other.credit),
            ..self
        }
    }
}

/// The form in which a state is stored. It is not a public form, because a limit of zero would be read without a check.
pub(crate) mod stored {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Moment, RateLimit};

    #[expect(clippy::ref_option, reason = "serde passes the field by reference")]
    pub(crate) fn serialize<S: Serializer>(limit: &Option<RateLimit>, serializer: S) -> Result<S::Ok, S::Error> {
        let parts = limit.map(|limit| (limit.key, limit.tenant, limit.period, limit.credit, limit.queue));
        parts.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<RateLimit>, D::Error> {
        let parts = Option::<(usize, usize, Moment, Moment, usize)>::deserialize(deserializer)?;
        Ok(parts.map(|(key, tenant, period, credit, queue)| RateLimit {
            key: key.max(1),
            tenant: tenant.max(1),
            period: period.clamp(1, Moment::MAX / 4),
            credit,
            queue,
        }))
    }
}

/// MeetBit's defaults: 5 a second for the key, 10 for the tenant.
impl Default for RateLimit {
    fn default() -> Self {
        Self::per_second(5)
    }
}

/// The current state of a client's key, for people and dashboards: see
/// [`Client::rate_limit_status`](crate::Client::rate_limit_status).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimitStatus {
    /// The requests in a second (or a period of [`RateLimit::every`]) that the key may send at present: the client's limit, or
    /// less if the server stated less in the last minute.
    pub limit: u32,
    /// The requests that count at present, over all clients of the process with this key.
    pub in_use: usize,
    /// The calls that wait for their turn with this key.
    pub waiting: usize,
    /// The time until anything may be sent, if the server has asked to wait.
    pub closed_for: Option<Duration>,
    /// The number of `429`s in a row, each of a request sent after a full wait. After 3 the client no longer waits by itself.
    pub refusals: u32,
    /// The shortest time between a request and the head of its reply so far; `None` before the first reply. It helps to choose
    /// [`RateLimit::min_round_trip`].
    pub shortest_round_trip: Option<Duration>,
}
