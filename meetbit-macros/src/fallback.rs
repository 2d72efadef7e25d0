//! The expansion of an invalid declaration: a method that can be called and implemented, so that one mistake gives one
//! message.

use std::collections::HashSet;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{FnArg, Pat, Safety, TraitItemFn, parse_quote};

use crate::cfg::Conditional;
use crate::diagnostics::Diagnostics;
use crate::parse::{Reply, begins_with_marker, return_type};
use crate::signature;

/// The errors, and the method with the signature that the author probably meant and a body that fits any signature.
pub(crate) fn method(mut declaration: TraitItemFn, krate: &TokenStream, diagnostics: &Diagnostics) -> TokenStream {
    repair(&mut declaration, krate);
    let arguments = declaration.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(argument) => Some(argument),
        FnArg::Receiver(_) => None,
    });
    let used = arguments.filter_map(|argument| match &*argument.pat {
        Pat::Ident(name) => {
            let (cfgs, name) = (Conditional::cfgs(&argument.attrs), &name.ident);
            Some(quote!(#(#[cfg(#cfgs)])* &#name))
        }
        _ => None,
    });
    let TraitItemFn { attrs, sig, .. } = &declaration;
    // The errors are in the body: there a `#[cfg]` of the method removes them, and attributes below `#[api]` do not see them.
    quote! {
        #(#attrs)*
        #sig {
            #diagnostics
            let _ = (#(#used,)*);
            ::core::unimplemented!() // it never runs, because the errors stop the compilation
        }
    }
}

/// A method that cannot be parsed, without markers and with a body. rustc reports what is wrong with it, and may still know
/// what was meant.
pub(crate) fn unparsed(method: TokenStream) -> TokenStream {
    let mut tokens: Vec<TokenTree> = method.into_iter().map(without_markers).collect();
    match tokens.last() {
        Some(TokenTree::Group(body)) if body.delimiter() == Delimiter::Brace => return tokens.into_iter().collect(),
        Some(TokenTree::Punct(last)) if last.as_char() == ';' => drop(tokens.pop()),
        _ => {}
    }
    quote!(#[allow(unused_variables)] #(#tokens)* {
        // If rustc, against expectation, finds nothing wrong, it reports this.
        const { ::core::panic!("meetbit-macros cannot parse this method") }
        ::core::unimplemented!() // it never runs, because one of the two errors stops the compilation
    })
}

/// A token without the markers in it, if it is a list of arguments.
fn without_markers(token: TokenTree) -> TokenTree {
    let TokenTree::Group(group) = token else { return token };
    let mut kept: Vec<TokenTree> = Vec::new();
    for token in group.stream() {
        let is_attribute = matches!(kept.last(), Some(TokenTree::Punct(last)) if last.as_char() == '#');
        match &token {
            TokenTree::Group(group) if is_attribute && begins_with_marker(&group.stream()) => drop(kept.pop()),
            _ => kept.push(token),
        }
    }
    if kept.len() == group.stream().into_iter().count() {
        return group.into(); // a new group would not know where its brackets are
    }
    let mut rest = Group::new(group.delimiter(), kept.into_iter().collect());
    rest.set_span(group.span_close()); // it is where rustc finds that something is missing
    rest.into()
}

fn repair(declaration: &mut TraitItemFn, krate: &TokenStream) {
    let sig = &mut declaration.sig;
    (sig.constness, sig.asyncness, sig.safety, sig.abi, sig.variadic) = (None, None, Safety::Default, None, None);
    match sig.inputs.first_mut() {
        Some(FnArg::Receiver(receiver)) if signature::is_shared(receiver) => {}
        Some(first @ FnArg::Receiver(_)) => *first = parse_quote!(&self),
        _ => sig.inputs.insert(0, parse_quote!(&self)),
    }
    let mut names = HashSet::new();
    for input in &mut sig.inputs {
        if let FnArg::Typed(argument) = input {
            match &mut *argument.pat {
                Pat::Ident(name)
                    if name.subpat.is_none() && !Conditional::is_repeated(&name.ident, &argument.attrs, &mut names) =>
                {
                    (name.by_ref, name.mutability) = (None, None);
                }
                pattern => *pattern = parse_quote!(_),
            }
        }
    }
    if Reply::read(&sig.output, false).is_none() || return_type::is_unusable(&sig.output) {
        let reply = match return_type::intended(&sig.output) {
            reply if return_type::is_inferred(reply.to_token_stream()) => parse_quote!(()),
            reply => reply,
        };
        sig.output = parse_quote!(-> #krate::Call<#reply>);
    }
}

/// Whether a word is among an item's tokens, outside of any brackets.
pub(crate) fn mentions(item: &TokenStream, word: &str) -> bool {
    item.clone().into_iter().any(|token| matches!(token, TokenTree::Ident(name) if name == word))
}
