//! A store in Redis: one limit for the processes of many machines. The decisions are in `limiter.lua`.

mod nodes;

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, LazyLock, Weak};
use std::time::{Duration, Instant};

use redis::aio::ConnectionManager;
use redis::{Client, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisError, ServerErrorKind};
use serde::Serialize;
use tokio::time::{sleep, timeout};

use self::nodes::Nodes;
use crate::error::Error;
use crate::rate_limit::config::{MARGIN, RateLimit};
use crate::rate_limit::heard::{Heard, News, Recalled};
use crate::rate_limit::moment::{HOUR, MINUTE, Moment, SECOND, TICK, span};
use crate::rate_limit::queue::{ARREARS, PATIENCE};
use crate::rate_limit::share::{self, Share};
use crate::rate_limit::shared::{Ask, BoxFuture, Event, Rate, Report, SharedLimit, Verdict, WaitReason};
use crate::rate_limit::state::{ASSUMED_DELIVERY, FORESIGHT, LOOK};
use crate::rate_limit::window::HOLD;

type BoxError = Box<dyn StdError + Send + Sync>;

/// The whole of a question, with a new connection, must take no longer. It is less than what a client waits for an answer.
const QUESTION: Duration = Duration::from_millis(450);
/// Redis is reminded of a closed gate this often. It is less than the pause after data was lost.
const REMINDER: Duration = Duration::from_secs(1);
/// A limit that is not smaller is none.
const NO_LIMIT: u32 = u32::MAX;
/// Redis keeps the state of a tenant without requests this long.
const WEEK: Moment = 7 * 24 * HOUR;
/// The clock of Redis may seem to be ahead by this, because questions do not take the same time on their way.
const SLACK: Moment = 100 * TICK;
/// Longer spans count as this, so that all moments are below 2^53.
const CENTURY: Moment = 100 * 365 * 24 * HOUR;

/// One rate limit for the processes of many machines, in Redis. A `429` that one of them gets stops all of them.
///
/// Needs the feature `redis`.
///
/// The state of a tenant is one key, `meetbit-limit:{HASH}`, of a few hundred bytes. It contains hashes of access key ids and
/// servers, but no id and no secret. Each decision is one script, which is atomic. The clock is Redis's.
///
/// # Failures
/// If Redis cannot be used, nothing is sent: see [`ClientBuilder::shared_limit`](crate::ClientBuilder::shared_limit). If Redis
/// does not know the tenant, because it has lost its data or because the tenant is new, nothing is sent for two seconds and one
/// period, until earlier requests no longer count. A process that knows of a closed gate closes it again meanwhile.
///
/// If Redis's clock is set back, no wait ends early, and none takes longer. If it is set forward by more than a tenth of a
/// second, the next question of a process that has just asked shows it, and no wait ends early.
///
/// [`processes`](crate::processes) compares the stores, and says what Redis needs.
///
/// # Examples
/// ```no_run
/// use meetbit_client::{ClientBuilder, RedisLimit};
///
/// # async fn connect() -> Result<(), meetbit_client::Error> {
/// let limit = RedisLimit::connect("redis://127.0.0.1:6379").await?;
/// let client = ClientBuilder::from_env()?.shared_limit(limit).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RedisLimit {
    redis: Arc<Redis>,
    share: Option<Arc<Share>>,
}

impl RedisLimit {
    /// Connects to Redis: `redis://[user:password@]host[:port][/database]`, `rediss://` for TLS, or
    /// `unix:///path/to/socket`. A connection that breaks is made again by the next question.
    ///
    /// If the server belongs to a Redis Cluster, its redirections are followed. Name a host that resolves to nodes which are
    /// alive, because after a failure the next question asks it which node has the state.
    ///
    /// TLS is rustls with the certificates of the system; [`processes`](crate::processes#redis) says how to trust others. If the
    /// process has no rustls provider, this installs aws-lc-rs as its default (feature `rustls`).
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config), if the URL is invalid, Redis cannot be reached or refuses the password, its
    /// certificate is not trusted, or TLS cannot be used. The text names the address, but not the password.
    pub async fn connect(url: impl AsRef<str>) -> Result<Self, Error> {
        let invalid = |error: RedisError| Error::config(format!("the URL of Redis is invalid: {error}"));
        let client = Client::open(url.as_ref().into_connection_info().map_err(invalid)?).map_err(invalid)?;
        if matches!(client.get_connection_info().addr(), ConnectionAddr::TcpTls { .. }) {
            require_tls_provider()?;
        }
        let address = client.get_connection_info().addr().to_string();
        let connected = Nodes::connect(client).await;
        let nodes = connected.map_err(|error| {
            let failure = RedisFailure::new(&address, error.to_string());
            Error::config(failure.to_string()).with(|e| e.source(Arc::new(failure)))
        })?;
        let redis = Redis { address, nodes, heard: Heard::default() };
        Ok(Self { redis: Arc::new(redis), share: None })
    }

    /// Sends with this limit, which only this process keeps, while Redis cannot be used. Without this setting nothing is sent
    /// then.
    ///
    /// State the share of this process, such as `RateLimit::default().shared_by(4)`. Processes that use Redis and processes that
    /// use their share do not know of each other, so together they may exceed the limit, and a `429` of one does not stop the
    /// others. With the feature `tracing`, an event says when the share is used and when Redis is used again.
    #[must_use]
    pub fn without_store(mut self, share: RateLimit) -> Self {
        self.share = Some(Arc::new(Share::new(share)));
        self
    }
}

impl SharedLimit for RedisLimit {
    fn ask<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Verdict, BoxError>> {
        Box::pin(async move {
            let of_redis = share::without_its_ticket(ask);
            let answer = self.redis.ask(&of_redis).await;
            share::or_share(self.share.as_deref(), ask, answer)
        })
    }

    fn tell<'a>(&'a self, report: &'a Report) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            if let Some(share) = &self.share {
                share.tell(report);
            }
            self.redis.tell(report).await.map_err(BoxError::from)
        })
    }
}

/// Redis, and what this process has heard from it.
struct Redis {
    /// Where it is, for messages.
    address: String,
    nodes: Nodes,
    heard: Heard,
}

impl Redis {
    async fn ask(self: &Arc<Self>, question: &Ask) -> Result<Verdict, RedisFailure> {
        let Ask { tenant, key, id, again, ticket, rate, within } = question;
        let within = span(*within).min(CENTURY);
        let what = What::Ask { id: *id, again: *again, ticket: *ticket, within };
        let answer = self.call(tenant, key, *rate, what).await?;
        answer.verdict().ok_or_else(|| self.failure("has given an answer of another version"))
    }

    async fn tell(self: &Arc<Self>, report: &Report) -> Result<(), RedisFailure> {
        let Report { tenant, key, rate, event } = report;
        self.call(tenant, key, *rate, (*event).into()).await.map(drop)
    }

    async fn call(self: &Arc<Self>, tenant: &str, key: &str, rate: Rate, what: What) -> Result<Answer, RedisFailure> {
        let (answer, closed_at) = self.decide(tenant, key, rate, what).await?;
        if let Some(closed_at) = closed_at {
            let weak = Arc::downgrade(self);
            tokio::spawn(remind(weak, tenant.to_owned(), key.to_owned(), rate, closed_at));
        }
        Ok(answer)
    }

    /// Runs the script, and remembers what the answer says about the state. Returns the current time with it if it is the first
    /// answer that says that the gate of the key is closed.
    async fn decide(
        &self,
        tenant: &str,
        key: &str,
        rate: Rate,
        what: What,
    ) -> Result<(Answer, Option<Instant>), RedisFailure> {
        let asked_at = Instant::now();
        let question = Question { key, rate: rate.into(), what, recalled: self.heard.recall(tenant, key, asked_at) };
        let answer = self.run(&state_key(tenant), &question).await?;
        Ok((answer, self.heard.learn(tenant, key, asked_at, answer.news)))
    }

    async fn run(&self, state_key: &str, question: &Question<'_>) -> Result<Answer, RedisFailure> {
        let question = serde_json::to_string(question).map_err(|error| self.failure(error.to_string()))?;
        let answer = timeout(QUESTION, self.evaluate(state_key, &question)).await;
        let answer = answer.map_err(|_| self.failure("the connection is not made in time"))?;
        let numbers = answer.map_err(|error| self.failure(error.to_string()))?;
        Answer::new(&numbers).ok_or_else(|| self.failure("has given an answer of another version"))
    }

    /// Runs the script on the node that has the state.
    async fn evaluate(&self, state_key: &str, question: &str) -> Result<Vec<u64>, RedisError> {
        let mut answer = evaluate(self.nodes.of(state_key), &SCRIPT, state_key, question).await;
        if answer.as_ref().is_err_and(|error| self.nodes.learn(state_key, error)) {
            answer = evaluate(self.nodes.of(state_key), &SCRIPT, state_key, question).await;
            let _another_redirection = answer.as_ref().is_err_and(|error| self.nodes.learn(state_key, error));
        }
        answer
    }

    fn failure(&self, problem: impl Into<String>) -> RedisFailure {
        RedisFailure::new(&self.address, problem)
    }
}

/// Tells Redis of a closed gate until it opens, so that the gate survives a loss of Redis's data although no call asks. A gate that
/// closes again has a reminder of its own.
async fn remind(redis: Weak<Redis>, tenant: String, key: String, rate: Rate, mut closed_at: Instant) {
    loop {
        sleep(REMINDER).await;
        let is_closed = |redis: &Arc<Redis>| redis.heard.is_closed_since(&tenant, &key, closed_at);
        let Some(redis) = redis.upgrade().filter(is_closed) else { return };
        if let Ok((_, Some(again))) = redis.decide(&tenant, &key, rate, What::Remind).await {
            closed_at = again;
        }
    }
}

/// Runs the script by its digest. Redis loads it if it does not know it. After any other error the script may have run.
async fn evaluate(
    mut connection: ConnectionManager,
    script: &Script,
    state_key: &str,
    question: &str,
) -> Result<Vec<u64>, RedisError> {
    let by_digest = redis::cmd("EVALSHA").arg(&script.digest).arg(1).arg(state_key).arg(question).to_owned();
    match by_digest.query_async(&mut connection).await {
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
            let by_text = redis::cmd("EVAL").arg(&script.text).arg(1).arg(state_key).arg(question).to_owned();
            by_text.query_async(&mut connection).await
        }
        answer => answer,
    }
}

/// The key of a tenant's state. In a cluster, the part in braces selects the node.
fn state_key(tenant: &str) -> String {
    format!("meetbit-limit:{{{tenant}}}")
}

/// redis-rs panics if rustls has no crypto provider.
fn require_tls_provider() -> Result<(), Error> {
    use rustls::crypto::CryptoProvider;

    #[cfg(feature = "rustls")]
    if CryptoProvider::get_default().is_none() {
        let _another_threads_is_fine = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
    CryptoProvider::get_default().map(drop).ok_or_else(|| {
        Error::config(
            "rustls has no crypto provider for `rediss://`: install one first, such as \
             `rustls::crypto::ring::default_provider().install_default()`, or turn on the feature `rustls` of meetbit-client",
        )
    })
}

/// The script, with the constants of the decisions.
static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("limiter.lua")));

struct Script {
    text: String,
    digest: String,
}

impl Script {
    fn new(decisions: &str) -> Self {
        let text = format!("{}{decisions}", constants());
        let digest = redis::Script::new(&text).get_hash().to_owned();
        Self { text, digest }
    }
}

/// One definition of each constant serves Rust and Lua.
fn constants() -> String {
    let constants = [
        ("NO_LIMIT", NO_LIMIT.into()),
        ("HOLD", HOLD),
        ("ASSUMED_DELIVERY", ASSUMED_DELIVERY),
        ("MARGIN", MARGIN),
        ("LOOK", LOOK),
        ("PATIENCE", PATIENCE),
        ("FORESIGHT", FORESIGHT as u64),
        ("ARREARS", ARREARS),
        ("TICK", TICK),
        ("SECOND", SECOND),
        ("MINUTE", MINUTE),
        ("HOUR", HOUR),
        ("WEEK", WEEK),
        ("SLACK", SLACK),
    ];
    constants.map(|(name, value)| format!("local {name} = {value}\n")).concat()
}

/// The argument of the script.
#[derive(Clone, Debug, Serialize)]
struct Question<'a> {
    key: &'a str,
    rate: Limits,
    #[serde(flatten)]
    what: What,
    #[serde(flatten)]
    recalled: Recalled,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Limits {
    key: u32,
    tenant: u32,
    period: Moment,
    credit: Moment,
    queue: usize,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "op")]
enum What {
    Ask {
        id: u64,
        again: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        ticket: Option<u64>,
        within: Moment,
    },
    Answered {
        id: u64,
        departed: Moment,
        is_429: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after: Option<Moment>,
        #[serde(skip_serializing_if = "Option::is_none")]
        limit: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        remaining: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reset: Option<Moment>,
    },
    Released {
        id: u64,
    },
    Withdrawn {
        ticket: u64,
    },
    /// Only what the process has heard matters.
    Remind,
}

impl From<Rate> for Limits {
    fn from(rate: Rate) -> Self {
        let RateLimit { key, tenant, period, credit, queue } = rate.into();
        let number = |number| u32::try_from(number).unwrap_or(NO_LIMIT);
        let (key, tenant) = (number(key), number(tenant));
        Self { key, tenant, period: period.min(CENTURY), credit: credit.min(CENTURY), queue }
    }
}

impl From<Event> for What {
    fn from(event: Event) -> Self {
        let limited = |duration| span(duration).min(CENTURY);
        match event {
            Event::Answered { id, departed, feedback } => Self::Answered {
                id,
                departed: limited(departed),
                is_429: feedback.is_429,
                retry_after: feedback.retry_after.map(limited),
                limit: feedback.limit,
                remaining: feedback.remaining,
                reset: feedback.reset.map(limited),
            },
            Event::Released { id } => Self::Released { id },
            Event::Withdrawn { ticket } => Self::Withdrawn { ticket },
        }
    }
}

/// What the script returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Answer {
    kind: u64,
    wait: Duration,
    reason: u64,
    ticket: u64,
    news: News,
}

impl Answer {
    fn new(numbers: &[u64]) -> Option<Self> {
        let &[kind, wait, reason, ticket, moment, born, closed, refusals] = numbers else { return None };
        let refusals = u32::try_from(refusals).unwrap_or(u32::MAX);
        let news = News { moment, born, closed: Duration::from_micros(closed), refusals };
        Some(Self { kind, wait: Duration::from_micros(wait), reason, ticket, news })
    }

    fn verdict(self) -> Option<Verdict> {
        let Self { kind, wait, reason, ticket, news } = self;
        let reason = match reason {
            0 => WaitReason::Key,
            1 => WaitReason::Tenant,
            _ => WaitReason::Queue,
        };
        Some(match kind {
            0 => Verdict::Go { ticket },
            1 => Verdict::Wait { wait, reason, ticket },
            2 => Verdict::Closed { wait, refusals: news.refusals, ticket },
            3 => Verdict::Full,
            _ => return None,
        })
    }
}

/// Why Redis cannot be used.
#[derive(Debug)]
struct RedisFailure {
    address: String,
    problem: String,
}

impl RedisFailure {
    fn new(address: &str, problem: impl Into<String>) -> Self {
        Self { address: address.to_owned(), problem: problem.into() }
    }
}

impl fmt::Display for RedisFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the shared rate limit in Redis, {}, cannot be used: {}", self.address, self.problem)
    }
}

impl StdError for RedisFailure {}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Redis").field(&self.address).finish()
    }
}

#[cfg(test)]
mod tests;
