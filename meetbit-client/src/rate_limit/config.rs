use std::time::Duration;

/// How fast a client may send: requests in every window of one second, as the server sees them.
///
/// MeetBit allows each Client (the owner of access keys) 5 requests a second by default, and the whole tenant 10. Every
/// client of the process that talks to the same server shares the count: one with the same key id its own part, all
/// of them the tenant's. Other processes are not known: give each its part of the limit.
///
/// A request is counted from when it may leave until a second after the server has surely seen it, as far as its answer
/// proves that. Where the time that answers take varies by more than a few milliseconds as a rule, it is presumed that the
/// server's work varies and not the way to it, so that 95 % of the limit can still be used; the first `429` ends that
/// presumption.
///
/// ```
/// use meetbit_client::RateLimit;
///
/// assert_eq!(RateLimit::default(), RateLimit::per_second(5).tenant(10));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    pub(crate) key: u32,
    pub(crate) tenant: u32,
    pub(crate) queue: usize,
}

impl RateLimit {
    /// At most `key` requests a second with one access key, and twice as many to the tenant; 0 counts as 1.
    #[must_use]
    pub fn per_second(key: u32) -> Self {
        let key = key.max(1);
        Self { key, tenant: key.saturating_mul(2), queue: 10_000 }
    }

    /// At most `requests` a second to the tenant, over all keys that this process uses; 0 counts as 1.
    #[must_use]
    pub fn tenant(mut self, requests: u32) -> Self {
        self.tenant = requests.max(1);
        self
    }

    /// At most `calls` wait for their turn (10 000 by default); the next one fails at once, with
    /// [`RateLimited`](crate::ErrorKind::RateLimited).
    #[must_use]
    pub fn queue(mut self, calls: usize) -> Self {
        self.queue = calls;
        self
    }

    /// No pacing. A `429` still closes the way until its `Retry-After` has passed.
    #[must_use]
    pub fn unlimited() -> Self {
        Self { tenant: u32::MAX, ..Self::per_second(u32::MAX) }
    }

    /// Whether requests must be counted at all.
    pub(crate) fn is_counted(self) -> bool {
        (self.key, self.tenant) != (u32::MAX, u32::MAX)
    }
}

/// The vendor's defaults: 5 a second for the key, 10 for the tenant.
impl Default for RateLimit {
    fn default() -> Self {
        Self::per_second(5)
    }
}

/// Where the pacing of a client's key stands, for people and dashboards: see
/// [`Client::rate_limit_status`](crate::Client::rate_limit_status).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimitStatus {
    /// Requests a second that the key may send at present: what is set, or less where the server says less.
    pub limit: u32,
    /// Requests of the current second, over every client of the process with this key.
    pub in_use: usize,
    /// Calls that wait for their turn with this key.
    pub waiting: usize,
    /// Time until anything may be sent at all, where the server has asked to wait.
    pub closed_for: Option<Duration>,
    /// `429`s in a row, each directly after a full wait; after 3 the client no longer waits by itself.
    pub refusals: u32,
}
