//! What `#[api]` requires of a trait: that it can be implemented for `Client`, and that it is dyn compatible.

use std::collections::HashSet;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{
    Attribute, FnArg, GenericParam, Ident, ItemTrait, PredicateType, ReturnType, TraitItem, TraitItemFn, Type,
    TypeParamBound, WhereClause, WherePredicate, parse_quote,
};

use crate::attribute;
use crate::cfg::Conditional;
use crate::diagnostics::{Diagnostics, message};
use crate::parse::return_type;

/// Reports what prevents the implementations, and repairs it so that nothing else fails.
pub(crate) fn repair(declared: &mut ItemTrait, krate: &TokenStream, diagnostics: &Diagnostics) {
    if let Some(token) = declared.unsafety.take() {
        diagnostics.error_at(token, message!("an `#[api]` trait is a plain trait; remove `unsafe`"));
    }
    reject_sized(declared, diagnostics);
    let is_marker = |bound| {
        bound_name(bound).is_none_or(|name| ["Send", "Sync", "Unpin", "Debug"].iter().any(|marker| name == marker))
    };
    let own = self_bounds(declared.generics.where_clause.as_ref());
    if declared.supertraits.iter().chain(own).all(is_marker) {
        let text = message!("the methods need a client; write `trait {}: Api`", declared.ident);
        diagnostics.error_at(&declared.ident, text);
        declared.colon_token.get_or_insert_default();
        declared.supertraits.push(parse_quote!(#krate::Api));
    }
    let is_async_trait = |other: &Attribute| attribute::is_named(other.path(), "async_trait");
    let may_be_async = declared.attrs.iter().any(is_async_trait);
    let mut names = HashSet::new();
    declared.items.retain_mut(|item| match item {
        // rustc would point at the whole trait.
        TraitItem::Fn(method) if Conditional::is_repeated(&method.sig.ident, &method.attrs, &mut names) => {
            let name = &method.sig.ident;
            diagnostics.error_at(name, message!("the trait has another method `{name}`; rename one of the two"));
            false
        }
        TraitItem::Fn(method) => {
            repair_method(method, may_be_async, diagnostics);
            true
        }
        TraitItem::Macro(item) => {
            let text =
                message!("`#[api]` cannot see the endpoints in a macro call; let the macro write the whole trait");
            diagnostics.error_at(&item.mac.path, text);
            true
        }
        TraitItem::Const(_) | TraitItem::Type(_) => {
            let text =
                message!("`#[api]` traits cannot have associated types or constants; move this to another trait");
            diagnostics.error_at(&*item, text);
            false
        }
        _ => true,
    });
}

/// Rejects and removes supertraits that make a trait not dyn compatible.
fn reject_sized(declared: &mut ItemTrait, diagnostics: &Diagnostics) {
    const TRAITS: [&str; 8] = ["Sized", "Clone", "Copy", "Default", "PartialEq", "Eq", "PartialOrd", "Ord"];
    let is_right = |bound: &TypeParamBound| {
        let name = bound_name(bound).filter(|name| TRAITS.iter().any(|other| name == other));
        if let Some(name) = name {
            diagnostics.error_at(bound, message!("`{name}` makes the trait not dyn compatible; remove it"));
        }
        name.is_none()
    };
    declared.supertraits = std::mem::take(&mut declared.supertraits).into_iter().filter(&is_right).collect();
    let conditions = declared.generics.where_clause.iter_mut().flat_map(|clause| &mut clause.predicates);
    for condition in conditions.filter_map(of_self) {
        condition.bounds = std::mem::take(&mut condition.bounds).into_iter().filter(&is_right).collect();
    }
}

/// The bounds of a `where` clause on `Self`.
fn self_bounds(clause: Option<&WhereClause>) -> impl Iterator<Item = &TypeParamBound> {
    let conditions = clause.into_iter().flat_map(|clause| &clause.predicates);
    conditions
        .filter_map(|condition| match condition {
            WherePredicate::Type(condition) if is_self(&condition.bounded_ty) => Some(&condition.bounds),
            _ => None,
        })
        .flatten()
}

fn of_self(condition: &mut WherePredicate) -> Option<&mut PredicateType> {
    match condition {
        WherePredicate::Type(condition) if is_self(&condition.bounded_ty) => Some(condition),
        _ => None,
    }
}

fn is_self(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.is_ident("Self"))
}

fn bound_name(bound: &TypeParamBound) -> Option<&Ident> {
    match bound {
        TypeParamBound::Trait(bound) if bound.maybe.is_none() => {
            bound.path.segments.last().map(|segment| &segment.ident)
        }
        _ => None,
    }
}

fn repair_method(method: &mut TraitItemFn, may_be_async: bool, diagnostics: &Diagnostics) {
    let is_endpoint = !attribute::attributes(method).is_empty();
    if !is_endpoint && method.default.is_none() && !attribute::is_probable(method) {
        let text = message!("a method of an `#[api]` trait needs `#[api_endpoint(get, \"/path\")]` or a body");
        diagnostics.error_at(&method.sig.ident, text);
        // It never runs, because the error stops the compilation.
        method.default = Some(parse_quote!({ ::core::unimplemented!() }));
        method.semi_token = None;
    }
    if is_sized(method) {
        return;
    }
    if let Some(reason) = undispatchable(method, is_endpoint, may_be_async) {
        let text = message!("this makes the trait not dyn compatible; add `where Self: Sized` after the return type");
        diagnostics.error_at(reason, text);
        method.sig.generics.make_where_clause().predicates.push(parse_quote!(Self: Sized));
    }
}

/// What makes a method not dyn compatible. `#[async_trait]` below `#[api]` makes an `async` method compatible. The
/// receiver and the return type of an endpoint are checked in `signature`.
fn undispatchable(method: &TraitItemFn, is_endpoint: bool, may_be_async: bool) -> Option<TokenStream> {
    let sig = &method.sig;
    let parameter = sig.generics.params.iter().find(|parameter| !matches!(parameter, GenericParam::Lifetime(_)));
    let mut reason = parameter.map(ToTokens::to_token_stream);
    if !is_endpoint {
        reason = sig.asyncness.filter(|_| !may_be_async).map(ToTokens::into_token_stream).or(reason);
        reason = reason.or_else(|| sig.receiver().is_none().then(|| sig.ident.to_token_stream()));
    }
    let arguments = sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(argument) => Some(argument.ty.to_token_stream()),
        FnArg::Receiver(_) => None,
    });
    let output = match &sig.output {
        ReturnType::Type(_, ty) if !is_endpoint => Some(ty.to_token_stream()),
        _ => None,
    };
    reason.or_else(|| arguments.chain(output).find(|ty| return_type::is_opaque(ty.clone())))
}

/// Whether a method has the bound `where Self: Sized`.
fn is_sized(method: &TraitItemFn) -> bool {
    let mut bounds = self_bounds(method.sig.generics.where_clause.as_ref());
    bounds.any(|bound| bound_name(bound).is_some_and(|name| name == "Sized"))
}
