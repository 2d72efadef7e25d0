pub(crate) mod api;
#[cfg(feature = "blocking")]
mod blocking;
pub(crate) mod builder;
pub(crate) mod call;
pub(crate) mod credentials;
mod execute;
pub(crate) mod pages;
pub(crate) mod prepared;
pub(crate) mod request_builder;
pub(crate) mod retry;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use tokio::time::Instant;

use crate::client::builder::ClientBuilder;
use crate::client::retry::{RetryBudget, RetryPolicy};
use crate::error::Error;
use crate::rate_limit::config::{RateLimit, RateLimitStatus};
use crate::rate_limit::idle::Idle;
use crate::rate_limit::pacer::Pacer;
use crate::request::base_url::Address;
use crate::transport::Transport;

/// A connection to one MeetBit tenant with one access key. Cheap to clone; all clones share connections, pacing and the
/// retry budget.
///
/// What it can do stands in traits, such as [`Customers`](crate::Customers), which it implements.
///
/// ```no_run
/// # async fn example() -> Result<(), meetbit_client::Error> {
/// use meetbit_client::{Client, Customers, NewCustomer};
///
/// let client = Client::from_env()?;
/// let customer = client.create_customer(&NewCustomer::new().first_name("Ada").email("ada@example.com")).await?;
/// println!("customer {}", customer.id);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client(pub(crate) Arc<Settings>);

/// What all clones share.
pub(crate) struct Settings {
    pub(crate) address: Address,
    /// Of every request that has a body of JSON.
    pub(crate) headers: HeaderMap,
    pub(crate) headers_without_host: HeaderMap,
    /// The one among them, and like it in memory that is wiped.
    pub(crate) secret: HeaderValue,
    pub(crate) timeout: Duration,
    pub(crate) attempt_timeout: Duration,
    pub(crate) retry: RetryPolicy,
    /// When the moments of `budget` and `idle` start.
    pub(crate) start: Instant,
    pub(crate) budget: RetryBudget,
    pub(crate) rate_limit: RateLimit,
    pub(crate) pacer: Pacer,
    pub(crate) idle: Idle,
    pub(crate) transport: Transport,
    pub(crate) max_response_size: usize,
}

impl Client {
    /// Starts the set-up of a client for a tenant, by its primary domain, such as `acme.example.com`.
    pub fn builder(domain: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(domain.into())
    }

    /// A client as the environment says: see [`ClientBuilder::from_env`].
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) where a variable is missing or its value cannot be used.
    pub fn from_env() -> Result<Client, Error> {
        ClientBuilder::from_env()?.build()
    }

    /// Where the pacing of this client's key stands at this moment.
    #[must_use]
    pub fn rate_limit_status(&self) -> RateLimitStatus {
        self.0.pacer.status(self.0.rate_limit)
    }
}

impl Settings {
    pub(crate) fn secret(&self) -> &str {
        self.secret.to_str().unwrap_or_default()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base_url", &self.0.address.url.as_str()).finish_non_exhaustive()
    }
}
