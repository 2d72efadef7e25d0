//! The endpoints that the sandbox knows: the SDK's, and those given to `Sandbox::serve`.

use http::Method;

use super::access::AccessKey;
use super::script::meets;
use crate::{Customers, Endpoint, Events, OnlineConferences, Users};

const OWN: [&[&Endpoint]; 4] =
    [<dyn Customers>::ENDPOINTS, <dyn Users>::ENDPOINTS, <dyn Events>::ENDPOINTS, <dyn OnlineConferences>::ENDPOINTS];

#[derive(Debug, Default)]
pub(super) struct Catalogue {
    served: Vec<&'static Endpoint>,
}

impl Catalogue {
    pub(super) fn serve(&mut self, endpoints: &[&'static Endpoint]) {
        self.served.extend_from_slice(endpoints);
    }

    /// The endpoint that a request calls, among those given to `serve`.
    pub(super) fn served(&self, method: &Method, path: &str) -> Option<&'static Endpoint> {
        find(&self.served, method, path)
    }

    /// The endpoint that a request calls, among all.
    pub(super) fn named(&self, method: &Method, path: &str) -> Option<&'static Endpoint> {
        self.served(method, path).or_else(|| find(OWN.into_iter().flatten(), method, path))
    }
}

/// If several templates match the path, the one with the fewest placeholders wins.
fn find<'a>(
    endpoints: impl IntoIterator<Item = &'a &'static Endpoint>,
    method: &Method,
    path: &str,
) -> Option<&'static Endpoint> {
    let called = endpoints.into_iter().filter(|endpoint| endpoint.method() == method && meets(endpoint.path(), path));
    called.min_by_key(|endpoint| endpoint.path().matches('{').count()).copied()
}

/// Whether a key has the permissions that an endpoint declares. If the path ends with an id, the scope `*` means that id.
pub(super) fn permits(key: &AccessKey, endpoint: &Endpoint, path: &str) -> bool {
    let id = path.rsplit('/').next().filter(|_| endpoint.path().ends_with('}')).unwrap_or("*");
    endpoint.permissions().all(|permission| {
        let scope = if permission.scope() == "*" { id } else { permission.scope() };
        key.permits(&format!("{}.{}.{scope}", permission.resource(), permission.verb()))
    })
}
