//! Compares declared endpoints with an OpenAPI document, in a test of one line. Needs the feature `conformance`.
//!
//! ```
//! use meetbit_client::{Api, Call, api, api_endpoint, conformance};
//!
//! #[api]
//! trait Notes: Api {
//!     #[api_endpoint(get, "/notes", perm = "notes.read.*")]
//!     fn list_notes(&self, #[query] page: Option<u32>) -> Call<Vec<String>>;
//! }
//!
//! # fn main() -> Result<(), serde_json::Error> {
//! let document = serde_json::from_str(
//!     r#"{
//!         "openapi": "3.1.0",
//!         "paths": {
//!             "/notes": {
//!                 "get": {
//!                     "x-permissions": ["notes.read.*"],
//!                     "parameters": [{"name": "page", "in": "query"}]
//!                 }
//!             },
//!             "/notes/{id}/history": {
//!                 "get": {
//!                     "parameters": [
//!                         {"name": "id", "in": "path", "required": true}
//!                     ]
//!                 }
//!             }
//!         }
//!     }"#,
//! )?;
//! conformance::assert_conforms(&document, [<dyn Notes>::ENDPOINTS])
//!     .except("GET /notes/{id}/history", "not needed yet");
//! # Ok(())
//! # }
//! ```
//!
//! # What is compared
//! OpenAPI 3.0 and 3.1, with local `$ref`s, `allOf` and parameters of paths:
//! - methods and paths, in both directions, and the names of placeholders, whatever their style (`{noteId}` is `{note_id}`);
//! - query parameters and headers in both directions, and whether they are required. The fields of an object in the query are
//!   parameters of their own;
//! - whether there is a body, its media type, and whether it is required;
//! - permissions, if the document states them in `x-permissions` or as `resource.verb.*` in the description;
//! - `deprecated`.
//!
//! The fields of a `#[query]` struct are not compared, because a macro cannot see them: an endpoint with an argument whose type
//! may be a struct may have every documented parameter. [`request`] compares them. A body that is always sent agrees with a
//! document that requires none.
//!
//! # Calls
//! [`request`] compares a real call with the schemas, and [`reply`] reads replies that the schemas allow:
//! - headers and query parameters that are required and not sent, and query parameters that the document does not have;
//! - types, `enum`, `const`, lengths, bounds, numbers of items and properties, formats (`date-time`, `date`, `time`, `duration`,
//!   `email`, `uuid`, `uri`, `hostname`, `ipv4`, `ipv6`, `byte`, `int32`);
//! - a body of JSON, and a form, whose fields are read as the types of its schema;
//! - required properties, and those that the document does not have: an object with `properties` has no others, unless it has
//!   `additionalProperties`; one that is `readOnly` is not sent, one that is `writeOnly` not received;
//! - `$ref`, `allOf`, `oneOf`, `anyOf`, `not`, `discriminator`, `nullable` and the type `null`. `nullable` beside a `$ref` or an
//!   `allOf` allows `null`, as its author meant, although OpenAPI 3.0 to the letter ignores it.
//!
//! Not compared: `pattern` (a reply with one is the document's `example`), `patternProperties`, `propertyNames`, `prefixItems`,
//! `contains`, `if`, keywords with `unevaluated` or `dependent` in their names, parameters with `content`, and bodies of other
//! media types.

// May import from the crate root, as a user would, and `response`, because replies are read as the client reads them.

mod body;
mod call;
mod check;
mod compare;
mod content;
mod document;
mod format;
mod parameter;
mod reply;
mod sample;
mod schema;
mod text;

use std::fmt;
use std::panic::Location;
use std::thread;

use serde_json::Value;

use serde::de::DeserializeOwned;

use crate::conformance::compare::{compare, shape};
use crate::conformance::document::{Document, Finding, Operation, escaped};
use crate::{Call, Endpoint};

/// Compares catalogues with an OpenAPI document. The returned value panics when it is dropped if there are differences, with all
/// of them at once, each with its JSON pointer in the document and the name of the method.
///
/// The [module](self) says what is compared.
///
/// ```should_panic
/// use meetbit_client::{Customers, conformance};
///
/// let document = serde_json::json!({"openapi": "3.0.3", "paths": {}});
/// // Panics: #/paths: `create_customer`: POST /customers is not in the document
/// conformance::assert_conforms(&document, [<dyn Customers>::ENDPOINTS]);
/// ```
#[track_caller]
pub fn assert_conforms<C>(document: &Value, catalogues: C) -> Conformance
where
    C: IntoIterator<Item = &'static [&'static Endpoint]>,
{
    let endpoints: Vec<_> = catalogues.into_iter().flatten().copied().collect();
    let differences = differences(Document(document), &endpoints);
    Conformance::new(differences)
}

/// Compares the request of a call with its operation: path, query, headers and a body of JSON or a form, against the schemas. The
/// returned value panics when it is dropped if there are differences, as that of [`assert_conforms`] does.
///
/// The [module](self#calls) says what is compared.
///
/// ```
/// # fn example(client: meetbit_client::Client) {
/// use meetbit_client::{Customers, NewCustomer, conformance};
///
/// let document = serde_json::json!({
///     "openapi": "3.1.0",
///     "paths": {"/customers": {"post": {"requestBody": {"content": {
///         "application/json": {"schema": {
///         "required": ["email"],
///         "additionalProperties": true,
///         "properties": {"email": {"type": "string", "maxLength": 20}}
///     }}}}}}}
/// });
/// let call = client.create_customer(&NewCustomer::new().email("ada@example.com"));
/// conformance::request(&document, &call);
///
/// let long = NewCustomer::new().email("ada@analytical.example.com");
/// let call = client.create_customer(&long);
/// let differences = conformance::request(&document, &call).differences();
/// let text = "`email` of the body has 26 characters, more than 20";
/// assert!(differences[0].starts_with("#/paths/~1customers/post/requestBody/"));
/// assert!(differences[0].ends_with(text));
/// # }
/// # example(meetbit_client::Client::builder("example.com").credentials(
/// #     meetbit_client::Credentials::new("id", "secret")).build().unwrap());
/// ```
#[track_caller]
#[expect(clippy::must_use_candidate, reason = "a result that is dropped at once is how it is used")]
pub fn request<T>(document: &Value, call: &Call<T>) -> Conformance {
    let Some(endpoint) = call.endpoint() else {
        let finding = Finding::new("#", "a ready call has no request");
        return Conformance::new(vec![Difference::new(None, None, finding)]);
    };
    Conformance::new(of_operation(document, endpoint, |document, operation| match call.request() {
        Ok(request) => call::compare(document, operation, endpoint, &request),
        Err(error) => vec![Finding::new(&operation.pointer, format!("the call cannot be sent: {error}"))],
    }))
}

/// Reads replies that the document allows as the client reads them: the smallest, the fullest with each alternative of each
/// choice, and the one with most nulls. `T` is the type of the endpoint's `Call<T>`. The returned value panics when it is dropped
/// if there are differences, as that of [`assert_conforms`] does.
///
/// A `Call<()>` or `Call<Bytes>` reads every reply, so it needs no test.
///
/// ```
/// use meetbit_client::{Api, Call, api, api_endpoint, conformance};
///
/// #[derive(serde::Deserialize)]
/// struct Note {
///     id: u32,
///     text: String,
/// }
///
/// #[api]
/// trait Notes: Api {
///     #[api_endpoint(get, "/notes/{id}")]
///     fn get_note(&self, id: u32) -> Call<Note>;
/// }
///
/// let document = serde_json::json!({
///     "openapi": "3.1.0",
///     "paths": {"/notes/{id}": {"get": {"responses": {"200": {"content": {
///         "application/json": {"schema": {
///         "required": ["data"],
///         "properties": {"data": {"$ref": "#/components/schemas/Note"}}
///     }}}}}}}},
///     "components": {"schemas": {"Note": {
///         "type": "object",
///         "required": ["id"],
///         "properties": {"id": {"type": "integer"}, "text": {"type": "string"}}
///     }}}
/// });
/// let endpoint = <dyn Notes>::ENDPOINTS[0];
/// let differences = conformance::reply::<Note>(&document, endpoint).differences();
/// let pointer = "#/components/schemas/Note/properties/text";
/// let text = "`get_note`: the smallest reply cannot be read: \
///             the field `text` is missing at `data`";
/// assert_eq!(differences, [format!("{pointer}: {text}")]);
/// ```
#[track_caller]
#[expect(clippy::must_use_candidate, reason = "a result that is dropped at once is how it is used")]
pub fn reply<T: DeserializeOwned>(document: &Value, endpoint: &'static Endpoint) -> Conformance {
    Conformance::new(of_operation(document, endpoint, |document, operation| {
        reply::compare::<T>(document, operation, endpoint.is_raw())
    }))
}

/// The result of a comparison, which panics when it is dropped.
pub struct Conformance {
    differences: Vec<Difference>,
    exceptions: Vec<(String, String)>,
    is_partial: bool,
    is_done: bool,
    caller: &'static Location<'static>,
}

/// One difference.
struct Difference {
    /// The operation, such as `GET /notes/{}`; `None` if it is not one of the client's methods.
    operation: Option<String>,
    is_undeclared: bool,
    text: String,
}

#[expect(
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    reason = "a result that is dropped at once is how it is used"
)]
impl Conformance {
    #[track_caller]
    fn new(differences: Vec<Difference>) -> Self {
        Self { differences, exceptions: Vec::new(), is_partial: false, is_done: false, caller: Location::caller() }
    }

    /// Accepts all differences of an operation, such as `GET /notes/{id}`, for a reason. An exception without a difference is a
    /// difference itself, so that exceptions do not outlive their reasons.
    ///
    /// ```
    /// use meetbit_client::{Customers, conformance};
    ///
    /// let document = serde_json::json!({"openapi": "3.0.3", "paths": {}});
    /// conformance::assert_conforms(&document, [<dyn Customers>::ENDPOINTS])
    ///     .except("POST /customers", "not documented yet");
    /// ```
    pub fn except(mut self, operation: &str, reason: &str) -> Self {
        self.exceptions.push((operation.to_owned(), reason.to_owned()));
        self
    }

    /// Accepts that the document has operations that no catalogue declares.
    ///
    /// ```
    /// use meetbit_client::conformance;
    ///
    /// let document = serde_json::json!({
    ///     "openapi": "3.0.3",
    ///     "paths": {"/rooms": {"get": {}}}
    /// });
    /// conformance::assert_conforms(&document, []).partial();
    /// ```
    pub fn partial(mut self) -> Self {
        self.is_partial = true;
        self
    }

    /// The differences that are not accepted, one line each; then nothing panics.
    ///
    /// ```
    /// use meetbit_client::{Customers, conformance};
    ///
    /// let document = serde_json::json!({"openapi": "3.0.3", "paths": {}});
    /// let conformance =
    ///     conformance::assert_conforms(&document, [<dyn Customers>::ENDPOINTS]);
    /// let missing =
    ///     "#/paths: `create_customer`: POST /customers is not in the document";
    /// assert_eq!(conformance.differences(), [missing]);
    /// ```
    #[must_use]
    pub fn differences(mut self) -> Vec<String> {
        self.is_done = true;
        self.remaining()
    }

    fn remaining(&self) -> Vec<String> {
        let exceptions: Vec<_> = self.exceptions.iter().map(|(operation, _)| key(operation)).collect();
        let is_excepted = |d: &Difference| d.operation.as_ref().is_some_and(|o| exceptions.contains(o));
        let counted = |d: &&Difference| !(self.is_partial && d.is_undeclared);
        let (mut remaining, mut used) = (Vec::new(), Vec::new());
        for difference in self.differences.iter().filter(counted) {
            if is_excepted(difference) {
                used.extend(&difference.operation);
            } else {
                remaining.push(difference.text.clone());
            }
        }
        let unused = self.exceptions.iter().filter(|(operation, _)| !used.contains(&&key(operation)));
        remaining.extend(unused.map(|(operation, reason)| {
            format!("the exception `{operation}` ({reason}) is not needed: there is no difference")
        }));
        remaining
    }
}

impl Drop for Conformance {
    fn drop(&mut self) {
        let differences = if self.is_done || thread::panicking() { Vec::new() } else { self.remaining() };
        assert!(
            differences.is_empty(),
            "{}: the endpoints do not conform to the document ({}):\n  {}",
            self.caller,
            differences.len(),
            differences.join("\n  ")
        );
    }
}

impl fmt::Debug for Conformance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Conformance").field(&self.remaining()).finish()
    }
}

fn differences(document: Document<'_>, endpoints: &[&'static Endpoint]) -> Vec<Difference> {
    let (operations, unreadable) = document.operations();
    let mut differences: Vec<_> = unreadable.into_iter().map(|finding| Difference::new(None, None, finding)).collect();
    for operation in &operations {
        let key = key(&format!("{} {}", operation.method, operation.path));
        let declared: Vec<_> = endpoints.iter().filter(|endpoint| endpoint_key(endpoint) == key).collect();
        for endpoint in &declared {
            let findings = compare(document, operation, endpoint).into_iter();
            differences.extend(findings.map(|f| Difference::new(Some(endpoint.name()), Some(key.clone()), f)));
        }
        if declared.is_empty() {
            let text = format!("{} {} is not declared", operation.method, operation.path);
            let finding = Finding::new(&operation.pointer, text);
            differences.push(Difference { is_undeclared: true, ..Difference::new(None, Some(key), finding) });
        }
    }
    let is_documented =
        |key: &str| operations.iter().any(|o| crate::conformance::key(&format!("{} {}", o.method, o.path)) == key);
    for endpoint in endpoints.iter().filter(|endpoint| !is_documented(&endpoint_key(endpoint))) {
        let same = operations.iter().find(|operation| shape(operation.path) == shape(endpoint.path()));
        let pointer = same.map_or("#/paths".to_owned(), |same| format!("#/paths/{}", escaped(same.path)));
        let finding = Finding::new(pointer, format!("{endpoint} is not in the document"));
        differences.push(Difference::new(Some(endpoint.name()), Some(endpoint_key(endpoint)), finding));
    }
    differences
}

/// What `compare` finds in the operation of an endpoint.
fn of_operation<'a>(
    document: &'a Value,
    endpoint: &'static Endpoint,
    compare: impl FnOnce(Document<'a>, &Operation<'a>) -> Vec<Finding>,
) -> Vec<Difference> {
    let (document, key) = (Document(document), endpoint_key(endpoint));
    let (operations, _) = document.operations();
    let operation = operations.iter().find(|o| self::key(&format!("{} {}", o.method, o.path)) == key);
    let findings = match operation {
        Some(operation) => compare(document, operation),
        None => vec![Finding::new("#/paths", format!("{endpoint} is not in the document"))],
    };
    findings.into_iter().map(|finding| Difference::new(Some(endpoint.name()), Some(key.clone()), finding)).collect()
}

fn endpoint_key(endpoint: &Endpoint) -> String {
    key(&endpoint.to_string())
}

/// An operation without the names of its placeholders.
fn key(operation: &str) -> String {
    let (method, path) = operation.trim().split_once(' ').unwrap_or((operation, ""));
    format!("{} {}", method.to_uppercase(), shape(path.trim()))
}

impl Difference {
    fn new(name: Option<&str>, operation: Option<String>, Finding { pointer, text }: Finding) -> Self {
        let name = name.map(|name| format!("`{name}`: ")).unwrap_or_default();
        Self { operation, is_undeclared: false, text: format!("{pointer}: {name}{text}") }
    }
}
