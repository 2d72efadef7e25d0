use std::env::{self, VarError};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service};

use crate::client::credentials::Credentials;
use crate::client::retry::{self, RetryPolicy};
use crate::client::{Client, ClientInner, http_client};
use crate::error::Error;
use crate::rate_limit::config::RateLimit;
use crate::rate_limit::limiter::Limiter;
use crate::request::base_url::BaseUrl;
use crate::request::headers::{KEY_ID, KEY_SECRET, check_text};
use crate::request::parts::JSON;
use crate::transport::http::Http;
use crate::transport::limited::Limits;
use crate::transport::service::{BoxError, Transport, boxed};

/// Configures a [`Client`]. Everything except the credentials has a safe default.
#[must_use = "`build` makes the client"]
pub struct ClientBuilder {
    domain: String,
    base_url: Option<String>,
    credentials: Option<Credentials>,
    timeout: Duration,
    attempt_timeout: Duration,
    connect_timeout: Duration,
    idle_timeout: Duration,
    fresh_connections: bool,
    retry: RetryPolicy,
    rate_limit: RateLimit,
    max_response_size: usize,
    user_agent: String,
    http_client: Option<reqwest::ClientBuilder>,
    service: Option<BoxCloneSyncService<http::Request<Bytes>, http::Response<Bytes>, BoxError>>,
    layers: Vec<Box<dyn FnOnce(Transport) -> Transport + Send>>,
}

impl ClientBuilder {
    pub(crate) fn new(domain: String) -> Self {
        Self {
            domain,
            base_url: None,
            credentials: None,
            timeout: Duration::from_secs(120),
            attempt_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(4),
            fresh_connections: false,
            retry: RetryPolicy::default(),
            rate_limit: RateLimit::default(),
            max_response_size: 8 * 1024 * 1024,
            user_agent: concat!("meetbit-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            http_client: None,
            service: None,
            layers: Vec::new(),
        }
    }

    /// Reads `MEETBIT_DOMAIN`, `MEETBIT_ACCESS_KEY_ID`, `MEETBIT_ACCESS_KEY_SECRET`, and, if it is set, `MEETBIT_BASE_URL`
    /// from the environment.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config), which names the variable that is missing or is not Unicode.
    pub fn from_env() -> Result<Self, Error> {
        let credentials = Credentials::new(variable("MEETBIT_ACCESS_KEY_ID")?, variable("MEETBIT_ACCESS_KEY_SECRET")?);
        let builder = Self::new(variable("MEETBIT_DOMAIN")?).credentials(credentials);
        Ok(match env::var_os("MEETBIT_BASE_URL") {
            Some(_) => builder.base_url(variable("MEETBIT_BASE_URL")?),
            None => builder,
        })
    }

    /// Sets the access key. The vendor asks to keep it in the environment, never in code.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Replaces `https://{domain}/api/public/v2.0`, for a sandbox, a proxy or a newer version. Every request keeps its path.
    /// It must be https; plain http is allowed only for loopback addresses.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Sets the time limit of a whole call: waits for the rate limit, attempts, and waits between them (120 seconds by
    /// default, so that a call can outlast the vendor's usual `Retry-After` of 60).
    pub fn timeout(mut self, whole_call: Duration) -> Self {
        self.timeout = whole_call;
        self
    }

    /// Sets the time limit of one attempt, from connecting to the last byte of the reply (30 seconds by default).
    pub fn attempt_timeout(mut self, attempt: Duration) -> Self {
        self.attempt_timeout = attempt;
        self
    }

    /// Sets the time limit of making a connection, TLS included (10 seconds by default).
    pub fn connect_timeout(mut self, connect: Duration) -> Self {
        self.connect_timeout = connect;
        self
    }

    /// Sets how long an unused connection is kept (4 seconds by default). Choose less than the server does, because a create
    /// that is sent on a connection that the server is closing has an unknown outcome.
    pub fn idle_timeout(mut self, idle: Duration) -> Self {
        self.idle_timeout = idle.min(Duration::from_secs(24 * 60 * 60)); // the pool adds it to the time of day
        self
    }

    /// Makes a new connection for each request, so that no create can meet a connection that the server is closing. Each
    /// request then costs a handshake.
    pub fn fresh_connections(mut self, fresh: bool) -> Self {
        self.fresh_connections = fresh;
        self
    }

    /// Sets when calls are sent again after a failure.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Sets how fast requests are sent; by default, MeetBit's default limits.
    pub fn rate_limit(mut self, limit: RateLimit) -> Self {
        self.rate_limit = limit;
        self
    }

    /// Sets the largest reply that is read, in bytes, after decompression (8 MiB by default).
    pub fn max_response_size(mut self, bytes: usize) -> Self {
        self.max_response_size = bytes;
        self
    }

    /// Sets the `User-Agent` header: name and version of the program.
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = name.into();
        self
    }

    /// Uses this `reqwest::ClientBuilder`, for TLS roots, client certificates, proxies and name resolution.
    ///
    /// The following are always enforced, whatever the builder says: no redirects, no referer, no retries by reqwest,
    /// HTTP/1.1, no wire data in logs, only our decompression, and our time limit for connecting.
    ///
    /// Its default headers are sent with each request, except those that the client sets itself. Do not set headers that
    /// delimit the message, such as `Content-Length`: they would truncate the body of a create.
    ///
    /// By default no proxy is used, not even one from the environment. A builder that you pass uses its own proxies and, as
    /// reqwest does, those of the environment, unless it says `no_proxy()`. Plain http, which is allowed only for loopback
    /// addresses, never goes through a proxy.
    pub fn http_client(mut self, builder: reqwest::ClientBuilder) -> Self {
        self.http_client = Some(builder);
        self
    }

    /// Sends requests through `service` instead of the network, for a test or another HTTP client.
    ///
    /// Only the clones of this client share its rate limit; other clients have their own, even for the same key.
    pub fn service<S>(mut self, service: S) -> Self
    where
        S: Service<http::Request<Bytes>, Response = http::Response<Bytes>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
    {
        self.service = Some(boxed(service));
        self
    }

    /// Adds tower middleware. The layer added last is the outermost. Layers run once per attempt, and the rate limit applies
    /// below them.
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Transport> + Send + 'static,
        L::Service: Service<http::Request<Bytes>, Response = http::Response<Bytes>> + Clone + Send + Sync + 'static,
        <L::Service as Service<http::Request<Bytes>>>::Error: Into<BoxError>,
        <L::Service as Service<http::Request<Bytes>>>::Future: Send + 'static,
    {
        self.layers.push(Box::new(move |transport| transport.layered(&layer)));
        self
    }

    /// Checks the configuration and makes the client. Nothing is sent.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config), which names the setting that cannot be used, and never prints a secret.
    pub fn build(mut self) -> Result<Client, Error> {
        let base_url = BaseUrl::new(&self.domain, self.base_url.as_deref())?;
        let credentials = self.credentials.take().ok_or_else(|| {
            Error::config(
                "there is no access key: call `credentials(Credentials::new(id, secret))`, or use `Client::from_env()`",
            )
        })?;
        let (id, secret) = credentials.header_values()?;
        let headers_without_host = self.headers(id, secret.clone())?;
        let mut headers = headers_without_host.clone();
        headers.insert(header::HOST, host(&base_url)?);
        let (service, layers) = (self.service.take(), std::mem::take(&mut self.layers));
        let limiter = match service {
            Some(_) => Limiter::private(credentials.id()),
            None => Limiter::shared(&base_url.origin, credentials.id()),
        };
        let limits = self.limits(limiter);
        let (retry, max_response_size) = (self.retry, self.max_response_size);
        let transport = match service {
            Some(service) => Transport::service(service, limits.clone()),
            None => Transport::http(Http::new(self.http(&base_url)?, limits.clone(), max_response_size)),
        };
        Ok(Client(Arc::new(ClientInner {
            base_url,
            headers,
            headers_without_host,
            secret,
            limits,
            retry,
            budget: retry::budget(),
            transport: layers.into_iter().fold(transport, |transport, layer| layer(transport)),
            max_response_size,
        })))
    }

    fn limits(&self, limiter: Limiter) -> Limits {
        Limits {
            limiter,
            rate_limit: self.rate_limit,
            timeout: self.timeout,
            attempt_timeout: self.attempt_timeout,
            max_wait: self.retry.max_wait,
        }
    }

    fn headers(&self, id: HeaderValue, secret: HeaderValue) -> Result<HeaderMap, Error> {
        check_text(&self.user_agent).map_err(|why| Error::config(format!("the user agent {why}")))?;
        let user_agent = HeaderValue::from_str(&self.user_agent)
            .map_err(|_| Error::config("the user agent has a character that no header may have"))?;
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(header::ACCEPT, ACCEPT);
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(header::USER_AGENT, user_agent);
        headers.insert(KEY_ID, id);
        headers.insert(KEY_SECRET, secret);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
        Ok(headers)
    }

    fn http(self, base_url: &BaseUrl) -> Result<reqwest::Client, Error> {
        let builder = http_client::protected(self.http_client, base_url)
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(self.idle_timeout);
        let builder = if self.fresh_connections { builder.pool_max_idle_per_host(0) } else { builder };
        builder.build().map_err(|error| {
            let message = "the HTTP client cannot be set up";
            Error::config(message).with(|e| e.source(Arc::new(error.without_url())))
        })
    }
}

/// Error texts are plain text, and a `Call<Bytes>` may be anything, so a server that obeys the header must be free to answer
/// with them.
const ACCEPT: HeaderValue = HeaderValue::from_static("application/json, */*;q=0.1");

fn host(base_url: &BaseUrl) -> Result<HeaderValue, Error> {
    HeaderValue::try_from(base_url.authority())
        .map_err(|_| Error::config("the base URL has a character that no header may have"))
}

impl Client {
    /// Starts the configuration of a client for a tenant, by its primary domain, such as `acme.example.com`.
    pub fn builder(domain: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(domain.into())
    }

    /// Builds a client from environment variables: see [`ClientBuilder::from_env`].
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if a variable is missing or its value cannot be used.
    pub fn from_env() -> Result<Client, Error> {
        ClientBuilder::from_env()?.build()
    }
}

/// The value of a variable. An error names the variable, not the value.
fn variable(name: &'static str) -> Result<String, Error> {
    env::var(name).map_err(|error| match error {
        VarError::NotPresent => Error::config(format!("the environment variable {name} is not set")),
        VarError::NotUnicode(_) => Error::config(format!("the environment variable {name} is not Unicode")),
    })
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("domain", &self.domain)
            .field("base_url", &self.base_url)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}
