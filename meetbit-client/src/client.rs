//! The client: set-up, calls, the retry loop, pages. It may import every room above it: `request`, `response`, `rate_limit`,
//! `transport`, `error`, `endpoint` and `permission`.

mod access_key;
pub(crate) mod api;
#[cfg(feature = "blocking")]
mod blocking;
pub(crate) mod builder;
pub(crate) mod call;
pub(crate) mod call_builder;
pub(crate) mod credentials;
pub(crate) mod execute;
mod http_client;
pub(crate) mod pages;
pub(crate) mod prepared;
pub(crate) mod request_builder;
pub(crate) mod retry;
mod task;
mod trace;

use std::fmt;
use std::sync::Arc;

use tower::retry::budget::TpsBudget;

use crate::client::access_key::AccessKeys;
use crate::client::retry::RetryPolicy;
use crate::rate_limit::config::RateLimitStatus;
use crate::request::base_url::BaseUrl;
use crate::transport::limits::Limits;
use crate::transport::service::Transport;

/// A connection to one MeetBit tenant with one access key. It is cheap to clone; all clones share connections, the rate
/// limit and the retry budget.
///
/// Its operations are methods of the resource traits, such as [`Customers`](crate::Customers).
///
/// ```no_run
/// # async fn example() -> Result<(), meetbit_client::Error> {
/// use meetbit_client::{Client, Customers, NewCustomer};
///
/// let client = Client::from_env()?;
/// let ada = NewCustomer::new().first_name("Ada").email("ada@example.com");
/// let customer = client.create_customer(&ada).await?;
/// println!("customer {}", customer.id);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client(pub(crate) Arc<ClientInner>);

/// What all clones share.
pub(crate) struct ClientInner {
    pub(crate) base_url: BaseUrl,
    pub(crate) keys: AccessKeys,
    pub(crate) limits: Limits,
    pub(crate) retry: RetryPolicy,
    pub(crate) budget: TpsBudget,
    pub(crate) transport: Transport,
    pub(crate) max_response_size: usize,
}

impl Client {
    /// The current state of the rate limit of this client's key; if the key rotates, of the one that was used last.
    #[must_use]
    pub fn rate_limit_status(&self) -> RateLimitStatus {
        self.0.keys.last().limiter.status(self.0.limits.rate_limit)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base_url", &self.0.base_url.url.as_str()).finish_non_exhaustive()
    }
}
