//! Attributes that stand under a condition: `#[cfg(..)]` and `#[cfg_attr(.., api_endpoint(..))]`.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::{Attribute, ItemTrait, Meta, Path, Result, Token, TraitItem, parse_quote};

use crate::endpoint::is_attribute;

/// The content of a `#[cfg_attr(predicate, attribute, ..)]`.
pub(crate) struct Conditional {
    pub(crate) predicate: TokenStream,
    pub(crate) attributes: Punctuated<Meta, Token![,]>,
}

impl Conditional {
    /// Reads an attribute that is a `#[cfg_attr]`.
    pub(crate) fn read(attribute: &Attribute) -> Option<Self> {
        if !attribute.path().is_ident("cfg_attr") {
            return None;
        }
        attribute.parse_args_with(Self::parse).ok()
    }

    fn parse(input: ParseStream) -> Result<Self> {
        let mut predicate = TokenStream::new();
        while !input.is_empty() && !input.peek(Token![,]) {
            predicate.extend([input.parse::<TokenTree>()?]);
        }
        input.parse::<Token![,]>()?;
        Ok(Self { predicate, attributes: Punctuated::parse_terminated(input)? })
    }

    /// The conditions among an item's attributes, to be repeated on what is derived from the item.
    pub(crate) fn cfgs(attributes: &[Attribute]) -> Vec<TokenStream> {
        let mut cfgs = Vec::new();
        for attribute in attributes {
            if attribute.path().is_ident("cfg") {
                cfgs.push(attribute.to_token_stream());
            } else if let Some(Self { predicate, attributes }) = Self::read(attribute) {
                let nested = attributes.iter().filter(|meta| meta.path().is_ident("cfg"));
                cfgs.extend(nested.map(|meta| quote!(#[cfg_attr(#predicate, #meta)])));
            }
        }
        cfgs
    }
}

/// Gives `crate = path` to every `#[api_endpoint]` of a trait that does not say it itself.
pub(crate) fn hand_down(declared: &mut ItemTrait, krate: &Path) {
    let methods = declared.items.iter_mut().filter_map(|item| match item {
        TraitItem::Fn(method) => Some(method),
        _ => None,
    });
    for attribute in methods.flat_map(|method| &mut method.attrs) {
        if is_attribute(attribute.path()) {
            complete(&mut attribute.meta, krate);
        } else if let Some(Conditional { predicate, mut attributes }) = Conditional::read(attribute) {
            attributes.iter_mut().filter(|meta| is_attribute(meta.path())).for_each(|meta| complete(meta, krate));
            attribute.meta = parse_quote!(cfg_attr(#predicate, #attributes));
        }
    }
}

fn complete(meta: &mut Meta, krate: &Path) {
    match meta {
        Meta::List(list) => {
            let is_stated = list
                .tokens
                .clone()
                .into_iter()
                .any(|token| matches!(&token, TokenTree::Ident(name) if name == "crate"));
            if !is_stated {
                let (tokens, comma) = (&list.tokens, separator(&list.tokens));
                list.tokens = quote!(#tokens #comma crate = #krate);
            }
        }
        Meta::Path(path) => *meta = parse_quote!(#path(crate = #krate)),
        Meta::NameValue(_) => {}
    }
}

fn separator(tokens: &TokenStream) -> Option<Token![,]> {
    let last = tokens.clone().into_iter().last()?;
    let is_comma = matches!(&last, TokenTree::Punct(punct) if punct.as_char() == ',');
    (!is_comma).then(Default::default)
}
