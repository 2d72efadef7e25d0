//! What an endpoint is. Values of these types come only from valid declarations.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Ident, LitStr, Path, Token, TraitItemFn};

use crate::cfg::Conditional;
use crate::parse::{Args, Method, Reply, Template, ValueType};

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
    /// The reply has no envelope.
    pub(crate) is_raw: bool,
    pub(crate) timeout_millis: Option<u64>,
    /// Whether the method is deprecated, as an expression.
    pub(crate) deprecated: Option<TokenStream>,
    /// The arguments outside the path, such as `query page`, each with the predicates under which it exists.
    pub(crate) arguments: Vec<(Vec<TokenStream>, String)>,
}

/// An argument of an endpoint.
pub(crate) struct Argument {
    pub(crate) name: Ident,
    pub(crate) is_reference: bool,
    pub(crate) value_type: ValueType,
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
    pub(crate) fn new(args: Args, method: &TraitItemFn, marked: &[(Argument, Location)]) -> Option<Self> {
        let arguments = marked.iter().map(|(argument, location)| (argument.cfgs.clone(), location.text(argument)));
        Some(Self {
            krate: krate(args.krate.as_ref()),
            name: method.sig.ident.unraw().to_string(),
            deprecated: Conditional::deprecated(&method.attrs),
            arguments: arguments.collect(),
            method: args.method.valid()?,
            template: args.template.valid()?,
            permissions: args.permissions,
            is_idempotent: args.is_idempotent,
            is_raw: args.is_raw,
            timeout_millis: args.timeout_millis,
        })
    }
}

impl Location {
    /// The text that `Endpoint::arguments` of the client reads, such as `query? page`.
    fn text(&self, argument: &Argument) -> String {
        let optional = if argument.value_type.is_optional { "?" } else { "" };
        match self {
            Self::Query(name) if !argument.value_type.may_have_fields || argument.name.unraw() != name => {
                format!("query{optional} {name}")
            }
            Self::Query(name) => format!("fields{optional} {name}"),
            Self::Header(name) => format!("header{optional} {name}"),
            Self::Body => format!("body{optional} application/json"),
            Self::Form => format!("body{optional} application/x-www-form-urlencoded"),
            Self::Bytes(media_type) => format!("body{optional} {}", media_type.value()),
        }
    }
}

/// The path by which generated code names `meetbit_client`.
pub(crate) fn krate(given: Option<&Path>) -> TokenStream {
    given.map_or_else(|| quote!(::meetbit_client), ToTokens::to_token_stream)
}
