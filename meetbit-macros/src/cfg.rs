//! Conditional compilation: `#[cfg(..)]`, and attributes inside `#[cfg_attr(..)]`.

use std::collections::HashSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Attribute, Ident, Meta, Result, Token};

/// An attribute, with its predicate if it is written in a `#[cfg_attr]`.
pub(crate) struct Conditional {
    pub(crate) predicate: Option<TokenStream>,
    pub(crate) meta: Meta,
}

impl Conditional {
    /// The attributes of an item, including those in a `#[cfg_attr]`.
    pub(crate) fn all<'a>(attributes: impl IntoIterator<Item = &'a Attribute>) -> Vec<Self> {
        let mut all = Vec::new();
        for attribute in attributes {
            Self::collect(attribute.meta.clone(), None, &mut all);
        }
        all
    }

    fn collect(meta: Meta, outer: Option<TokenStream>, all: &mut Vec<Self>) {
        match nested(&meta) {
            None => all.push(Self { predicate: outer, meta }),
            Some((predicate, attributes)) => {
                let predicate = outer.map_or_else(|| predicate.clone(), |outer| quote!(all(#outer, #predicate)));
                for meta in attributes {
                    Self::collect(meta, Some(predicate.clone()), all);
                }
            }
        }
    }

    /// The predicates of an item's `#[cfg]`s, to be repeated on code that is generated for the item.
    pub(crate) fn cfgs<'a>(attributes: impl IntoIterator<Item = &'a Attribute>) -> Vec<TokenStream> {
        let cfgs = Self::all(attributes).into_iter().filter(|conditional| conditional.meta.path().is_ident("cfg"));
        let predicates = cfgs.filter_map(|Self { predicate, meta }| {
            let cfg = &meta.require_list().ok()?.tokens;
            Some(predicate.map_or_else(|| cfg.clone(), |predicate| quote!(any(not(#predicate), #cfg))))
        });
        predicates.collect()
    }

    /// The lints that an item allows or expects, to be allowed in code that is generated for the item.
    pub(crate) fn allowed(attributes: &[Attribute]) -> Vec<TokenStream> {
        let levels = Self::all(attributes).into_iter().filter_map(|Self { predicate, meta }| {
            let list =
                meta.require_list().ok().filter(|list| list.path.is_ident("allow") || list.path.is_ident("expect"))?;
            let lints = &list.tokens;
            Some(match predicate {
                None => quote!(#[allow(#lints)]),
                Some(predicate) => quote!(#[cfg_attr(#predicate, allow(#lints))]),
            })
        });
        levels.collect()
    }

    /// Whether an item has one of these names, which it joins. Under a condition it may be an alternative.
    pub(crate) fn is_repeated(name: &Ident, attributes: &[Attribute], names: &mut HashSet<String>) -> bool {
        Self::cfgs(attributes).is_empty() && !names.insert(name.to_string())
    }

    /// Whether an item is `#[deprecated]`, as an expression. `None` if it never is.
    pub(crate) fn deprecated(attributes: &[Attribute]) -> Option<TokenStream> {
        let all =
            Self::all(attributes).into_iter().filter(|conditional| conditional.meta.path().is_ident("deprecated"));
        let predicates: Option<Vec<_>> = all.map(|conditional| conditional.predicate).collect();
        match predicates.as_deref() {
            None => Some(quote!(true)),
            Some([]) => None,
            Some(predicates) => Some(quote!(::core::cfg!(any(#(#predicates),*)))),
        }
    }

    /// Changes an attribute. If it is a `#[cfg_attr]`, changes each attribute in it.
    pub(crate) fn change(meta: &mut Meta, change: &impl Fn(&mut Meta)) {
        let Some((predicate, mut attributes)) = nested(meta) else {
            return change(meta);
        };
        attributes.iter_mut().for_each(|meta| Self::change(meta, change));
        if let Meta::List(list) = meta {
            list.tokens = quote!(#predicate, #attributes);
        }
    }
}

/// The content of a `#[cfg_attr(predicate, attribute, ..)]`.
fn nested(meta: &Meta) -> Option<(TokenStream, Punctuated<Meta, Token![,]>)> {
    let list = meta.require_list().ok().filter(|list| list.path.is_ident("cfg_attr"))?;
    read.parse2(list.tokens.clone()).ok()
}

fn read(input: ParseStream) -> Result<(TokenStream, Punctuated<Meta, Token![,]>)> {
    let mut predicate = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?.to_tokens(&mut predicate);
    }
    input.parse::<Token![,]>()?;
    Ok((predicate, Punctuated::parse_terminated(input)?))
}
