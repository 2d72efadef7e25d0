//! The builder of a sandbox.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use super::access::AccessKey;
use super::fault::Fault;
use super::handle::{Running, Sandbox};
use super::limits::Limits;
use super::route::BASE_PATH;
use super::server::Server;
use super::thread;
use crate::{Client, Credentials, Error, ErrorKind, RateLimit};

impl Sandbox {
    /// Starts a sandbox on a free port, with one key that has every permission and MeetBit's default rate limits.
    ///
    /// The sandbox runs on its own thread: it answers even while the caller's runtime is busy, blocked or gone.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) if no port on the loopback address can be opened or no thread can be started.
    pub async fn start() -> Result<Self, Error> {
        Self::builder().start().await
    }

    /// Sets up a sandbox with another port, other keys, other limits, or faults from the start.
    pub fn builder() -> SandboxBuilder {
        SandboxBuilder::new()
    }
}

/// Sets up a [`Sandbox`]; [`Sandbox::builder`] creates one.
///
/// ```
/// use meetbit_client::sandbox::Sandbox;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sandbox = Sandbox::builder()
///     .permissions(["users.read.*"])
///     .unlimited()
///     .start()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `start` is called"]
pub struct SandboxBuilder {
    port: u16,
    credentials: Option<(String, String)>,
    permissions: Vec<String>,
    other_keys: Vec<AccessKey>,
    key_per_second: u32,
    tenant_per_second: u32,
    retry_after: Duration,
    faults: Vec<Fault>,
}

impl SandboxBuilder {
    fn new() -> Self {
        Self {
            port: 0,
            credentials: None,
            permissions: vec!["*.*.*".into()],
            other_keys: Vec::new(),
            key_per_second: 5,
            tenant_per_second: 10,
            retry_after: Duration::from_secs(1),
            faults: Vec::new(),
        }
    }

    /// The port on the loopback address; 0, the default, takes a free one.
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// The first key's id and secret.
    ///
    /// By default each sandbox has its own random key id. A rate limiter identifies a server by address and key id, so it does
    /// not confuse a new sandbox with an earlier one on the same port.
    pub fn credentials(self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { credentials: Some((id.into(), secret.into())), ..self }
    }

    /// The permissions of the first key's role; all permissions by default.
    pub fn permissions(self, permissions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { permissions: permissions.into_iter().map(Into::into).collect(), ..self }
    }

    /// Adds a key with its own rate limit below the tenant's.
    pub fn key(
        mut self,
        id: impl Into<String>,
        secret: impl Into<String>,
        permissions: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let permissions = permissions.into_iter().map(Into::into).collect();
        self.other_keys.push(AccessKey::new(id.into(), secret.into(), permissions));
        self
    }

    /// The number of requests that each key and the whole tenant may send in any second; 5 and 10 by default.
    pub fn rate_limit(self, key_per_second: u32, tenant_per_second: u32) -> Self {
        Self { key_per_second, tenant_per_second, ..self }
    }

    /// Lifts the rate limits: `RateLimit-Limit` is 4,294,967,295.
    pub fn unlimited(self) -> Self {
        self.rate_limit(u32::MAX, u32::MAX)
    }

    /// The `Retry-After` of a first `429`, rounded up to whole seconds; 1 second by default.
    pub fn retry_after(self, retry_after: Duration) -> Self {
        Self { retry_after, ..self }
    }

    /// Queues a fault, as [`Sandbox::fault`] does.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Starts the sandbox on its own thread: it answers even while the caller's runtime is busy, blocked or gone.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) if the port cannot be opened, if a permission is not of the form
    /// `resource.verb.scope`, or if no thread can be started.
    pub async fn start(self) -> Result<Sandbox, Error> {
        self.try_start().await.map_err(not_started)
    }

    async fn try_start(self) -> io::Result<Sandbox> {
        let limit = match (self.key_per_second, self.tenant_per_second) {
            (u32::MAX, u32::MAX) => RateLimit::unlimited(),
            (key, tenant) => RateLimit::per_second(key).tenant(tenant),
        };
        let (port, server) = self.build()?;
        let server = Arc::new(server);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let base_url = format!("http://{}{BASE_PATH}", listener.local_addr()?);
        let client = connect(&base_url, &server.keys()[0], limit)?;
        let thread = thread::start(listener, Arc::clone(&server)).await?;
        Ok(Sandbox { running: Arc::new(Running { base_url, client, server, _thread: thread }) })
    }

    fn build(self) -> io::Result<(u16, Server)> {
        let (id, secret) = self.credentials.unwrap_or_else(new_credentials);
        let first_key = AccessKey::new(id, secret, self.permissions);
        let keys: Vec<_> = std::iter::once(first_key).chain(self.other_keys).collect();
        if let Some(permission) = keys.iter().find_map(AccessKey::malformed_permission) {
            let text = format!("permission `{permission}` is not of the form `resource.verb.scope`");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let first_wait = self.retry_after.as_secs().saturating_add(u64::from(self.retry_after.subsec_nanos() > 0));
        let limits = Limits::new(keys.len(), self.key_per_second, self.tenant_per_second, first_wait.max(1));
        let server = Server::new(keys, limits);
        for fault in self.faults {
            server.script().add(None, fault);
        }
        Ok((self.port, server))
    }
}

impl fmt::Debug for SandboxBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxBuilder").field("port", &self.port).finish_non_exhaustive() // not the keys
    }
}

/// A random id, and a secret with characters that occur in MeetBit's samples and that a careless client might encode.
fn new_credentials() -> (String, String) {
    let random = RandomState::new().hash_one(()) >> 32;
    (format!("sandbox-key-{random:08x}"), "sandbox#secret*".into())
}

fn connect(base_url: &str, key: &AccessKey, limit: RateLimit) -> io::Result<Client> {
    let client = Client::builder("sandbox.example.com")
        .base_url(base_url)
        .credentials(Credentials::new(key.id(), key.secret()))
        .rate_limit(limit);
    client.build().map_err(io::Error::other)
}

fn not_started(error: io::Error) -> Error {
    let message = format!("the sandbox cannot start: {error}");
    Error::new(ErrorKind::Config, message).with(|e| e.source(Arc::new(error)))
}
