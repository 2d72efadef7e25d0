//! A faithful MeetBit on a loopback port, in memory, made for tests and first steps.
//!
//! A [`Sandbox`] is a real HTTP/1.1 server. It checks keys, permissions, bodies and rate limits as MeetBit does, with the
//! same texts and headers, and it validates on its own: it shares no validation code with the client. It keeps what it
//! is sent, so a user that was created is listed afterwards, and it writes down every request that it reads, so a test
//! can say what was sent and how often: [`Sandbox::requests`]. With a [`Fault`] it misbehaves on demand. With the feature
//! `webhooks` it sends signed webhooks to a receiver under test, as often as MeetBit does: `Sandbox::deliver`.
//!
//! It stops by itself: when the last handle is dropped, the listener and all its connections end.
//!
//! ```
//! use meetbit_client::sandbox::Sandbox;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sandbox = Sandbox::start().await?;
//! assert!(sandbox.base_url().starts_with("http://127.0.0.1:"));
//! assert!(sandbox.requests().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # What is MeetBit's and what is ours
//!
//! Texts, statuses and headers that MeetBit documents are MeetBit's. Where its reference is silent the sandbox had to
//! choose, and nothing should be built on these choices:
//!
//! - **Order of checks**: key, rate limits, path and method, permission, body. A request with a wrong key counts toward
//!   the tenant's limit, and `RateLimit-*` speaks of whichever limit is nearer.
//! - **Penalties**: a request before `Retry-After` has passed doubles the wait; the third such request in a row suspends
//!   the key. A wait that is kept clears the record. `Access key suspended.` is our text.
//! - **Texts** of 405, 409, of malformed JSON and of every success are ours; those of validation are Laravel's.
//! - **Read-only and unknown fields** in a request are ignored, as Laravel ignores them.
//! - **Names**: department ids and roles are taken as they come, and a time zone needs only the form of an IANA name.
//! - **Status codes** of users: `0` is invited, `1` is active.
//! - **Lists**: a page holds 15 users unless `page_size` says otherwise; a filter that it does not know is a 400.
//! - **Scopes**: a permission such as `users.update.7` covers that user alone.
//! - **Webhooks**: the pause between tries, a new signature and timestamp for each, and the form of the id. Nothing that
//!   happens in the sandbox sends one by itself.
//!
//! # What is there at the start
//!
//! Three users, of which number 3 is deleted; calendar 1 with three events in January 2030, of which number 3 is
//! cancelled; calendar 2, empty; and two online conferences, of which number 2 has ended.

mod access;
mod body;
mod builder;
mod client;
mod connection;
mod customers;
mod events;
mod fault;
mod faults;
mod filter;
mod head;
mod limits;
mod online_conferences;
mod reply;
mod request_log;
mod resources;
mod rfc3339;
mod route;
mod script;
mod server;
mod users;
mod validation;
#[cfg(feature = "webhooks")]
mod webhooks;
mod work_hours;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response};
use tokio::task::AbortHandle;

pub use builder::SandboxBuilder;
pub use fault::Fault;
pub use request_log::Received;
pub use script::On;
#[cfg(feature = "webhooks")]
pub use webhooks::{Delivery, DeliveryReport};

use crate::{Client, Error};

use access::AccessKey;
use server::Server;

/// A running sandbox; clones are handles to the same one.
#[derive(Clone)]
pub struct Sandbox {
    running: Arc<Running>,
}

struct Running {
    base_url: String,
    client: Client,
    #[cfg(feature = "webhooks")]
    http: reqwest::Client,
    server: Arc<Server>,
    listener: AbortHandle,
}

impl Sandbox {
    /// Starts a sandbox on a free port, with one key that has every permission and MeetBit's default rate limits.
    ///
    /// # Errors
    ///
    /// When no port can be opened on the loopback address, or outside a tokio runtime.
    pub async fn start() -> Result<Self, Error> {
        Self::builder().start().await
    }

    /// A sandbox with another port, other keys, limits, or faults from the start.
    pub fn builder() -> SandboxBuilder {
        SandboxBuilder::new()
    }

    /// The address to give to a client, such as `http://127.0.0.1:49152/api/public/v2.0`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.running.base_url
    }

    /// The id of the first access key.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        self.running.server.keys().first().map_or("", AccessKey::id)
    }

    /// The secret of the first access key.
    #[must_use]
    pub fn access_key_secret(&self) -> &str {
        self.running.server.keys().first().map_or("", AccessKey::secret)
    }

    /// Every request whose head was read, in order of arrival: the request log.
    ///
    /// The latest 100,000 are kept.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.running.server.request_log().all()
    }

    /// Queues a fault for the next request; faults queue up, one for each request.
    pub fn fault(&self, fault: Fault) {
        self.running.server.script().add(None, fault);
    }

    /// Queues a reply for the next request, which is then not acted upon: short for [`Fault::reply`].
    pub fn reply(&self, response: Response<impl Into<Bytes>>) {
        self.fault(Fault::reply(response));
    }

    /// Narrows what is queued to one method and path, such as `(Method::POST, "/customers")`.
    ///
    /// The path is the one after the base URL; a segment in braces, as in `/users/{user_id}`, stands for any.
    #[must_use]
    pub fn on(&self, method: Method, path: impl Into<String>) -> On<'_> {
        On::new(&self.running.server, method, path.into())
    }

    /// Whether a key has been suspended for asking too early too often.
    #[must_use]
    pub fn suspended(&self) -> bool {
        self.running.server.limits().suspended()
    }

    /// How many requests came before the `Retry-After` that their key was given had passed.
    #[must_use]
    pub fn penalties(&self) -> u32 {
        self.running.server.limits().penalties()
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("base_url", &self.running.base_url).finish_non_exhaustive()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.listener.abort(); // the task owns the socket and every connection
    }
}
