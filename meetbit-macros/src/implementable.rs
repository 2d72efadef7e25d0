//! What a trait must be so that `#[api]` can implement it for `Client` and for `dyn`.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{FnArg, GenericParam, ItemTrait, TraitItem, TraitItemFn, TypeParamBound, WherePredicate, parse_quote};

use crate::conditional::Conditional;
use crate::endpoint::is_attribute;
use crate::mistake::Mistakes;

/// Records what keeps a trait from being implemented, and puts it right so that nothing else fails.
pub(crate) fn repair(declared: &mut ItemTrait, krate: &TokenStream, mistakes: &mut Mistakes) {
    if let Some(token) = declared.unsafety.take() {
        mistakes.at(token, "a trait of endpoints is a plain trait; remove `unsafe`");
    }
    if declared.supertraits.iter().all(is_marker) {
        let text = format!("the methods need the client; write `trait {}: Api`", declared.ident);
        mistakes.at(&declared.ident, text);
        declared.colon_token.get_or_insert_default();
        declared.supertraits.push(parse_quote!(#krate::Api));
    }
    declared.items.retain_mut(|item| match item {
        TraitItem::Fn(method) => {
            repair_method(method, mistakes);
            true
        }
        TraitItem::Macro(item) => {
            let text = "`#[api]` cannot see the endpoints in a macro call; have the macro write the whole trait";
            mistakes.at(&item.mac.path, text);
            true
        }
        TraitItem::Const(_) | TraitItem::Type(_) => {
            let text =
                "`#[api]` implements the trait for `Client`, which has no choice here; move this to a trait of its own";
            mistakes.at(&*item, text);
            false
        }
        _ => true,
    });
}

/// Whether a bound cannot be the one that brings `Api`.
fn is_marker(bound: &TypeParamBound) -> bool {
    match bound {
        TypeParamBound::Trait(bound) => bound
            .path
            .segments
            .last()
            .is_some_and(|last| ["Send", "Sync", "Unpin", "Debug"].iter().any(|name| last.ident == name)),
        _ => true,
    }
}

fn repair_method(method: &mut TraitItemFn, mistakes: &mut Mistakes) {
    let is_endpoint = method.attrs.iter().any(|attribute| {
        let nested = Conditional::read(attribute).map(|conditional| conditional.attributes);
        is_attribute(attribute.path()) || nested.iter().flatten().any(|meta| is_attribute(meta.path()))
    });
    if !is_endpoint && method.default.is_none() {
        let text = "a method of an `#[api]` trait has `#[api_endpoint(get, \"/path\")]` or a body";
        mistakes.at(&method.sig.ident, text);
        method.default = Some(parse_quote!({ ::core::unimplemented!() }));
        method.semi_token = None;
    }
    if is_sized(method) {
        return;
    }
    if let Some(reason) = undispatchable(method) {
        let text = "a method with type parameters is not for `dyn`; write `where Self: Sized` after its return type";
        mistakes.at(reason, text);
        method.sig.generics.make_where_clause().predicates.push(parse_quote!(Self: Sized));
    }
}

/// What keeps a method from being called on `dyn`.
fn undispatchable(method: &TraitItemFn) -> Option<TokenStream> {
    let parameter = method.sig.generics.params.iter().find(|parameter| !matches!(parameter, GenericParam::Lifetime(_)));
    let types = method.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(argument) => Some(argument.ty.to_token_stream()),
        FnArg::Receiver(_) => None,
    });
    parameter.map(ToTokens::to_token_stream).or_else(|| types.into_iter().find(|ty| mentions_impl(ty.clone())))
}

fn mentions_impl(ty: TokenStream) -> bool {
    ty.into_iter().any(|token| match token {
        proc_macro2::TokenTree::Ident(word) => word == "impl",
        proc_macro2::TokenTree::Group(group) => mentions_impl(group.stream()),
        _ => false,
    })
}

/// Whether a method says `where Self: Sized`.
fn is_sized(method: &TraitItemFn) -> bool {
    let conditions = method.sig.generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    conditions.into_iter().any(|condition| match condition {
        WherePredicate::Type(condition) => {
            let is_self = matches!(&condition.bounded_ty, syn::Type::Path(path) if path.path.is_ident("Self"));
            is_self && condition.bounds.iter().any(|bound| bound.to_token_stream().to_string().ends_with("Sized"))
        }
        _ => false,
    })
}
