use std::env::{self, VarError};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service};

use crate::client::access_key::AccessKeys;
use crate::client::credentials::{Credentials, key_value};
use crate::client::http_client::ConnectionSettings;
use crate::client::retry::{self, RetryPolicy};
use crate::client::{Client, ClientInner};
use crate::error::Error;
use crate::rate_limit::config::RateLimit;
use crate::rate_limit::limiter::Limiter;
#[cfg(feature = "shared-limit")]
use crate::rate_limit::shared::SharedLimit;
#[cfg(feature = "shared-limit")]
use crate::rate_limit::store::Store;
use crate::request::base_url::{BaseUrl, is_domain};
use crate::request::headers::{KEY_ID, KEY_SECRET, check_text};
use crate::request::parts::JSON;
use crate::transport::connections::Connections;
use crate::transport::http::Http;
use crate::transport::limits::Limits;
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
    /// The store, and the name of its type.
    #[cfg(feature = "shared-limit")]
    shared_limit: Option<(Arc<dyn SharedLimit>, &'static str)>,
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
            #[cfg(feature = "shared-limit")]
            shared_limit: None,
        }
    }

    /// Reads the environment variables `MEETBIT_DOMAIN`, `MEETBIT_ACCESS_KEY_ID`, `MEETBIT_ACCESS_KEY_SECRET` and, if it is
    /// set, `MEETBIT_BASE_URL`. An empty variable counts as unset.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config), naming every variable that is missing or whose value cannot be used.
    pub fn from_env() -> Result<Self, Error> {
        let domain = required_variable("MEETBIT_DOMAIN", |text| BaseUrl::new(text, None).map(drop));
        let id = required_variable("MEETBIT_ACCESS_KEY_ID", |text| key_value("id", text).map(drop));
        let secret = required_variable("MEETBIT_ACCESS_KEY_SECRET", |text| key_value("secret", text).map(drop));
        let base_url = variable("MEETBIT_BASE_URL", |text| BaseUrl::parse(text).map(drop));
        match (domain, id, secret, base_url) {
            (Ok(domain), Ok(id), Ok(secret), Ok(base_url)) => {
                let builder = Self::new(domain).credentials(Credentials::new(id, secret));
                Ok(base_url.into_iter().fold(builder, Self::base_url))
            }
            (domain, id, secret, base_url) => {
                let wrong = [domain.err(), id.err(), secret.err(), base_url.err()].into_iter().flatten();
                let wrong: Vec<_> = wrong.map(|why| format!("the environment variable {why}")).collect();
                Err(Error::config(wrong.join("; ")))
            }
        }
    }

    /// The access key. MeetBit recommends keeping it in the environment, not in code. [`Credentials::rotating`] changes it
    /// while the client is in use.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Replaces `https://{domain}/api/public/v2.0`, for a sandbox, a proxy or a newer version. Its path is kept in every request.
    /// It must be HTTPS, except on loopback addresses.
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

    /// How long an unused connection is kept (4 seconds by default). Servers close idle connections too, and a create that is sent
    /// on a connection that is closing has an unknown outcome. Use less than the server does.
    pub fn idle_timeout(mut self, idle: Duration) -> Self {
        self.idle_timeout = idle.min(Duration::from_secs(24 * 60 * 60)); // the pool adds it to the time of day
        self
    }

    /// Makes a new connection for each request, so that no create uses a connection that the server is closing. Each request then
    /// costs a handshake.
    pub fn fresh_connections(mut self, fresh: bool) -> Self {
        self.fresh_connections = fresh;
        self
    }

    /// The retry policy of all calls. [`Call::retry`](crate::Call::retry) overrides it.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// How fast requests are sent; MeetBit's default limits unless set.
    pub fn rate_limit(mut self, limit: RateLimit) -> Self {
        self.rate_limit = limit;
        self
    }

    /// Shares the rate limit with all processes that use the same store, such as a [`FileLimit`](crate::FileLimit) with the
    /// same path. Each request then also needs a permit of the store, after the one of this process.
    ///
    /// If the store gives no answer, nothing is sent: the client asks again until the call's deadline, and the call then fails
    /// with [`RateLimited`](crate::ErrorKind::RateLimited) and the outcome [`NotSent`](crate::Outcome::NotSent).
    /// [`rate_limit_status`](Client::rate_limit_status) shows the state of this process only.
    ///
    /// Needs the feature `shared-limit`.
    ///
    /// # Examples
    /// ```no_run
    /// # fn example() -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::{ClientBuilder, FileLimit};
    ///
    /// let limit = FileLimit::open("/var/lib/crm/meetbit-limit.json")?;
    /// let client = ClientBuilder::from_env()?.shared_limit(limit).build()?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "shared-limit")]
    pub fn shared_limit<S: SharedLimit>(mut self, store: S) -> Self {
        let name = std::any::type_name::<S>();
        let name = name.split_once("::Named<").map_or(name, |(_, named)| named.trim_end_matches('>'));
        let name = name.split('<').next().and_then(|path| path.rsplit("::").next()).unwrap_or(name);
        self.shared_limit = Some((Arc::new(store), name));
        self
    }

    /// Sets the largest reply that is read, in bytes, after decompression (8 MiB by default). A compressed reply may have at
    /// most about twice as many bytes before decompression.
    pub fn max_response_size(mut self, bytes: usize) -> Self {
        self.max_response_size = bytes;
        self
    }

    /// Sets the `User-Agent` header: name and version of the program.
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = name.into();
        self
    }

    /// Configures the HTTP client itself: TLS roots, client certificates, proxies and name resolution. It takes reqwest's
    /// `ClientBuilder`, from the re-exported [`reqwest`](crate::reqwest), not this type.
    ///
    /// The following are always enforced, regardless of the builder: no redirects, no referer, no retries by reqwest, HTTP/1.1, no
    /// connection logging, no decompression by reqwest, this builder's connect time limit.
    ///
    /// Default headers of the builder are sent with each request, except those that the client sets itself. Do not set headers that
    /// delimit the message, such as `Content-Length`: they would truncate the body.
    ///
    /// By default no proxy is used, not even one from the environment. A builder given here uses the proxies that it was given; if
    /// it was given none, it uses those from the environment, unless `no_proxy()` was called. Plain HTTP stays on this machine and
    /// never uses a proxy.
    ///
    /// TLS uses the backend that the features of this crate select, unless the builder has one from `tls_backend_preconfigured`.
    /// With the feature `rustls-no-provider`, call `tls_backend_rustls()` on the builder, because another crate may turn on
    /// reqwest's `native-tls`, which is then its default.
    ///
    /// Without this setting, all clients share one TLS configuration, which trusts the system's certificates as they are when the
    /// first client is built. A client with a builder of its own costs some milliseconds and 100 KiB more.
    ///
    /// # Examples
    /// A proxy:
    /// ```no_run
    /// # fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use meetbit_client::{ClientBuilder, reqwest};
    ///
    /// let proxy = reqwest::Proxy::all("http://proxy.example.com:3128")?;
    /// let http = reqwest::Client::builder().proxy(proxy);
    /// let client = ClientBuilder::from_env()?.http_client(http).build()?;
    /// # Ok(())
    /// # }
    /// ```
    /// A certificate authority of your own, in addition to the system's:
    /// ```no_run
    /// # fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use meetbit_client::{ClientBuilder, reqwest};
    ///
    /// let pem = std::fs::read("company-ca.pem")?;
    /// let roots = reqwest::Certificate::from_pem_bundle(&pem)?;
    /// let http = reqwest::Client::builder().no_proxy().tls_certs_merge(roots);
    /// let client = ClientBuilder::from_env()?.http_client(http).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn http_client(mut self, builder: reqwest::ClientBuilder) -> Self {
        self.http_client = Some(builder);
        self
    }

    /// Sends requests through `service` instead of the network: in a test, or with another HTTP client.
    ///
    /// Only the clones of this client share its rate limit; other clients have their own, even for the same key.
    ///
    /// # Examples
    /// It needs `cargo add tower --features util`.
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::http::{Request, Response};
    /// use meetbit_client::{Bytes, Client, Credentials, ListUsers, Users};
    /// use tower::{BoxError, service_fn};
    ///
    /// let service = service_fn(|_: Request<Bytes>| async {
    ///     let body = r#"{"message":"Users.","data":[{"id":7}]}"#;
    ///     Ok::<_, BoxError>(Response::new(Bytes::from(body)))
    /// });
    /// let client = Client::builder("acme.example.com")
    ///     .credentials(Credentials::new("id", "secret"))
    ///     .service(service)
    ///     .build()?;
    /// assert_eq!(client.list_users(&ListUsers::new()).await?[0].id.0, 7);
    /// # Ok(())
    /// # }
    /// ```
    pub fn service<S>(mut self, service: S) -> Self
    where
        S: Service<http::Request<Bytes>, Response = http::Response<Bytes>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
    {
        self.service = Some(boxed(service));
        self
    }

    /// Adds tower middleware. The layer added last is outermost. Layers run once per attempt.
    ///
    /// A request waits for the rate limit after it has passed all layers, right before it is sent. So a layer sees it before the
    /// wait, and a time limit or duration of a layer includes the wait. For a time limit without it, use
    /// [`attempt_timeout`](Self::attempt_timeout).
    ///
    /// A layer sees whole bodies as [`Bytes`](crate::Bytes). So layers that wrap a body, such as tower-http's `TraceLayer` and
    /// compression layers, do not fit; layers that look at or change a request or response do, such as `SetRequestHeaderLayer`,
    /// `MapRequestLayer` and `TimeoutLayer`.
    ///
    /// # Examples
    /// A layer that logs each attempt; it needs `cargo add tower --features util`. The example `logging_layer` is the same with a
    /// duration and redacted headers.
    /// ```no_run
    /// # fn example() -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::http::Request;
    /// use meetbit_client::{Bytes, ClientBuilder, Transport};
    /// use tower::layer::layer_fn;
    /// use tower::{ServiceExt, service_fn};
    ///
    /// let log = layer_fn(|inner: Transport| {
    ///     service_fn(move |request: Request<Bytes>| {
    ///         println!("{} {}", request.method(), request.uri().path());
    ///         inner.clone().oneshot(request)
    ///     })
    /// });
    /// let client = ClientBuilder::from_env()?.layer(log).build()?;
    /// # Ok(())
    /// # }
    /// ```
    /// The key headers are marked as sensitive, so that `Debug` of a request redacts them.
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
        let mut headers = self.headers(id, secret.clone())?;
        headers.insert(header::HOST, host(&base_url)?);
        let (service, layers) = (self.service.take(), std::mem::take(&mut self.layers));
        let limiter = match service {
            Some(_) => Limiter::of_client(credentials.id()),
            None => Limiter::of_process(&base_url.origin, credentials.id()),
        };
        #[cfg(feature = "shared-limit")]
        let limiter = limiter.with_store(
            self.shared_limit.take().map(|(store, name)| Store::new(store, name, &base_url.origin, credentials.id())),
        );
        let limits = self.limits(limiter.clone());
        let (retry, max_response_size) = (self.retry, self.max_response_size);
        let transport = match service {
            Some(service) => Transport::service(service, limits.clone()),
            None => Transport::http(Http::new(self.connections(&base_url)?, limits.clone(), max_response_size)),
        };
        Ok(Client(Arc::new(ClientInner {
            base_url,
            keys: AccessKeys::new(credentials, secret, headers, limiter),
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
            .map_err(|_| Error::config("the user agent has a character that is not allowed in a header"))?;
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(header::ACCEPT, ACCEPT);
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(header::USER_AGENT, user_agent);
        headers.insert(KEY_ID, id);
        headers.insert(KEY_SECRET, secret);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
        Ok(headers)
    }

    fn connections(self, base_url: &BaseUrl) -> Result<Connections, Error> {
        let settings = ConnectionSettings {
            connect_timeout: self.connect_timeout,
            idle_timeout: self.idle_timeout,
            fresh_connections: self.fresh_connections,
            is_plain: base_url.is_plain(),
        };
        let lifetime = self.attempt_timeout.saturating_add(self.idle_timeout);
        match self.http_client {
            Some(own) => Ok(Connections::of(build(settings.apply(own)?)?, lifetime)),
            None => Connections::built(Box::new(move || build(settings.builder()?)), lifetime),
        }
    }
}

fn build(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, Error> {
    builder.build().map_err(|error| {
        let message = "the HTTP client cannot be set up";
        Error::config(message).with(|e| e.source(Arc::new(error.without_url())))
    })
}

/// Error texts are plain text, and a `Call<Bytes>` may be anything, so a server that obeys the header must be free to answer
/// with them.
const ACCEPT: HeaderValue = HeaderValue::from_static("application/json, */*;q=0.1");

fn host(base_url: &BaseUrl) -> Result<HeaderValue, Error> {
    HeaderValue::try_from(base_url.authority())
        .map_err(|_| Error::config("the base URL has a character that is not allowed in a header"))
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

/// Tells whether the value of a variable can be used. The error has no secret.
type Check = fn(&str) -> Result<(), Error>;

fn required_variable(name: &'static str, check: Check) -> Result<String, String> {
    match env::var_os(name) {
        Some(value) if value.is_empty() => Err(format!("{name} is empty")),
        _ => variable(name, check)?.ok_or_else(|| format!("{name} is not set")),
    }
}

/// The value of a variable that is set and not empty.
fn variable(name: &'static str, check: Check) -> Result<Option<String>, String> {
    match env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => match check(&value) {
            Ok(()) => Ok(Some(value)),
            Err(error) => Err(format!("{name} cannot be used: {error}")),
        },
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("{name} is not Unicode")),
    }
}

/// It shows no user name, password or query of the base URL, which may be secret.
impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("domain", &if is_domain(&self.domain) { &self.domain } else { "[invalid]" })
            .field("base_url", &self.base_url.as_deref().map(BaseUrl::redacted))
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}
