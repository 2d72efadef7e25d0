//! What generated code is made of: one step for each argument of a declared endpoint.
//!
//! Each step takes its argument by reference, keeps the first problem, and does nothing after one.

use std::fmt::{self, Display, Write};
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::client::call::Call;
use crate::client::prepared::Plan;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::request::checks::{Validate, ValidationError};
use crate::request::{headers, path, urlencoded};
use crate::response::status;

pub(crate) const JSON: &str = "application/json";

/// A request in the making: a pointer, so that each step takes little code where it is used.
#[derive(Debug)]
pub struct Draft(Arc<Plan>);

impl Draft {
    /// Starts the request of `endpoint`.
    #[must_use]
    pub fn new(client: &Client, endpoint: &'static Endpoint) -> Self {
        let plan = Plan {
            client: client.clone(),
            endpoint,
            path: String::new(),
            rest: endpoint.path(),
            query: String::new(),
            headers: HeaderMap::new(),
            media_type: None,
            body: Bytes::new(),
            checked: Checked::default(),
            problem: None,
            timeout: None,
            retry: None,
        };
        Self(Arc::new(plan))
    }

    /// Fills the next placeholder.
    #[must_use]
    pub fn path<T: PathArgument + ?Sized>(mut self, value: &T) -> Self {
        self.fill(&value);
        self
    }

    fn fill(&mut self, value: &dyn Display) {
        let segment = displayed(value);
        let plan = self.plan();
        if plan.path.is_empty() {
            let prefix = &plan.client.0.address.prefix;
            plan.path.reserve(prefix.len() + plan.rest.len() + 32);
            plan.path.push_str(prefix);
        }
        match path::fill(&mut plan.path, plan.rest, segment) {
            Ok(rest) => plan.rest = rest,
            Err(why) => plan.fail(Error::invalid_request(why)),
        }
    }

    /// Adds to the query: under `name`, or a struct's or map's own names.
    #[must_use]
    #[inline(never)] // it would take twice the code in each endpoint
    pub fn query<T: QueryArgument + ?Sized>(mut self, name: &str, value: &T) -> Self {
        self.plan().push_query(name, value);
        self
    }

    /// Sets a header, unless its value is `None`.
    #[must_use]
    pub fn header<M, T: HeaderArgument<M> + ?Sized>(mut self, name: &'static str, value: &T) -> Self {
        match value.header_value(name) {
            Ok(Some(value)) => drop(self.plan().headers.insert(HeaderName::from_static(name), value)),
            Ok(None) => {}
            Err(error) => self.plan().fail(error),
        }
        self
    }

    /// A JSON body, with what it says of itself.
    #[must_use]
    pub fn body<T: BodyArgument + ?Sized>(mut self, value: &T, checked: Checked) -> Self {
        self.plan().set_json(json(value), checked);
        self
    }

    /// A form as the body, with what it says of itself.
    #[must_use]
    pub fn form<T: FormArgument + ?Sized>(mut self, value: &T, checked: Checked) -> Self {
        self.plan().set_form(json(value), checked);
        self
    }

    /// Bytes as the body.
    #[must_use]
    pub fn bytes<T: BytesArgument + ?Sized>(mut self, media_type: &'static str, value: &T) -> Self {
        self.plan().set_body(media_type, Bytes::copy_from_slice(value.as_ref()), Checked::default());
        self
    }

    /// A reply in MeetBit's envelope.
    pub fn call<T: Reply>(self) -> Call<T> {
        Call::new(self.finish(), status::envelope)
    }

    /// A reply that is the value itself.
    pub fn raw<T: Reply>(self) -> Call<T> {
        Call::new(self.finish(), status::raw)
    }

    /// A reply that says nothing but that it worked.
    pub fn empty(self) -> Call<()> {
        Call::new(self.finish(), status::empty)
    }

    /// A reply whose body is taken as it is.
    pub fn into_bytes(self) -> Call<Bytes> {
        Call::new(self.finish(), status::bytes)
    }

    fn finish(mut self) -> Arc<Plan> {
        let plan = self.plan();
        if !plan.path.is_empty() {
            plan.path.push_str(plan.rest);
        }
        self.0
    }

    fn plan(&mut self) -> &mut Plan {
        Arc::make_mut(&mut self.0)
    }
}

impl Plan {
    /// Appends what `value` is in a query string: pairs of its own if it is a struct or a map, else one under `name`.
    pub(crate) fn push_query<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        self.add_query(name, json(value));
    }

    fn add_query(&mut self, name: &str, json: serde_json::Result<Vec<u8>>) {
        if let Err(error) = urlencoded::append(&mut self.query, Some(name), json) {
            self.fail(Error::invalid_request(format!(
                "`{name}` cannot be written as a query ({error}); it takes a scalar, a list of scalars, or a struct or map \
                 of these"
            )));
        }
    }

    fn set_json(&mut self, json: serde_json::Result<Vec<u8>>, checked: Checked) {
        let body = json.unwrap_or_else(|error| {
            self.fail(Error::invalid_request(format!("the body cannot be written as JSON: {error}")));
            Vec::new()
        });
        self.set_body(JSON, body.into(), checked);
    }

    fn set_form(&mut self, json: serde_json::Result<Vec<u8>>, checked: Checked) {
        let mut form = String::new();
        if let Err(error) = urlencoded::append(&mut form, None, json) {
            self.fail(Error::invalid_request(format!(
                "the body cannot be written as a form ({error}); it takes a struct or map of scalars and lists of scalars"
            )));
        }
        self.set_body("application/x-www-form-urlencoded", form.into(), checked);
    }

    fn set_body(&mut self, media_type: &'static str, body: Bytes, checked: Checked) {
        self.media_type = Some(media_type);
        self.body = body;
        self.checked = checked;
    }
}

/// The JSON of an argument: all that is generic in the type of one that is serialized.
fn json<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Vec<u8>> {
    let mut json = Vec::with_capacity(512);
    serde_json::to_writer(&mut json, value).map(|()| json)
}

/// The text of an argument; not generic, so that it is compiled once.
fn displayed(value: &dyn Display) -> Result<String, fmt::Error> {
    let mut text = String::new();
    write!(text, "{value}").map(|()| text)
}

/// What a body says of itself: nothing, for the most part.
#[derive(Clone, Debug, Default)]
pub struct Checked(Option<Box<Said>>);

#[derive(Clone, Debug)]
struct Said {
    invalid: Option<ValidationError>,
    permissions: &'static [&'static str],
}

impl Checked {
    pub(crate) fn invalid(&self) -> Option<&ValidationError> {
        self.0.as_ref()?.invalid.as_ref()
    }

    /// What it needs besides the endpoint's permissions.
    pub(crate) fn permissions(&self) -> &'static [&'static str] {
        self.0.as_ref().map_or(&[], |said| said.permissions)
    }

    /// Lets it pass as it is.
    pub(crate) fn disregard(&mut self) {
        if let Some(said) = &mut self.0 {
            said.invalid = None;
        }
    }
}

// The name is one that no trait of a user has: a by-value method of a blanket trait in scope would win over it.
/// Finds the checks of a body's type, if it has any: [`__validate`](Check::__validate) is the inherent method where the type
/// is [`Validate`], else the one behind `Deref`.
#[derive(Debug)]
pub struct Check<'a, T: ?Sized>(pub &'a T);

impl<T: Validate + ?Sized> Check<'_, T> {
    /// What the type says.
    #[must_use]
    pub fn __validate(&self) -> Checked {
        let (invalid, permissions) = (self.0.validate().err(), self.0.permissions());
        Checked((invalid.is_some() || !permissions.is_empty()).then(|| Box::new(Said { invalid, permissions })))
    }
}

impl<T: ?Sized> Deref for Check<'_, T> {
    type Target = Unchecked;

    fn deref(&self) -> &Unchecked {
        &Unchecked
    }
}

/// A body without checks.
#[derive(Debug)]
pub struct Unchecked;

impl Unchecked {
    /// Nothing is known to be wrong.
    #[must_use]
    pub fn __validate(&self) -> Checked {
        Checked::default()
    }
}

/// What can fill a placeholder of a path: anything that can be displayed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a segment of a path",
    label = "does not implement `std::fmt::Display`",
    note = "a path argument is an id, a string or another type that implements `std::fmt::Display`; a type parameter needs the \
            bound `T: std::fmt::Display`"
)]
pub trait PathArgument: Display {}

#[diagnostic::do_not_recommend]
impl<T: Display + ?Sized> PathArgument for T {}

/// What can stand in a query: a scalar, a sequence, a struct or a map that can be serialized.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a query",
    label = "does not implement `serde::Serialize`",
    note = "derive it: `#[derive(serde::Serialize)]`; a type parameter needs the bound `T: serde::Serialize`"
)]
pub trait QueryArgument: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> QueryArgument for T {}

/// What can be a JSON body: anything that can be serialized.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a JSON body",
    label = "does not implement `serde::Serialize`",
    note = "derive it: `#[derive(serde::Serialize)]`; a type parameter needs the bound `T: serde::Serialize`"
)]
pub trait BodyArgument: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> BodyArgument for T {}

/// What can be a form: a struct or a map that can be serialized.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a form",
    label = "does not implement `serde::Serialize`",
    note = "derive it: `#[derive(serde::Serialize)]`; a type parameter needs the bound `T: serde::Serialize`"
)]
pub trait FormArgument: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> FormArgument for T {}

/// What can be a body of raw bytes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a raw body",
    label = "does not implement `AsRef<[u8]>`",
    note = "pass bytes or a string, or leave `raw = \"..\"` out to send it as JSON"
)]
pub trait BytesArgument: AsRef<[u8]> {}

#[diagnostic::do_not_recommend]
impl<T: AsRef<[u8]> + ?Sized> BytesArgument for T {}

/// What a reply can be read as.
#[diagnostic::on_unimplemented(
    message = "a reply cannot be read as `{Self}`",
    label = "does not implement `serde::de::DeserializeOwned`",
    note = "derive it, `#[derive(serde::Deserialize)]`, with no borrowed fields; a type parameter needs the bound \
            `T: serde::de::DeserializeOwned`"
)]
pub trait Reply: DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> Reply for T {}

/// What can be a header: anything that can be displayed, a ready `HeaderValue`, or an `Option` of either.
///
/// `M` only tells the implementations apart; it is always inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a header",
    label = "neither implements `std::fmt::Display` nor is a `HeaderValue`",
    note = "a header argument is a scalar or a string, an `http::HeaderValue`, or an `Option` of one"
)]
pub trait HeaderArgument<M> {
    /// # Errors
    /// It has a character that no header may have.
    fn header_value(&self, name: &'static str) -> Result<Option<HeaderValue>, Error>;
}

/// A header that is displayed.
#[derive(Debug)]
pub struct Displayed;

/// A header that is ready.
#[derive(Debug)]
pub struct Ready;

/// A header that may be absent.
#[derive(Debug)]
pub struct Optional<M>(M);

#[diagnostic::do_not_recommend]
impl<T: Display + ?Sized> HeaderArgument<Displayed> for T {
    fn header_value(&self, name: &'static str) -> Result<Option<HeaderValue>, Error> {
        headers::argument(name, displayed(&self)).map(Some)
    }
}

#[diagnostic::do_not_recommend]
impl HeaderArgument<Ready> for HeaderValue {
    fn header_value(&self, name: &'static str) -> Result<Option<HeaderValue>, Error> {
        headers::custom(HeaderName::from_static(name), self.clone()).map(|(_, value)| Some(value))
    }
}

#[diagnostic::do_not_recommend]
impl HeaderArgument<Ready> for &HeaderValue {
    fn header_value(&self, name: &'static str) -> Result<Option<HeaderValue>, Error> {
        (**self).header_value(name)
    }
}

#[diagnostic::do_not_recommend]
impl<M, T: HeaderArgument<M>> HeaderArgument<Optional<M>> for Option<T> {
    fn header_value(&self, name: &'static str) -> Result<Option<HeaderValue>, Error> {
        self.as_ref().map_or(Ok(None), |value| value.header_value(name))
    }
}
