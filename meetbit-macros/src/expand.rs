//! The expansion of an endpoint: its metadata and one step for each argument, in one expression.
//!
//! ```text
//! #[api_endpoint(get, "/customers/{customer_id}/notes", perm = "notes.list.*")]
//! fn list_notes(&self, customer_id: CustomerId, #[query] page: Option<u32>) -> Call<Vec<Note>>;
//!
//! /// `GET /customers/{customer_id}/notes` · permission `notes.list.*`
//! fn list_notes(&self, customer_id: CustomerId, page: Option<u32>) -> Call<Vec<Note>> {
//!     ::meetbit_client::__private::RequestBuilder::new(
//!             ::meetbit_client::Api::client(self),
//!             const {
//!                 &::meetbit_client::__private::endpoint(
//!                         "list_notes",
//!                         ::meetbit_client::__private::Method::GET,
//!                         "/customers/{customer_id}/notes",
//!                     )
//!                     .requires(&["notes.list.*"])
//!                     .takes(&["query? page"])
//!             },
//!         )
//!         .path(&customer_id)
//!         .query("page", &page)
//!         .call()
//! }
//! ```

use proc_macro2::{Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Attribute, Ident, TraitItemFn};

use crate::model::{Argument, Endpoint, Location, Metadata};
use crate::parse::{Reply, ReplyKind};

/// The method with its body.
pub(crate) fn method(endpoint: &Endpoint, declaration: &TraitItemFn) -> TokenStream {
    let (krate, receiver) = (&endpoint.metadata.krate, &endpoint.receiver);
    let metadata = metadata(&endpoint.metadata);
    let segments = endpoint.segments.iter().map(segment);
    let steps = endpoint.marked.iter().map(|(argument, place)| step(argument, place, krate));
    let last = last(&endpoint.reply);
    let TraitItemFn { attrs, sig, .. } = declaration;
    let docs = docs(&endpoint.metadata, attrs);
    let mut arguments = endpoint.segments.iter().chain(endpoint.marked.iter().map(|(argument, _)| argument));
    let is_underscored = arguments.any(|argument| argument.name.to_string().starts_with('_'));
    let allow = is_underscored.then(|| quote!(#[allow(clippy::used_underscore_binding)]));
    quote! {
        #(#attrs)*
        #allow
        #docs
        #sig {
            #krate::__private::RequestBuilder::new(#krate::Api::client(#receiver), const { &#metadata })
                #(#segments)* #(#steps)* #last
        }
    }
}

/// One line of documentation below the author's own: "`POST /customers` · permission `customers.create.*`".
fn docs(metadata: &Metadata, attributes: &[Attribute]) -> TokenStream {
    let quoted: Vec<String> = metadata.permissions.iter().map(|literal| format!("`{}`", literal.value())).collect();
    let permissions = match &quoted[..] {
        [] => String::new(),
        [permission] => format!(" · permission {permission}"),
        several => format!(" · permissions {}", several.join(", ")),
    };
    let line = format!(" `{} {}`{permissions}", metadata.method.constant(), metadata.template.literal.value());
    let is_documented =
        attributes.iter().any(|other| other.path().is_ident("doc") || other.path().is_ident("cfg_attr"));
    let blank = is_documented.then(|| quote!(#[doc = ""]));
    quote!(#blank #[doc = #line])
}

/// The constant that describes an endpoint. The method and the catalogue contain it.
pub(crate) fn metadata(metadata: &Metadata) -> TokenStream {
    let Metadata { krate, name, permissions, arguments, .. } = metadata;
    let (method, path) = (Ident::new(metadata.method.constant(), Span::call_site()), &metadata.template.literal);
    let permissions = (!permissions.is_empty()).then(|| quote!(.requires(&[#(#permissions),*])));
    let idempotent = metadata.is_idempotent.then(|| quote!(.idempotent()));
    let raw = metadata.is_raw.then(|| quote!(.raw()));
    let timeout = metadata.timeout_millis.map(Literal::u64_unsuffixed).map(|millis| quote!(.timeout_millis(#millis)));
    let deprecated = metadata.deprecated.as_ref().map(|is_deprecated| quote!(.deprecated(#is_deprecated)));
    let arguments = (!arguments.is_empty()).then(|| {
        let texts = arguments.iter().map(|(cfgs, text)| quote!(#(#[cfg(#cfgs)])* #text));
        quote!(.takes(&[#(#texts),*]))
    });
    quote! {
        #krate::__private::endpoint(#name, #krate::__private::Method::#method, #path)
            #permissions #idempotent #raw #timeout #deprecated #arguments
    }
}

fn segment(argument: &Argument) -> TokenStream {
    let value = argument.value();
    quote_spanned!(argument.name.span()=> .path(#value))
}

fn step(argument: &Argument, place: &Location, krate: &TokenStream) -> TokenStream {
    let (span, value) = (argument.name.span(), argument.value());
    match place {
        Location::Query(name) => quote_spanned!(span=> .query(#name, #value)),
        Location::Header(name) => quote_spanned!(span=> .header(#name, #value)),
        Location::Body => quote_spanned!(span=> .body(#value, #krate::__private::Check(#value).__validate())),
        Location::Form => quote_spanned!(span=> .form(#value, #krate::__private::Check(#value).__validate())),
        Location::Bytes(media_type) => quote_spanned!(span=> .bytes(#media_type, #value)),
    }
}

fn last(reply: &Reply) -> TokenStream {
    match reply.kind {
        ReplyKind::Envelope => quote_spanned!(reply.span=> .call()),
        ReplyKind::Value => quote_spanned!(reply.span=> .raw()),
        ReplyKind::Empty => quote_spanned!(reply.span=> .empty()),
        ReplyKind::Bytes => quote_spanned!(reply.span=> .into_bytes()),
    }
}

impl Argument {
    /// A reference to the argument, or to an absent value if a `#[cfg]` removes the argument.
    fn value(&self) -> TokenStream {
        let name = &self.name;
        let span = name.span();
        let value = if self.is_reference { quote!(#name) } else { quote_spanned!(span=> &#name) };
        if self.cfgs.is_empty() {
            return value;
        }
        let cfgs = &self.cfgs;
        quote!({
            #(#[cfg(#cfgs)])* { #value }
            #[cfg(not(all(#(all(#cfgs)),*)))] { &::core::option::Option::<&str>::None }
        })
    }
}
