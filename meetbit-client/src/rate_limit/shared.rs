//! The seam to a store that several processes share, and the decisions for those who write one.

use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::rate_limit::config::RateLimit;
use crate::rate_limit::moment::span;
use crate::rate_limit::state;
use crate::response::retry_after::RateLimitHeaders;

type BoxError = Box<dyn StdError + Send + Sync>;

/// What the methods of [`SharedLimit`] return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How long a store's permit is valid. A request that departs later must [`ask`](SharedLimit::ask) again.
///
/// The span counts from the moment at which the question was asked.
pub const HOLD: Duration = Duration::from_micros(crate::rate_limit::window::HOLD);

/// A place that keeps the state of the rate limit for several processes. [`FileLimit`](crate::FileLimit) is one.
///
/// Needs the feature `shared-limit`.
///
/// A store keeps one [`State`] for each [`Ask::tenant`]. For each question and each report it loads the state, calls the
/// function [`ask`] or [`tell`] and stores the state again. Nobody else may change the state meanwhile, so a store needs a
/// lock or a compare-and-swap.
///
/// An error means that the question has no answer. The client then asks again until the call's deadline. It sends nothing
/// without an answer. A method may run twice for one question or report, or not at all.
///
/// # Examples
/// A store for several clients of one process:
/// ```
/// use std::collections::BTreeMap;
/// use std::sync::{Mutex, PoisonError};
/// use std::time::Instant;
///
/// use meetbit_client::rate_limit::{
///     self, Ask, BoxFuture, Report, SharedLimit, State, Verdict,
/// };
/// use meetbit_client::BoxError;
///
/// struct Memory {
///     start: Instant,
///     tenants: Mutex<BTreeMap<String, State>>,
/// }
///
/// impl SharedLimit for Memory {
///     fn ask<'a>(
///         &'a self,
///         ask: &'a Ask,
///     ) -> BoxFuture<'a, Result<Verdict, BoxError>> {
///         let tenants = self.tenants.lock();
///         let mut tenants = tenants.unwrap_or_else(PoisonError::into_inner);
///         let state = tenants.entry(ask.tenant.clone()).or_default();
///         let verdict = rate_limit::ask(state, self.start.elapsed(), ask);
///         Box::pin(async move { Ok(verdict) })
///     }
///
///     fn tell<'a>(
///         &'a self,
///         report: &'a Report,
///     ) -> BoxFuture<'a, Result<(), BoxError>> {
///         let tenants = self.tenants.lock();
///         let mut tenants = tenants.unwrap_or_else(PoisonError::into_inner);
///         let state = tenants.entry(report.tenant.clone()).or_default();
///         rate_limit::tell(state, self.start.elapsed(), report);
///         Box::pin(async { Ok(()) })
///     }
/// }
/// ```
pub trait SharedLimit: Send + Sync + 'static {
    /// Answers whether a request may be sent. The client waits half a second for the answer.
    fn ask<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Verdict, BoxError>>;

    /// Takes a report. Calls do not wait for it, except for the report of a `429`.
    fn tell<'a>(&'a self, report: &'a Report) -> BoxFuture<'a, Result<(), BoxError>>;

    /// The same store, in which all access keys of clients with this name share one limit and one `Retry-After`.
    ///
    /// MeetBit documents its limit per Client, and a Client may have several access keys. Without a name each key has a limit of
    /// its own in the store. Give all clients whose keys belong to one MeetBit Client the same name. The name is hashed.
    ///
    /// ```no_run
    /// # fn example() -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::{ClientBuilder, FileLimit, SharedLimit};
    ///
    /// let limit = FileLimit::open("/var/lib/crm/meetbit-limit.json")?.named("crm");
    /// let client = ClientBuilder::from_env()?.shared_limit(limit).build()?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    fn named(self, name: &str) -> Named<Self>
    where
        Self: Sized,
    {
        Named::new(self, name)
    }
}

/// A store in which several access keys share one limit: see [`SharedLimit::named`].
#[derive(Clone, Debug)]
pub struct Named<S> {
    store: S,
    /// What the store takes for the access key.
    key: String,
}

impl<S> Named<S> {
    pub(crate) fn new(store: S, name: &str) -> Self {
        Self { store, key: hash(&format!("named {name}")) }
    }
}

impl<S: SharedLimit> SharedLimit for Named<S> {
    fn ask<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Verdict, BoxError>> {
        let ask = Ask { key: self.key.clone(), ..ask.clone() };
        Box::pin(async move { self.store.ask(&ask).await })
    }

    fn tell<'a>(&'a self, report: &'a Report) -> BoxFuture<'a, Result<(), BoxError>> {
        let report = Report { key: self.key.clone(), ..report.clone() };
        Box::pin(async move { self.store.tell(&report).await })
    }
}

/// The name of a tenant or a key in a store.
pub(crate) fn hash(text: &str) -> String {
    base16ct::lower::encode_string(&Sha256::digest(text))
}

/// How fast a client may send: [`RateLimit`] as plain data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rate {
    /// The requests in a period with one access key; `u32::MAX` is unlimited.
    pub key: u32,
    /// The requests in a period to the tenant; `u32::MAX` is unlimited.
    pub tenant: u32,
    /// The period in which they are counted.
    pub period: Duration,
    /// See [`RateLimit::min_round_trip`].
    pub min_round_trip: Duration,
    /// See [`RateLimit::queue`].
    pub queue: u32,
}

/// A question: may this request be sent?
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ask {
    /// The tenant: the SHA-256 hash of the server's origin, in hexadecimal.
    pub tenant: String,
    /// The access key: the SHA-256 hash of its id, or of a [name](SharedLimit::named), in hexadecimal.
    pub key: String,
    /// Identifies the request among all processes. Two questions with one id take one permit. It is less than 2^53.
    pub id: u64,
    /// True if the id was asked before: because there was no answer, after a wait, or to extend the permit.
    pub again: bool,
    /// The call's place in the order of arrival, from an earlier answer.
    pub ticket: Option<u64>,
    /// The client's limit.
    pub rate: Rate,
    /// The caller waits no longer than this.
    pub within: Duration,
}

/// The answer to an [`Ask`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// The request may be sent within [`HOLD`].
    Go {
        /// The call's place in the order of arrival.
        ticket: u64,
    },
    /// Ask again after a time.
    Wait {
        /// The time. If it is not shorter than [`Ask::within`], the call is not queued.
        wait: Duration,
        /// What the call waits for.
        reason: WaitReason,
        /// The call's place in the order of arrival.
        ticket: u64,
    },
    /// The server asked to send nothing for a time.
    Closed {
        /// The time. If it is not shorter than [`Ask::within`], the call is not queued.
        wait: Duration,
        /// The number of `429`s in a row, each of a request that was sent after a full wait.
        refusals: u32,
        /// The call's place in the order of arrival.
        ticket: u64,
    },
    /// Too many calls are waiting.
    Full,
}

/// What a call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WaitReason {
    /// The key's limit.
    Key,
    /// The tenant's limit.
    Tenant,
    /// Calls that came earlier.
    Queue,
    /// The end of a `Retry-After`.
    Gate,
}

/// A report about a request, or about a call that waited.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Report {
    /// The same as [`Ask::tenant`].
    pub tenant: String,
    /// The same as [`Ask::key`].
    pub key: String,
    /// The client's limit.
    pub rate: Rate,
    /// What happened.
    pub event: Event,
}

/// What a [`Report`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Event {
    /// The request was answered.
    Answered {
        /// The request.
        id: u64,
        /// The request departed this long before the report, or less.
        departed: Duration,
        /// What the reply says.
        feedback: Feedback,
    },
    /// The request will not be sent.
    Released {
        /// The request.
        id: u64,
    },
    /// The call no longer waits.
    Withdrawn {
        /// The call's place in the order of arrival.
        ticket: u64,
    },
}

/// What the head of a reply says about the rate limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Feedback {
    /// True if the status is `429`.
    pub is_429: bool,
    /// The wait of a `429`, if it states one.
    pub retry_after: Option<Duration>,
    /// `RateLimit-Limit`, if MeetBit sent it and not a proxy before it; so are the next two.
    pub limit: Option<u32>,
    /// `RateLimit-Remaining`.
    pub remaining: Option<u32>,
    /// `RateLimit-Reset`.
    pub reset: Option<Duration>,
}

/// The state of one tenant, for stores. It is plain data and starts as `State::default()`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct State(state::State);

impl State {
    /// Drops the state of keys for which nothing counts, waits or is closed at `now`. True if nothing is left.
    pub fn drop_idle(&mut self, now: Duration) -> bool {
        self.0.drop_idle(span(now))
    }
}

/// Decides whether a request may be sent, and records the decision. Asking twice with one id changes nothing.
///
/// `now` is the span since a fixed moment in the past, on the clock of the store. It must not go back.
///
/// The store does not learn when a request departs. So a permit counts for [`HOLD`], one second on the way and one period,
/// unless a report says less.
pub fn ask(state: &mut State, now: Duration, ask: &Ask) -> Verdict {
    let state = &mut state.0;
    let limit = RateLimit::from(ask.rate);
    // A ticket of a state that was lost may be another call's in this one.
    let ticket = ask.ticket.filter(|ticket| state.is_free_for(*ticket, &ask.key));
    let inner = state::Ask { key: &ask.key, id: ask.id, again: ask.again, ticket, limit, within: span(ask.within) };
    let verdict = state.ask(span(now), &inner);
    if matches!(verdict, state::Verdict::Go { .. }) {
        state.hold_unobserved(&ask.key, ask.id, limit);
    }
    verdict.into()
}

/// Records a report. Telling twice, late or never is safe.
///
/// `now` is as for [`ask`].
pub fn tell(state: &mut State, now: Duration, report: &Report) {
    let event = match report.event {
        Event::Answered { id, departed, feedback } => {
            state::Report::Answered { id, after: span(departed), feedback: feedback.into() }
        }
        Event::Released { id } => state::Report::Released { id },
        Event::Withdrawn { ticket } => state::Report::Withdrawn { ticket },
    };
    state.0.tell(span(now), &report.key, report.rate.into(), &event);
}

impl From<state::Verdict> for Verdict {
    fn from(verdict: state::Verdict) -> Self {
        match verdict {
            state::Verdict::Go { ticket } => Self::Go { ticket },
            state::Verdict::Wait { wait, reason, ticket } => {
                Self::Wait { wait: Duration::from_micros(wait), reason: reason.into(), ticket }
            }
            state::Verdict::Closed { wait, refusals, ticket } => {
                Self::Closed { wait: Duration::from_micros(wait), refusals, ticket }
            }
            state::Verdict::Full => Self::Full,
        }
    }
}

impl From<state::WaitReason> for WaitReason {
    fn from(reason: state::WaitReason) -> Self {
        match reason {
            state::WaitReason::Key => Self::Key,
            state::WaitReason::Tenant => Self::Tenant,
            state::WaitReason::Queue => Self::Queue,
            state::WaitReason::Gate => Self::Gate,
        }
    }
}

impl From<Feedback> for state::Feedback {
    fn from(feedback: Feedback) -> Self {
        let Feedback { is_429, retry_after, limit, remaining, reset } = feedback;
        Self { is_429, retry_after, headers: RateLimitHeaders { limit, remaining, reset } }
    }
}

impl From<state::Feedback> for Feedback {
    fn from(feedback: state::Feedback) -> Self {
        let RateLimitHeaders { limit, remaining, reset } = feedback.headers;
        Self { is_429: feedback.is_429, retry_after: feedback.retry_after, limit, remaining, reset }
    }
}

impl From<RateLimit> for Rate {
    fn from(limit: RateLimit) -> Self {
        let number = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            key: number(limit.key),
            tenant: number(limit.tenant),
            period: Duration::from_micros(limit.period),
            min_round_trip: Duration::from_micros(limit.credit),
            queue: number(limit.queue),
        }
    }
}

impl From<Rate> for RateLimit {
    fn from(rate: Rate) -> Self {
        let number = |number: u32| if number == u32::MAX { usize::MAX } else { number.max(1) as usize };
        Self {
            key: number(rate.key),
            tenant: number(rate.tenant),
            queue: rate.queue as usize,
            ..Self::every(rate.period).min_round_trip(rate.min_round_trip)
        }
    }
}
