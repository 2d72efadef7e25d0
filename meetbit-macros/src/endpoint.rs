//! What an endpoint is, once its declaration is known to be right.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Ident, LitStr, Meta, Path, Token, TraitItemFn};

use crate::args::Args;
use crate::conditional::Conditional;
use crate::mistake::Mistakes;
use crate::path::Template;
use crate::placement::Placement;
use crate::reply::Reply;
use crate::signature;
use crate::verb::Verb;

/// A method of a trait that makes a request.
pub(crate) struct Endpoint {
    pub(crate) metadata: Metadata,
    pub(crate) receiver: Token![self],
    /// The arguments of the placeholders, in the template's order.
    pub(crate) segments: Vec<Argument>,
    /// The others, in the method's order.
    pub(crate) marked: Vec<(Argument, Place)>,
    pub(crate) reply: Reply,
}

/// What is known of an endpoint without its arguments: one entry of the catalogue.
pub(crate) struct Metadata {
    pub(crate) krate: TokenStream,
    pub(crate) name: String,
    pub(crate) verb: Verb,
    pub(crate) template: Template,
    pub(crate) permissions: Vec<LitStr>,
    pub(crate) is_idempotent: bool,
    pub(crate) timeout_millis: Option<u64>,
}

/// An argument and how it is passed on.
pub(crate) struct Argument {
    pub(crate) name: Ident,
    pub(crate) is_reference: bool,
    /// The predicates under which a query or header argument exists.
    pub(crate) cfgs: Vec<TokenStream>,
}

/// Where an argument outside the path goes.
pub(crate) enum Place {
    Query(String),
    Header(String),
    Body,
    Form,
    Bytes(LitStr),
}

impl Endpoint {
    /// Reads a method and takes the markers out of it. Nothing comes back without a mistake being recorded; what comes
    /// back is to be used only if there are none.
    pub(crate) fn read(args: Args, method: &mut TraitItemFn, mistakes: &mut Mistakes) -> Option<Self> {
        signature::check_qualifiers(method, mistakes);
        let receiver = signature::receiver(method, mistakes);
        let placement = Placement::read(&args, method, mistakes);
        let reply = signature::reply(method, &args, mistakes);
        signature::check_body(method, mistakes);
        Some(Self {
            metadata: Metadata::new(args, &method.sig.ident)?,
            receiver: receiver?,
            segments: placement.segments,
            marked: placement.marked,
            reply: reply?,
        })
    }
}

impl Metadata {
    pub(crate) fn new(args: Args, method: &Ident) -> Option<Self> {
        Some(Self {
            krate: krate(args.krate.as_ref()),
            name: method.unraw().to_string(),
            verb: args.verb.right()?,
            template: args.template.right()?,
            permissions: args.permissions,
            is_idempotent: args.is_idempotent,
            timeout_millis: args.timeout_millis,
        })
    }
}

/// The path by which generated code finds the runtime.
pub(crate) fn krate(given: Option<&Path>) -> TokenStream {
    given.map_or_else(|| quote!(::meetbit_client), ToTokens::to_token_stream)
}

/// The `#[api_endpoint]`s of a method, however they are qualified; under another name it is known by what it says.
pub(crate) fn attributes(method: &TraitItemFn) -> Vec<Conditional> {
    let (mut attributes, may_be_renamed) = (Conditional::all(&method.attrs), may_be_renamed(method));
    attributes.retain(|attribute| is_endpoint(&attribute.meta, may_be_renamed));
    attributes
}

/// Beside an attribute of the right name, any other is somebody else's.
pub(crate) fn may_be_renamed(method: &TraitItemFn) -> bool {
    let is_named = |attribute: &Conditional| is_named(attribute.meta.path(), NAME);
    method.default.is_none() && !Conditional::all(&method.attrs).iter().any(is_named)
}

pub(crate) fn is_endpoint(meta: &Meta, may_be_renamed: bool) -> bool {
    let is_renamed = || may_be_renamed && meta.require_list().is_ok_and(|list| Args::are_complete(&list.tokens));
    is_named(meta.path(), NAME) || is_renamed()
}

pub(crate) const NAME: &str = "api_endpoint";

/// Whether a path is that of an attribute, however it is qualified.
pub(crate) fn is_named(path: &Path, name: &str) -> bool {
    path.segments.last().is_some_and(|segment| segment.ident == name)
}
