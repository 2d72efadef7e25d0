//! What a declaration says: the arguments of `#[api_endpoint(..)]`, a method's arguments with their markers, and its
//! return type. Nothing here compares one part with another; that is done in `bind` and `signature`. May import
//! `diagnostics`, `suggest` and `cfg`.

mod args;
mod argument;
mod marker;
mod method;
mod parsed;
mod path;
mod permission;
mod timeout;

pub(crate) mod return_type;

pub(crate) use args::{Args, krate};
pub(crate) use argument::{ParsedArg, ValueType};
pub(crate) use marker::{Marker, begins_with_marker, take_marker};
pub(crate) use method::Method;
pub(crate) use parsed::Parsed;
pub(crate) use path::Template;
pub(crate) use return_type::{Reply, ReplyKind};
