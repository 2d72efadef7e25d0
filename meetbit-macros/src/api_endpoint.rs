//! `#[api_endpoint]`, from tokens to tokens.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, FnArg, Result, TraitItemFn, Visibility};

use crate::args::Args;
use crate::endpoint::{self, Endpoint};
use crate::marker::Marked;
use crate::mistake::Mistakes;
use crate::{expand, recover};

/// Expands the attribute on one method; whatever is wrong, the method stays usable.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let args = Args::parse(args, &mut mistakes);
    let Ok((visibility, mut method)) = recover::read(&item, |item| declaration.parse2(item)) else {
        // What is wrong in a method that cannot be read, rustc has said by itself.
        return if recover::mentions(&item, "fn") { item } else { not_a_method(item) };
    };
    let is_public = !matches!(visibility, Visibility::Inherited);
    if (method.sig.receiver().is_none() || is_public) && method.default.is_some() {
        strip(&mut method);
        let TraitItemFn { attrs, sig, default, .. } = method;
        return not_a_method(quote!(#(#attrs)* #visibility #sig #default));
    }
    let text = "a method is one endpoint; remove this attribute or declare another method";
    mistakes.refuse(&mut method.attrs, endpoint::NAME, text);
    if is_public {
        let text = format!("a method is as visible as its trait; remove `{}`", visibility.to_token_stream());
        mistakes.at(visibility, text);
    }
    let krate = endpoint::krate(args.krate.as_ref());
    match Endpoint::read(args, &mut method, &mut mistakes) {
        Some(endpoint) if mistakes.is_empty() => expand::method(&endpoint, &method),
        _ => recover::method(method, &krate, &mistakes),
    }
}

/// A trait's method, with the visibility that it must not have.
fn declaration(input: ParseStream) -> Result<(Visibility, TraitItemFn)> {
    let attributes = input.call(Attribute::parse_outer)?;
    let visibility = input.parse()?;
    let mut method: TraitItemFn = input.parse()?;
    method.attrs = attributes;
    Ok((visibility, method))
}

fn not_a_method(item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let text = "`#[api_endpoint]` stands on a method of a trait: `fn name(&self, ..) -> Call<Customer>;`";
    mistakes.push(syn::Error::new(Span::call_site(), text));
    let mut tokens = mistakes.into_token_stream();
    tokens.extend(item);
    tokens
}

/// Takes the markers out of a function that is no method, where they would be unknown attributes.
fn strip(function: &mut TraitItemFn) {
    for input in &mut function.sig.inputs {
        if let FnArg::Typed(argument) = input {
            Marked::take(&mut argument.attrs, &mut Mistakes::default());
        }
    }
}
