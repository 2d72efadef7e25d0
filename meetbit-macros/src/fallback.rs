//! The expansion of an invalid declaration: a method that can be called and implemented, so that one mistake gives one
//! message.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::{FnArg, Pat, Safety, TraitItemFn, parse_quote};

use crate::cfg::Conditional;
use crate::diagnostics::Diagnostics;
use crate::parse::{Reply, return_type};
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

fn repair(declaration: &mut TraitItemFn, krate: &TokenStream) {
    let sig = &mut declaration.sig;
    (sig.constness, sig.asyncness, sig.safety, sig.abi, sig.variadic) = (None, None, Safety::Default, None, None);
    match sig.inputs.first_mut() {
        Some(FnArg::Receiver(receiver)) if signature::is_shared(receiver) => {}
        Some(first @ FnArg::Receiver(_)) => *first = parse_quote!(&self),
        _ => sig.inputs.insert(0, parse_quote!(&self)),
    }
    for input in &mut sig.inputs {
        if let FnArg::Typed(argument) = input {
            match &mut *argument.pat {
                Pat::Ident(name) if name.subpat.is_none() => (name.by_ref, name.mutability) = (None, None),
                pattern => *pattern = parse_quote!(_),
            }
        }
    }
    if Reply::read(&sig.output, false).is_none() || return_type::is_unusable(&sig.output) {
        let reply = return_type::intended(&sig.output);
        sig.output = parse_quote!(-> #krate::Call<#reply>);
    }
}

/// Whether a word is among an item's tokens, outside of any brackets.
pub(crate) fn mentions(item: &TokenStream, word: &str) -> bool {
    item.clone().into_iter().any(|token| matches!(token, TokenTree::Ident(name) if name == word))
}
