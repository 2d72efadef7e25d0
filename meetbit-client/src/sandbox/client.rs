//! Where the sandbox meets the client's own types.

use std::io;
use std::sync::Arc;

use crate::{Client, Credentials, Error, ErrorKind, RateLimit};

use super::Sandbox;

impl Sandbox {
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
}

pub(super) fn connect(base_url: &str, credentials: Credentials, limit: RateLimit) -> io::Result<Client> {
    let client = Client::builder("sandbox.example.com").base_url(base_url).credentials(credentials).rate_limit(limit);
    client.build().map_err(io::Error::other)
}

pub(super) fn not_started(error: io::Error) -> Error {
    let message = format!("the sandbox cannot start: {error}");
    Error::new(ErrorKind::Config, message).with(|e| e.source(Arc::new(error)))
}
