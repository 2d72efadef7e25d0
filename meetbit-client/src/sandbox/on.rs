//! Faults and replies for one method and path.

use bytes::Bytes;
use http::{Method, Response};

use super::fault::Fault;
use super::script::Target;
use super::server::Server;

/// Queues faults and replies for one method and path; [`Sandbox::on`](crate::sandbox::Sandbox::on) creates it.
#[derive(Debug)]
pub struct On<'a> {
    server: &'a Server,
    target: Target,
}

impl<'a> On<'a> {
    pub(super) fn new(server: &'a Server, method: Method, path: String) -> Self {
        Self { server, target: Target { method, path } }
    }

    /// Queues a fault for the next such request.
    pub fn fault(&self, fault: Fault) {
        self.server.script().add(Some(self.target.clone()), fault);
    }

    /// Queues a reply for the next such request, which then has no effect: short for [`Fault::reply`].
    pub fn reply(&self, response: Response<impl Into<Bytes>>) {
        self.fault(Fault::reply(response));
    }
}
