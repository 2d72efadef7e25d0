use std::env::{self, VarError};
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use std::sync::Arc;
use tokio::time::Instant;
use tower::{Layer, Service};

use crate::client::credentials::Credentials;
use crate::client::request_builder::JSON;
use crate::client::retry::{RetryBudget, RetryPolicy};
use crate::client::{Client, Settings};
use crate::error::Error;
use crate::rate_limit::config::RateLimit;
use crate::rate_limit::idle::Idle;
use crate::rate_limit::pacer::Pacer;
use crate::request::base_url::Address;
use crate::request::headers::{KEY_ID, KEY_SECRET, check_text};
use crate::transport::{BoxError, Http, Transport};

/// Sets up a [`Client`]. Everything has a safe default but the credentials.
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
    service: Option<Transport>,
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

    /// As the environment says: `MEETBIT_DOMAIN`, `MEETBIT_ACCESS_KEY_ID` and `MEETBIT_ACCESS_KEY_SECRET`, and
    /// `MEETBIT_BASE_URL` where it is set.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config), naming the variable that is missing or is not Unicode.
    pub fn from_env() -> Result<Self, Error> {
        let credentials = Credentials::new(variable("MEETBIT_ACCESS_KEY_ID")?, variable("MEETBIT_ACCESS_KEY_SECRET")?);
        let builder = Self::new(variable("MEETBIT_DOMAIN")?).credentials(credentials);
        Ok(match env::var_os("MEETBIT_BASE_URL") {
            Some(_) => builder.base_url(variable("MEETBIT_BASE_URL")?),
            None => builder,
        })
    }

    /// The access key. The vendor asks for it to come from the environment, never from code.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// In the place of `https://{domain}/api/public/v2.0`: a sandbox, a proxy, a newer version. Its path is kept in every
    /// request. It must be https; plain http is accepted for loopback addresses only.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// The time limit of a whole call: waits for the rate limit, attempts, and waits between them (120 seconds by
    /// default, so that a call can outlast the vendor's usual `Retry-After` of 60).
    pub fn timeout(mut self, whole_call: Duration) -> Self {
        self.timeout = whole_call;
        self
    }

    /// The time limit of one attempt, from connecting to the last byte of the reply (30 seconds by default).
    pub fn attempt_timeout(mut self, attempt: Duration) -> Self {
        self.attempt_timeout = attempt;
        self
    }

    /// The time limit of making a connection, TLS included (10 seconds by default).
    pub fn connect_timeout(mut self, connect: Duration) -> Self {
        self.connect_timeout = connect;
        self
    }

    /// How long an unused connection is kept (4 seconds by default). Servers close idle connections too, and a create
    /// sent on one that the server is closing ends ambiguously: keep it shorter than the server does.
    pub fn idle_timeout(mut self, idle: Duration) -> Self {
        self.idle_timeout = idle.min(Duration::from_secs(24 * 60 * 60)); // the pool adds it to the time of day
        self
    }

    /// Makes a new connection for each request, so that no create can meet a connection that the server is closing. Costs a
    /// handshake for each.
    pub fn fresh_connections(mut self, fresh: bool) -> Self {
        self.fresh_connections = fresh;
        self
    }

    /// When calls are sent again after a failure.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// How fast requests are sent: by default as fast as MeetBit allows by default.
    pub fn rate_limit(mut self, limit: RateLimit) -> Self {
        self.rate_limit = limit;
        self
    }

    /// The largest reply that is read, in bytes, after decompression (8 MiB by default).
    pub fn max_response_size(mut self, bytes: usize) -> Self {
        self.max_response_size = bytes;
        self
    }

    /// The `User-Agent` header: name and version of the program.
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = name.into();
        self
    }

    /// The HTTP client's own set-up, for TLS roots, client certificates, proxies and name resolution.
    ///
    /// What protects a call is set after it and cannot be switched off here: no redirect, no referer, no retries of
    /// its own, HTTP/1.1, no cookies in logs, no decompression but ours, our connect time limit.
    ///
    /// Default headers that are given here go out with each request, but for those that the client sets itself. Give none
    /// that frame a message, such as `Content-Length`: they would cut the body of a create.
    ///
    /// Proxies: by default none is used, not even one from the environment. A builder given here uses those that it was
    /// given and, as reqwest does, those of the environment, unless it says `no_proxy()`. Plain http, which is for this
    /// machine alone, never goes through a proxy.
    pub fn http_client(mut self, builder: reqwest::ClientBuilder) -> Self {
        self.http_client = Some(builder);
        self
    }

    /// Sends requests through `service` in the place of the network: a test, another HTTP client.
    pub fn service<S>(mut self, service: S) -> Self
    where
        S: Service<http::Request<Bytes>, Response = http::Response<Bytes>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
    {
        self.service = Some(Transport::service(service));
        self
    }

    /// Wraps what sends requests in middleware; each further layer wraps the ones before it. Every attempt passes.
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

    /// Checks everything and makes the client; nothing is sent.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config), naming what cannot be used, never printing a secret.
    pub fn build(mut self) -> Result<Client, Error> {
        let address = Address::new(&self.domain, self.base_url.as_deref())?;
        let credentials = self.credentials.take().ok_or_else(|| {
            Error::config(
                "there is no access key: call `credentials(Credentials::new(id, secret))`, or use `Client::from_env()`",
            )
        })?;
        let (id, secret) = credentials.header_values()?;
        let headers_without_host = self.headers(id, secret.clone())?;
        let mut headers = headers_without_host.clone();
        headers.insert(header::HOST, host(&address)?);
        let layers = std::mem::take(&mut self.layers);
        let (timeout, attempt_timeout, retry, rate_limit) =
            (self.timeout, self.attempt_timeout, self.retry, self.rate_limit);
        let max_response_size = self.max_response_size;
        let transport = match self.service.take() {
            Some(service) => service,
            None => Transport::http(self.http(&address)?),
        };
        Ok(Client(Arc::new(Settings {
            pacer: Pacer::shared(&address.origin, credentials.id()),
            idle: Idle::default(),
            address,
            headers,
            headers_without_host,
            secret,
            timeout,
            attempt_timeout,
            retry,
            budget: RetryBudget::default(),
            start: Instant::now(),
            rate_limit,
            transport: layers.into_iter().fold(transport, |transport, layer| layer(transport)),
            max_response_size,
        })))
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

    fn http(self, address: &Address) -> Result<Http, Error> {
        let builder = match self.http_client {
            given if address.is_plain() => local(given.unwrap_or_default()),
            Some(given) => given.https_only(true),
            None => reqwest::Client::builder().no_proxy().https_only(true),
        };
        let builder = if self.fresh_connections { builder.pool_max_idle_per_host(0) } else { builder };
        let client = protected(builder)
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(self.idle_timeout)
            .build()
            .map_err(|error| {
                Error::config("the HTTP client cannot be set up").with(|e| e.source(Arc::new(error.without_url())))
            })?;
        Ok(Http { client, max_response_size: self.max_response_size })
    }
}

/// Refusals are plain text, and a `Call<Bytes>` may be anything: a server that takes the header at its word must be free to
/// answer with them.
const ACCEPT: HeaderValue = HeaderValue::from_static("application/json, */*;q=0.1");

fn host(address: &Address) -> Result<HeaderValue, Error> {
    HeaderValue::try_from(address.authority())
        .map_err(|_| Error::config("the base URL has a character that no header may have"))
}

/// Plain http stays on this machine; it needs no TLS roots, and loading the system's takes 20 ms.
fn local(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    builder.no_proxy().resolve_to_addrs("localhost", &LOOPBACK).tls_certs_only([])
}

/// What `localhost` means, whatever a resolver says.
const LOOPBACK: [std::net::SocketAddr; 2] = [
    std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0),
    std::net::SocketAddr::new(std::net::IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), 0),
];

/// Switches off what would send a request elsewhere, send it twice, or show it to a log.
fn protected(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    builder
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .connection_verbose(false)
        .http1_only()
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
}

/// A variable's value; where it cannot be used, the error names the variable and not the value.
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
