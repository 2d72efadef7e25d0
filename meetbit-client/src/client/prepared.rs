use std::time::Duration;
#[cfg(feature = "journal")]
use std::{fmt, future::Future, pin::Pin, sync::Arc};

use crate::client::Client;
use crate::client::access_key::AccessKey;
use crate::client::retry::RetryPolicy;
#[cfg(feature = "journal")]
use crate::error::Error;
use crate::request::outgoing::OutgoingRequest;
use crate::request::parts::RequestParts;
#[cfg(feature = "journal")]
use crate::response::decode::Reply;

/// A request and the client that sends it, with the settings of this call.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) client: Client,
    pub(crate) parts: RequestParts,
    pub(crate) timeout: Option<Duration>,
    pub(crate) retry: Option<RetryPolicy>,
    /// Sends the call at most once.
    #[cfg(feature = "journal")]
    pub(crate) once: Option<Arc<dyn Once>>,
    /// True if the reply has no envelope.
    pub(crate) is_raw: bool,
}

impl Prepared {
    pub(crate) fn new(client: Client, parts: RequestParts) -> Self {
        Self {
            client,
            parts,
            timeout: None,
            retry: None,
            #[cfg(feature = "journal")]
            once: None,
            is_raw: false,
        }
    }

    /// The time limit of the whole call.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.or(self.parts.endpoint.timeout()).unwrap_or(self.client.0.limits.timeout)
    }

    /// The request with this key.
    pub(crate) fn outgoing<'a>(&'a self, key: &'a AccessKey) -> OutgoingRequest<'a> {
        OutgoingRequest { parts: &self.parts, base_url: &self.client.0.base_url, headers: &key.headers }
    }
}

/// Carries out a call instead of `execute`. The room `journal` implements it.
#[cfg(feature = "journal")]
pub(crate) trait Once: fmt::Debug + Send + Sync {
    fn execute(self: Arc<Self>, call: Arc<Prepared>) -> Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send>>;
}
