//! The handle to a running sandbox.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response};

use crate::{Client, Credentials};

use super::access::AccessKey;
use super::fault::Fault;
use super::on::On;
use super::request_log::Received;
use super::server::Server;
use super::thread;

/// A running sandbox; clones are handles to the same one.
#[derive(Clone)]
pub struct Sandbox {
    pub(super) running: Arc<Running>,
}

pub(super) struct Running {
    pub(super) base_url: String,
    pub(super) client: Client,
    pub(super) server: Arc<Server>,
    pub(super) _thread: thread::Running,
}

impl Sandbox {
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

    /// The first access key.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        Credentials::new(self.access_key_id(), self.access_key_secret())
    }

    /// A client for this sandbox with the first access key, as fast as the sandbox allows.
    #[must_use]
    pub fn client(&self) -> Client {
        self.running.client.clone()
    }

    /// Every request whose head was read, in order of arrival: the request log.
    ///
    /// The latest are kept: at most 100,000, and at most 32 MiB of heads and bodies.
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
