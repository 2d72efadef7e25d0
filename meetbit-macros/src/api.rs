//! `#[api]`, from tokens to tokens: the trait with its endpoints expanded, its impl for `Client`, and its catalogue.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Ident, ItemTrait, Meta, Path, Result, Token, TraitItem};

use crate::catalogue::Catalogue;
use crate::cfg::Conditional;
use crate::diagnostics::{Diagnostics, error_at_next, message};
use crate::{attribute, dyn_compat, endpoint, fallback, model, parse};

/// Expands the attribute on a trait. If anything is wrong, the trait stays usable.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let diagnostics = Diagnostics::default();
    let given = match arguments.parse2(args) {
        Ok(given) => given,
        Err(error) => {
            diagnostics.push(error);
            None
        }
    };
    let Ok(mut declared) = syn::parse2::<ItemTrait>(item.clone()) else {
        // rustc itself reports a trait that cannot be parsed.
        if attribute::is_copied(&item) {
            diagnostics.error_at_span(Span::call_site(), attribute::too_low());
        } else if !fallback::mentions(&item, "trait") {
            let text = message!("`#[api]` applies to a trait: `pub trait Customers: Api {{ .. }}`");
            diagnostics.error_at_span(Span::call_site(), text);
        }
        let mut tokens = diagnostics.into_token_stream();
        tokens.extend(item.clone());
        // The methods that can be parsed stay usable, unless they would need another name of the crate.
        if let Some(head) = head(item).filter(|_| given.is_none()) {
            tokens.extend(implementation(&head, &model::krate(None)));
        }
        return tokens;
    };
    let krate = model::krate(given.as_ref());
    attribute::reject(
        &mut declared.attrs,
        "api",
        || message!("a trait takes one `#[api]`; remove this one"),
        &diagnostics,
    );
    dyn_compat::repair(&mut declared, &krate, &diagnostics);
    let catalogue = Catalogue::read(&declared, given.as_ref(), &diagnostics);
    let witnesses = expand_endpoints(&mut declared, given.as_ref());
    if let Some(given) = &given {
        hand_down(&mut declared, given);
    }
    let (implementation, constant) = (implementation(&declared, &krate), constant(&declared, &krate, &catalogue));
    if !diagnostics.is_empty() {
        // Outside of the trait they would stop rustc from reporting unresolved names in the whole module.
        declared.items.insert(0, TraitItem::Verbatim(diagnostics.into_token_stream()));
    }
    quote!(#declared #implementation #constant #witnesses)
}

/// The trait without its content.
fn head(item: TokenStream) -> Option<ItemTrait> {
    let mut tokens: Vec<TokenTree> = item.into_iter().collect();
    tokens.pop();
    syn::parse2(quote!(#(#tokens)* {})).ok()
}

/// Reads `crate = path` or nothing.
fn arguments(input: ParseStream) -> Result<Option<Path>> {
    let mut path = None;
    if input.peek(Token![crate]) && input.peek2(Token![=]) {
        input.parse::<Token![crate]>()?;
        input.parse::<Token![=]>()?;
        path = Some(parse::krate(input)?);
        input.parse::<Option<Token![,]>>()?;
    }
    if !input.is_empty() {
        let text = message!(
            "`#[api]` takes only `crate = path::to::meetbit_client`; everything else belongs in `#[api_endpoint(..)]`"
        );
        let error = error_at_next(input, text);
        input.parse::<TokenStream>()?;
        return Err(error);
    }
    Ok(path)
}

/// Expands the endpoints of a trait, so that attributes below `#[api]` see plain provided methods.
///
/// The returned tokens use each attribute once more, on an item that expands to nothing. Without them rustc would
/// report the import of an expanded attribute as unused, and would not notice if the import were missing.
fn expand_endpoints(declared: &mut ItemTrait, krate: Option<&Path>) -> TokenStream {
    let trait_cfgs = Conditional::cfgs(&declared.attrs);
    let mut witnesses: Vec<(String, TokenStream)> = Vec::new();
    for item in &mut declared.items {
        let TraitItem::Fn(method) = item else { continue };
        let Some((tokens, attribute)) = endpoint::expand_in_trait(method, krate) else { continue };
        let (cfgs, path) = (Conditional::cfgs(&method.attrs), attribute.path());
        let expanded = Ident::new(endpoint::EXPANDED, path.span());
        let witness = quote!(#(#[cfg(#trait_cfgs)])* #(#[cfg(#cfgs)])* #[#path(#expanded)] const _: () = (););
        let key = witness.to_string();
        if witnesses.iter().all(|(other, _)| *other != key) {
            witnesses.push((key, witness));
        }
        *item = TraitItem::Verbatim(tokens);
    }
    witnesses.into_iter().map(|(_, witness)| witness).collect()
}

/// Adds `crate = path` to every `#[api_endpoint]` that is left in a trait, renamed or in a `#[cfg_attr]`, and has none
/// of its own.
fn hand_down(declared: &mut ItemTrait, krate: &Path) {
    for item in &mut declared.items {
        let TraitItem::Fn(method) = item else { continue };
        let may_be_renamed = attribute::may_be_renamed(method);
        for other in &mut method.attrs {
            Conditional::change(&mut other.meta, &|meta| {
                if attribute::is_endpoint(meta, may_be_renamed) {
                    complete(meta, krate);
                }
            });
        }
    }
}

fn complete(meta: &mut Meta, krate: &Path) {
    let Meta::List(list) = meta else { return };
    let is_stated = |token: TokenTree| matches!(&token, TokenTree::Ident(name) if name == "crate");
    if !list.tokens.clone().into_iter().any(is_stated) {
        let (tokens, comma) = (&list.tokens, separator(&list.tokens));
        let option = quote_spanned!(list.path.span()=> crate = #krate);
        list.tokens = quote!(#tokens #comma #option);
    }
}

fn separator(tokens: &TokenStream) -> Option<Token![,]> {
    let last = tokens.clone().into_iter().last()?;
    let is_comma = matches!(&last, TokenTree::Punct(punct) if punct.as_char() == ',');
    (!is_comma).then(Default::default)
}

fn implementation(declared: &ItemTrait, krate: &TokenStream) -> TokenStream {
    let (name, attributes) = (&declared.ident, repeated(declared));
    let (parameters, arguments, conditions) = declared.generics.split_for_impl();
    quote!(#attributes impl #parameters #name #arguments for #krate::Client #conditions {})
}

fn constant(declared: &ItemTrait, krate: &TokenStream, catalogue: &Catalogue) -> TokenStream {
    let (ItemTrait { ident, vis, .. }, attributes) = (declared, repeated(declared));
    let (parameters, arguments, conditions) = declared.generics.split_for_impl();
    let doc = format!("The endpoints that `{ident}` declares, in source order.");
    quote! {
        #attributes
        impl #parameters dyn #ident #arguments #conditions {
            #[doc = #doc]
            #[allow(dead_code)]
            #vis const ENDPOINTS: &'static [&'static #krate::Endpoint] = &[#catalogue];
        }
    }
}

/// The attributes of a trait that its `impl`s need, too.
fn repeated(declared: &ItemTrait) -> TokenStream {
    let cfgs = Conditional::cfgs(&declared.attrs);
    let allowed = Conditional::allowed(&declared.attrs);
    let is_deprecated = Conditional::deprecated(&declared.attrs).is_some();
    let deprecated = is_deprecated.then(|| quote!(deprecated,));
    // Each `impl` uses a lifetime of the trait once, with its span in the trait, which this lint would report.
    let lifetimes = declared.generics.lifetimes().next().is_some().then(|| quote!(single_use_lifetimes,));
    let allow = (is_deprecated || lifetimes.is_some()).then(|| quote!(#[allow(#deprecated #lifetimes)]));
    quote!(#(#[cfg(#cfgs)])* #(#allowed)* #allow)
}
