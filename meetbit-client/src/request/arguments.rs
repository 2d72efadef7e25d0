//! The types that an endpoint's arguments can have.
//!
//! The traits exist for their diagnostics. Each has a blanket implementation, so rustc points at the argument and names the
//! trait to derive.

use std::fmt::{self, Display, Write};

use http::{HeaderName, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::request::argument_serializer::ArgumentSerializer;
use crate::request::headers;

/// The JSON of an argument; nothing for `None`. It is the only code that is generic in the type of a serialized argument.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Vec<u8>> {
    let mut json = Vec::with_capacity(512);
    value.serialize(ArgumentSerializer(&mut serde_json::Serializer::new(&mut json))).map(|()| json)
}

/// The text of an argument. It takes `dyn Display`, so that it is compiled once.
pub(crate) fn displayed(value: &dyn Display) -> Result<String, fmt::Error> {
    let mut text = String::new();
    write!(text, "{value}").map(|()| text)
}

/// A value for a placeholder of the path: any type that implements `Display`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a segment of a path",
    label = "does not implement `std::fmt::Display`",
    note = "a path argument is an id, a string or another type that implements `std::fmt::Display`; a type parameter needs the \
            bound `T: std::fmt::Display`"
)]
pub trait PathArgument: Display {}

#[diagnostic::do_not_recommend]
impl<T: Display + ?Sized> PathArgument for T {}

/// Declares a trait that any `Serialize` type implements, so that its diagnostic says which argument cannot be serialized.
macro_rules! serialized_argument {
    ($(#[$attribute:meta])* $name:ident) => {
        $(#[$attribute])*
        pub trait $name: Serialize {}

        #[diagnostic::do_not_recommend]
        impl<T: Serialize + ?Sized> $name for T {}
    };
}

serialized_argument! {
    /// A value for the query: a scalar, a sequence, a struct or a map.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be a query",
        label = "does not implement `serde::Serialize`",
        note = "derive it: `#[derive(serde::Serialize)]`; the crate of a foreign type may have a feature `serde`; a type \
                parameter needs the bound `T: serde::Serialize`"
    )]
    QueryArgument
}

serialized_argument! {
    /// A JSON body.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be a JSON body",
        label = "does not implement `serde::Serialize`",
        note = "derive it: `#[derive(serde::Serialize)]`; the crate of a foreign type may have a feature `serde`; a type \
                parameter needs the bound `T: serde::Serialize`"
    )]
    BodyArgument
}

serialized_argument! {
    /// A form: a struct or a map.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be a form",
        label = "does not implement `serde::Serialize`",
        note = "derive it: `#[derive(serde::Serialize)]`; the crate of a foreign type may have a feature `serde`; a type \
                parameter needs the bound `T: serde::Serialize`"
    )]
    FormArgument
}

/// A body of raw bytes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a raw body",
    label = "does not implement `AsRef<[u8]>`",
    note = "pass bytes or a string, or leave `raw = \"..\"` out to send it as JSON"
)]
pub trait BytesArgument: AsRef<[u8]> {}

#[diagnostic::do_not_recommend]
impl<T: AsRef<[u8]> + ?Sized> BytesArgument for T {}

/// A type that a reply can be read as.
#[diagnostic::on_unimplemented(
    message = "a reply cannot be read as `{Self}`",
    label = "does not implement `serde::de::DeserializeOwned`",
    note = "derive it, `#[derive(serde::Deserialize)]`, with no borrowed fields; the crate of a foreign type may have a feature \
            `serde`; a type parameter needs the bound `T: serde::de::DeserializeOwned`"
)]
pub trait Reply: DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> Reply for T {}

/// A value for a header: any type that implements `Display`, a ready `HeaderValue`, or an `Option` of either.
///
/// `M` keeps the three implementations apart, because `HeaderValue` may implement `Display` one day and coherence would then
/// reject them. It is always inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a header",
    label = "neither implements `std::fmt::Display` nor is a `HeaderValue`",
    note = "a header argument is a scalar or a string, an `http::HeaderValue`, or an `Option` of one"
)]
pub trait HeaderArgument<M> {
    /// # Errors
    /// The value has a character that a header cannot have.
    fn header_value(&self, name: &'static str) -> Result<Option<HeaderValue>, Error>;
}

/// Marks a header argument that is displayed.
#[derive(Debug)]
pub struct Displayed;

/// Marks a header argument that is a `HeaderValue`.
#[derive(Debug)]
pub struct Ready;

/// Marks a header argument that is an `Option`.
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
