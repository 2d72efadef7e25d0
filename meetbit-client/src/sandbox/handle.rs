//! The handle to a running sandbox.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response};

use crate::{Client, Credentials, Endpoint};

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

    /// The request log: every request whose head was read, in order of arrival.
    ///
    /// It keeps the latest 100,000 requests, and fewer if their heads and bodies exceed 32 MiB.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.running.server.request_log().all()
    }

    /// Queues a fault for the next request. Each request takes one fault from the queue.
    pub fn fault(&self, fault: Fault) {
        self.running.server.script().add(None, fault);
    }

    /// Queues a reply for the next request, which then has no effect: short for [`Fault::reply`].
    pub fn reply(&self, response: Response<impl Into<Bytes>>) {
        self.fault(Fault::reply(response));
    }

    /// Queues faults and replies for one method and path, such as `(Method::POST, "/customers")`.
    ///
    /// The path is relative to the base URL. A segment in braces, as in `/users/{user_id}`, matches any segment.
    #[must_use]
    pub fn on(&self, method: Method, path: impl Into<String>) -> On<'_> {
        On::new(&self.running.server, method, path.into())
    }

    /// Adds your own endpoints, so that the sandbox checks them as MeetBit would.
    ///
    /// Key, rate limits and permissions are checked before a request gets its [scripted reply](On::reply), and
    /// [`Received::endpoint`] names the endpoint that was called. A denied request leaves the reply in the queue. A
    /// permission for one object is enough for an endpoint whose path ends with that object's id: `notes.delete.7` allows
    /// `DELETE /notes/7`.
    ///
    /// ```
    /// use meetbit_client::http::{Method, Response};
    /// use meetbit_client::sandbox::Sandbox;
    /// use meetbit_client::{Api, Call, ErrorKind, api, api_endpoint};
    ///
    /// #[api]
    /// trait Notes: Api {
    ///     #[api_endpoint(delete, "/notes/{note_id}", perm = "notes.delete.*")]
    ///     fn delete_note(&self, note_id: u32) -> Call<()>;
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sandbox =
    ///     Sandbox::builder().permissions(["notes.read.*"]).start().await?;
    /// sandbox.serve(<dyn Notes>::ENDPOINTS);
    /// sandbox
    ///     .on(Method::DELETE, "/notes/{note_id}")
    ///     .reply(Response::new(r#"{"message": "Deleted.", "data": null}"#));
    ///
    /// let denied = sandbox.client().delete_note(7).await.unwrap_err();
    /// assert_eq!(denied.kind(), ErrorKind::PermissionDenied);
    /// assert_eq!(sandbox.requests()[0].endpoint.unwrap().name(), "delete_note");
    /// # Ok(())
    /// # }
    /// ```
    pub fn serve(&self, endpoints: &[&'static Endpoint]) {
        self.running.server.catalogue().serve(endpoints);
    }

    /// Whether a key has been suspended because it sent requests too early too often.
    #[must_use]
    pub fn suspended(&self) -> bool {
        self.running.server.limits().suspended()
    }

    /// The number of requests that arrived before their key's `Retry-After` had passed.
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
