//! What a trait must be so that `#[api]` can implement it for `Client` and for `dyn`.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    FnArg, GenericParam, Ident, ItemTrait, ReturnType, TraitItem, TraitItemFn, TypeParamBound, WherePredicate,
    parse_quote,
};

use crate::conditional::Conditional;
use crate::endpoint::is_attribute;
use crate::mistake::Mistakes;

/// Records what keeps a trait from being implemented, and puts it right so that nothing else fails.
pub(crate) fn repair(declared: &mut ItemTrait, krate: &TokenStream, mistakes: &mut Mistakes) {
    if let Some(token) = declared.unsafety.take() {
        mistakes.at(token, "a trait of endpoints is a plain trait; remove `unsafe`");
    }
    refuse_sized(declared, mistakes);
    let is_marker = |bound| {
        bound_name(bound).is_none_or(|name| ["Send", "Sync", "Unpin", "Debug"].iter().any(|marker| name == marker))
    };
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

/// Removes supertraits that no `dyn` has.
fn refuse_sized(declared: &mut ItemTrait, mistakes: &mut Mistakes) {
    let supertraits = std::mem::take(&mut declared.supertraits);
    declared.supertraits = supertraits
        .into_iter()
        .filter(|bound| {
            let name = bound_name(bound)
                .filter(|name| ["Sized", "Clone", "Copy", "Default"].iter().any(|other| name == other));
            if let Some(name) = name {
                mistakes.at(bound, format!("`{name}` keeps the trait from being used as `dyn`; remove it"));
            }
            name.is_none()
        })
        .collect();
}

fn bound_name(bound: &TypeParamBound) -> Option<&Ident> {
    match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last().map(|segment| &segment.ident),
        _ => None,
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
    if let Some(reason) = undispatchable(method, is_endpoint) {
        let text = "this keeps the trait from being used as `dyn`; write `where Self: Sized` after the return type";
        mistakes.at(reason, text);
        method.sig.generics.make_where_clause().predicates.push(parse_quote!(Self: Sized));
    }
}

/// What keeps a method from being called on `dyn`. An endpoint's receiver and return type are checked where it expands.
fn undispatchable(method: &TraitItemFn, is_endpoint: bool) -> Option<TokenStream> {
    let sig = &method.sig;
    let parameter = sig.generics.params.iter().find(|parameter| !matches!(parameter, GenericParam::Lifetime(_)));
    let mut reason = parameter.map(ToTokens::to_token_stream);
    if !is_endpoint {
        reason = sig.asyncness.map(ToTokens::into_token_stream).or(reason);
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
    reason.or_else(|| arguments.chain(output).find(|ty| is_opaque(ty.clone())))
}

/// Whether a type mentions `impl` or `Self`.
fn is_opaque(ty: TokenStream) -> bool {
    let mut tokens = ty.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let found = match token {
            TokenTree::Ident(word) if word == "Self" => {
                !matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == ':')
            }
            TokenTree::Ident(word) => word == "impl",
            TokenTree::Group(group) => is_opaque(group.stream()),
            _ => false,
        };
        if found {
            return true;
        }
    }
    false
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
