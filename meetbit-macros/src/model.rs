//! What an endpoint is. Values of these types come only from valid declarations.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Ident, LitStr, Path, Token};

use crate::parse::{Args, Method, Reply, Template};

/// A method of a trait that makes a request.
pub(crate) struct Endpoint {
    pub(crate) metadata: Metadata,
    pub(crate) receiver: Token![self],
    /// The arguments that fill the placeholders, in the order of the path.
    pub(crate) segments: Vec<Argument>,
    /// The other arguments, in the order of the method.
    pub(crate) marked: Vec<(Argument, Location)>,
    pub(crate) reply: Reply,
}

/// An endpoint without its arguments: one entry of the catalogue.
pub(crate) struct Metadata {
    pub(crate) krate: TokenStream,
    pub(crate) name: String,
    pub(crate) method: Method,
    pub(crate) template: Template,
    pub(crate) permissions: Vec<LitStr>,
    pub(crate) is_idempotent: bool,
    pub(crate) timeout_millis: Option<u64>,
}

/// An argument of an endpoint.
pub(crate) struct Argument {
    pub(crate) name: Ident,
    pub(crate) is_reference: bool,
    /// The predicates under which a query or header argument exists.
    pub(crate) cfgs: Vec<TokenStream>,
}

/// Where an argument outside the path goes.
pub(crate) enum Location {
    Query(String),
    Header(String),
    Body,
    Form,
    Bytes(LitStr),
}

impl Metadata {
    pub(crate) fn new(args: Args, name: &Ident) -> Option<Self> {
        Some(Self {
            krate: krate(args.krate.as_ref()),
            name: name.unraw().to_string(),
            method: args.method.valid()?,
            template: args.template.valid()?,
            permissions: args.permissions,
            is_idempotent: args.is_idempotent,
            timeout_millis: args.timeout_millis,
        })
    }
}

/// The path by which generated code names `meetbit_client`.
pub(crate) fn krate(given: Option<&Path>) -> TokenStream {
    given.map_or_else(|| quote!(::meetbit_client), ToTokens::to_token_stream)
}
