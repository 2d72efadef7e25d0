//! `#[api_endpoint]`, from tokens to tokens.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Attribute, FnArg, Meta, Path, Result, TraitItemFn, Visibility};

use crate::bind::Bindings;
use crate::diagnostics::{Diagnostics, Message, message};
use crate::model::{self, Endpoint, Metadata};
use crate::parse::{Args, take_marker};
use crate::{attribute, expand, fallback, signature};

/// The argument of an attribute that `#[api]` has expanded already. See [`expand_in_trait`].
pub(crate) const EXPANDED: &str = "__expanded";

/// Expands the attribute on one method. If anything is wrong, the method stays usable.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    if args.to_string() == EXPANDED {
        return TokenStream::new();
    }
    let (path, rest) = (Diagnostics::default(), Diagnostics::default());
    let args = Args::parse(args, Span::call_site(), &path, &rest);
    if attribute::is_copied(&item) {
        return with_error(attribute::too_low(), TokenStream::new());
    }
    let Ok((visibility, mut method)) = declaration.parse2(item.clone()) else {
        // rustc itself reports a method that cannot be parsed.
        return if fallback::mentions(&item, "fn") { fallback::unparsed(item) } else { not_a_method(item) };
    };
    let is_public = !matches!(visibility, Visibility::Inherited);
    if (method.sig.receiver().is_none() || is_public) && method.default.is_some() {
        strip(&mut method);
        let TraitItemFn { attrs, sig, default, .. } = method;
        return not_a_method(quote!(#(#attrs)* #visibility #sig #default));
    }
    if is_public {
        let text = message!("a method is as visible as its trait; remove `{}`", visibility.to_token_stream());
        rest.error_at(visibility, text);
    }
    expand_method(args, method, path, rest)
}

/// Expands the attribute on a method of an `#[api]` trait. Returns the expansion and the attribute.
///
/// Returns `None` if the attribute is renamed or in a `#[cfg_attr]`. Such a method keeps its attribute, which is expanded
/// after `#[api]`.
pub(crate) fn expand_in_trait(method: &TraitItemFn, krate: Option<&Path>) -> Option<(TokenStream, Attribute)> {
    let mut method = method.clone();
    let index = method.attrs.iter().position(|other| attribute::is_named(other.path(), attribute::NAME))?;
    let found = method.attrs.remove(index);
    let tokens = match &found.meta {
        Meta::List(list) => list.tokens.clone(),
        Meta::Path(_) => TokenStream::new(),
        Meta::NameValue(_) => return None,
    };
    if attribute::attributes(&method).iter().any(|other| other.predicate.is_some()) {
        return None;
    }
    let (path, rest) = (Diagnostics::default(), Diagnostics::default());
    let mut args = Args::parse(tokens, found.path().span(), &path, &rest);
    args.krate = args.krate.or_else(|| krate.cloned());
    Some((expand_method(args, method, path, rest), found))
}

/// The method with its body, or with the errors: those up to the end of the path, and the others.
fn expand_method(args: Args, mut method: TraitItemFn, path: Diagnostics, rest: Diagnostics) -> TokenStream {
    let text = || message!("a method is one endpoint; remove this attribute or declare another method");
    attribute::reject(&mut method.attrs, attribute::NAME, text, &rest);
    let krate = model::krate(args.krate.as_ref());
    let endpoint = read(args, &mut method, &path, &rest);
    let diagnostics = path;
    diagnostics.append(rest);
    match endpoint {
        Some(endpoint) if diagnostics.is_empty() => expand::method(&endpoint, &method),
        _ => fallback::method(method, &krate, &diagnostics),
    }
}

/// Parses a method of a trait, with the visibility that it must not have.
fn declaration(input: ParseStream) -> Result<(Visibility, TraitItemFn)> {
    let attributes = input.call(Attribute::parse_outer)?;
    let visibility = input.parse()?;
    let mut method: TraitItemFn = input.parse()?;
    method.attrs = attributes;
    Ok((visibility, method))
}

/// Reads a method and takes the markers out of it. `path` receives the errors up to the end of the path, `rest` the
/// others.
///
/// Returns `None` only if an error was recorded. The endpoint may be used only if none was.
fn read(args: Args, method: &mut TraitItemFn, path: &Diagnostics, rest: &Diagnostics) -> Option<Endpoint> {
    signature::check_qualifiers(method, rest);
    let receiver = signature::receiver(method, rest);
    let bindings = Bindings::new(&args, method, path, rest);
    let reply = signature::reply(method, &args, rest);
    signature::check_body(method, rest);
    Some(Endpoint {
        metadata: Metadata::new(args, method, &bindings.marked)?,
        receiver: receiver?,
        segments: bindings.segments,
        marked: bindings.marked,
        reply: reply?,
    })
}

fn not_a_method(item: TokenStream) -> TokenStream {
    let text = message!("`#[api_endpoint]` applies to a method of a trait: `fn name(&self, ..) -> Call<Customer>;`");
    with_error(text, item)
}

fn with_error(message: Message, item: TokenStream) -> TokenStream {
    let diagnostics = Diagnostics::default();
    diagnostics.error_at_span(Span::call_site(), message);
    let mut tokens = diagnostics.into_token_stream();
    tokens.extend(item);
    tokens
}

/// Takes the markers out of a function that is not a method, because there they would be unknown attributes.
fn strip(function: &mut TraitItemFn) {
    for input in &mut function.sig.inputs {
        if let FnArg::Typed(argument) = input {
            take_marker(&mut argument.attrs, &Diagnostics::default());
        }
    }
}
