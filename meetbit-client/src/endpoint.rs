use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::Method;

use crate::permission::Permission;

/// The static description of an endpoint. [`api_endpoint`](crate::api_endpoint) or [`Client::call`](crate::Client::call) creates
/// it.
///
/// ```
/// use meetbit_client::Customers;
///
/// let endpoint = <dyn Customers>::ENDPOINTS[0];
/// assert_eq!(endpoint.name(), "create_customer");
/// assert_eq!(endpoint.to_string(), "POST /customers");
/// assert!(!endpoint.is_idempotent());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    name: &'static str,
    method: Method,
    path: &'static str,
    permissions: &'static [&'static str],
    idempotent: bool,
    raw: bool,
    timeout: Option<Duration>,
    deprecated: bool,
    /// The arguments outside the path, as [`Argument::read`] reads them.
    arguments: &'static [&'static str],
}

/// An argument of an endpoint: see [`Endpoint::arguments`].
///
/// ```
/// use meetbit_client::{ArgumentLocation, Events};
///
/// let list_events = <dyn Events>::ENDPOINTS[0];
/// let arguments: Vec<_> = list_events
///     .arguments()
///     .map(|argument| (argument.location(), argument.name()))
///     .collect();
/// assert_eq!(arguments[0], (ArgumentLocation::Path, "calendar_id"));
/// assert_eq!(arguments[1], (ArgumentLocation::Query, "from"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argument {
    name: &'static str,
    location: ArgumentLocation,
    optional: bool,
    fields: bool,
}

/// Where an argument goes in the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ArgumentLocation {
    /// A segment of the path.
    Path,
    /// The query.
    Query,
    /// A header.
    Header,
    /// The body.
    Body,
}

impl Argument {
    /// The name in the request: of the placeholder, the query parameter or the header; the media type of a body.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Where it goes.
    #[must_use]
    pub fn location(self) -> ArgumentLocation {
        self.location
    }

    /// Whether its type is an `Option`, so that it can be left out.
    #[must_use]
    pub fn is_optional(self) -> bool {
        self.optional
    }

    /// Whether its type may be a struct, whose fields are then in the query under their own names. A macro cannot see them.
    #[must_use]
    pub fn may_have_fields(self) -> bool {
        self.fields
    }

    /// Reads what the macro writes: `query page`, `query? page`, `fields filter`, `header x-trace`, `body text/csv`.
    fn read(text: &'static str) -> Self {
        let (kind, name) = text.split_once(' ').unwrap_or((text, ""));
        let (kind, optional) = kind.strip_suffix('?').map_or((kind, false), |kind| (kind, true));
        let location = match kind {
            "header" => ArgumentLocation::Header,
            "body" => ArgumentLocation::Body,
            _ => ArgumentLocation::Query,
        };
        Self { name, location, optional, fields: kind == "fields" }
    }
}

impl Endpoint {
    pub(crate) const fn new(name: &'static str, method: Method, path: &'static str) -> Self {
        Self {
            name,
            method,
            path,
            permissions: &[],
            idempotent: false,
            raw: false,
            timeout: None,
            deprecated: false,
            arguments: &[],
        }
    }

    /// The name of the method that declares it, such as `create_customer`; `call` if it comes from
    /// [`Client::call`](crate::Client::call).
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The HTTP method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path template below the base URL, such as `/users/{user_id}`.
    #[must_use]
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// The permissions that the role of the access key needs, as declared. The content of a request can require more: see
    /// [`Call::permissions`](crate::Call::permissions).
    #[must_use]
    pub fn permissions(&self) -> impl ExactSizeIterator<Item = Permission> + use<> {
        self.permissions.iter().map(|text| Permission::literal(text))
    }

    /// Whether sending it twice does what sending it once does: by RFC 9110 for GET, HEAD, PUT and DELETE, by
    /// declaration (`idempotent`) for others. Only then is it repeated after a failure whose outcome is unknown.
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        self.idempotent || matches!(self.method, Method::GET | Method::HEAD | Method::PUT | Method::DELETE)
    }

    /// Whether the reply is the value itself, without MeetBit's `{message, data}`: the option `raw`.
    ///
    /// An endpoint of [`Client::call`](crate::Client::call) does not know it.
    ///
    /// ```
    /// use meetbit_client::Customers;
    ///
    /// assert!(!<dyn Customers>::ENDPOINTS[0].is_raw());
    /// ```
    #[must_use]
    pub fn is_raw(&self) -> bool {
        self.raw
    }

    /// Its arguments: those of the path in the order of the path, then the others in the order of the method.
    ///
    /// An endpoint of [`Client::call`](crate::Client::call) has only those of the path.
    ///
    /// ```
    /// use meetbit_client::{ArgumentLocation, Customers, Events};
    ///
    /// let mut arguments = <dyn Customers>::ENDPOINTS[0].arguments();
    /// let customer = arguments.next().unwrap();
    /// assert_eq!(customer.location(), ArgumentLocation::Body);
    /// assert_eq!(customer.name(), "application/json");
    /// assert!(!customer.is_optional());
    ///
    /// // The fields of `ListEvents`, which the macro cannot see.
    /// let query = <dyn Events>::ENDPOINTS[0].arguments().last().unwrap();
    /// assert!(query.may_have_fields());
    /// ```
    pub fn arguments(&self) -> impl Iterator<Item = Argument> + use<> {
        let placeholders = self.path.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
        let in_path = |(name, _)| Argument { name, location: ArgumentLocation::Path, optional: false, fields: false };
        placeholders.map(in_path).chain(self.arguments.iter().map(|text| Argument::read(text)))
    }

    /// Whether the method that declares it is `#[deprecated]`.
    #[must_use]
    pub fn is_deprecated(&self) -> bool {
        self.deprecated
    }

    /// The time limit of a whole call, if the declaration has the option `timeout`.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }
}

/// The method and the path template, as in `POST /customers`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// The least set of permissions that covers every endpoint of some catalogues: the role that an application needs.
///
/// A catalogue does not include permissions that only some requests need, such as `users.lock.*` to activate a new user.
/// [`Call::permissions`](crate::Call::permissions) returns them.
///
/// ```
/// use meetbit_client::{Customers, permissions};
///
/// let role = permissions([<dyn Customers>::ENDPOINTS]);
/// assert_eq!(
///     role.iter().map(ToString::to_string).collect::<Vec<_>>(),
///     ["customers.create.*"]
/// );
/// ```
pub fn permissions<C>(catalogues: C) -> BTreeSet<Permission>
where
    C: IntoIterator<Item = &'static [&'static Endpoint]>,
{
    let declared: BTreeSet<_> = catalogues.into_iter().flatten().flat_map(|endpoint| endpoint.permissions()).collect();
    let covered = |needed: &Permission| declared.iter().any(|other| other != needed && other.covers(needed));
    declared.iter().filter(|permission| !covered(permission)).cloned().collect()
}

/// The endpoints of undeclared calls, by path. Each is kept until the program ends. Their number is bounded by the
/// program's text, because paths and permissions are `'static`.
static UNDECLARED: Mutex<BTreeMap<&'static str, Vec<&'static Endpoint>>> = Mutex::new(BTreeMap::new());

impl Endpoint {
    /// The one undeclared endpoint with these properties.
    pub(crate) fn undeclared(
        method: Method,
        path: &'static str,
        permissions: &[&'static str],
        idempotent: bool,
    ) -> &'static Self {
        let mut known = UNDECLARED.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry(path).or_default();
        let is_same = |e: &&&Self| e.method == method && e.permissions == permissions && e.idempotent == idempotent;
        if let Some(endpoint) = known.iter().find(is_same) {
            return endpoint;
        }
        let permissions = Box::leak(permissions.into());
        let endpoint = Box::leak(Box::new(Self { permissions, idempotent, ..Self::new("call", method, path) }));
        known.push(endpoint);
        endpoint
    }

    /// The undeclared endpoint that needs one more permission.
    pub(crate) fn with_permission(&self, permission: &'static str) -> &'static Self {
        let new = (!self.permissions.contains(&permission)).then_some(permission);
        let permissions: Vec<_> = self.permissions.iter().copied().chain(new).collect();
        Self::undeclared(self.method.clone(), self.path, &permissions, self.idempotent)
    }

    /// The undeclared endpoint that may be repeated.
    pub(crate) fn as_idempotent(&self) -> &'static Self {
        Self::undeclared(self.method.clone(), self.path, self.permissions, true)
    }
}

/// The steps in which generated code states an endpoint; each is evaluated at compile time.
#[doc(hidden)]
impl Endpoint {
    #[must_use]
    pub const fn requires(mut self, permissions: &'static [&'static str]) -> Self {
        self.permissions = permissions;
        self
    }

    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    #[must_use]
    pub const fn raw(mut self) -> Self {
        self.raw = true;
        self
    }

    #[must_use]
    pub const fn deprecated(mut self, is_deprecated: bool) -> Self {
        self.deprecated = is_deprecated;
        self
    }

    #[must_use]
    pub const fn takes(mut self, arguments: &'static [&'static str]) -> Self {
        self.arguments = arguments;
        self
    }

    #[must_use]
    pub const fn timeout_millis(mut self, millis: u64) -> Self {
        self.timeout = Some(Duration::from_millis(millis));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_takes_24_bytes_and_its_name() {
        let written = |text: &'static str| size_of::<&str>() + text.split_once(' ').unwrap().0.len();
        let longest = ["query? ", "fields? ", "header? ", "body? "].map(written);
        assert!(longest.iter().all(|bytes| *bytes <= 24), "{longest:?}");
        assert!(size_of::<Argument>() <= 24);
    }
}
