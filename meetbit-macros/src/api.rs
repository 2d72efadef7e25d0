//! `#[api]`, from tokens to tokens: the trait as it is written, its impl for `Client`, and its catalogue.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, ItemTrait, Path, Result, Token, TraitItem};

use crate::catalogue::Catalogue;
use crate::conditional::Conditional;
use crate::mistake::Mistakes;
use crate::{args, endpoint, implementable, recover};

/// Expands the attribute on a trait; whatever is wrong, the trait stays usable.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let given = match arguments.parse2(args) {
        Ok(given) => given,
        Err(error) => {
            mistakes.push(error);
            None
        }
    };
    let Ok(mut declared) = recover::read(&item, syn::parse2::<ItemTrait>) else {
        // What is wrong in a trait that cannot be read, rustc has said by itself.
        if !recover::mentions(&item, "trait") {
            let text = "`#[api]` stands on a trait: `pub trait Customers: Api { .. }`";
            mistakes.push(syn::Error::new(Span::call_site(), text));
        }
        let mut tokens = mistakes.into_token_stream();
        tokens.extend(item);
        return tokens;
    };
    let krate = endpoint::krate(given.as_ref());
    implementable::repair(&mut declared, &krate, &mut mistakes);
    let catalogue = Catalogue::read(&declared, given.as_ref(), &mut mistakes);
    if let Some(given) = &given {
        crate::conditional::hand_down(&mut declared, given);
    }
    let implementations = implementations(&declared, &krate, &catalogue);
    if !mistakes.is_empty() {
        // Outside the trait they would keep rustc from reporting what cannot be resolved in the whole module.
        declared.items.insert(0, TraitItem::Verbatim(mistakes.into_token_stream()));
    }
    quote!(#declared #implementations)
}

/// Reads `crate = path` or nothing.
fn arguments(input: ParseStream) -> Result<Option<Path>> {
    if input.is_empty() {
        return Ok(None);
    }
    if !(input.peek(Token![crate]) && input.peek2(Token![=])) {
        let text = "`#[api]` takes nothing but `crate = path::to::meetbit_client`; the rest belongs into `#[api_endpoint(..)]`";
        let error = input.error(text);
        input.parse::<TokenStream>()?;
        return Err(error);
    }
    input.parse::<Token![crate]>()?;
    input.parse::<Token![=]>()?;
    let path = args::krate(input)?;
    input.parse::<Option<Token![,]>>()?;
    Ok(Some(path))
}

fn implementations(declared: &ItemTrait, krate: &TokenStream, catalogue: &Catalogue) -> TokenStream {
    let ItemTrait { ident, vis, .. } = declared;
    let (parameters, arguments, conditions) = declared.generics.split_for_impl();
    let cfgs = Conditional::cfgs(&declared.attrs);
    let is_deprecated = declared.attrs.iter().any(|attribute: &Attribute| attribute.path().is_ident("deprecated"));
    let deprecated = is_deprecated.then(|| quote!(deprecated,));
    // The trait's own lifetimes stand once in each `impl`, with the spans that they have in the trait.
    let lifetimes = declared.generics.lifetimes().next().is_some().then(|| quote!(single_use_lifetimes,));
    let allow = (is_deprecated || lifetimes.is_some()).then(|| quote!(#[allow(#deprecated #lifetimes)]));
    let doc = format!("The endpoints that `{ident}` declares, in source order.");
    quote! {
        #(#cfgs)* #allow
        impl #parameters #ident #arguments for #krate::Client #conditions {}

        #(#cfgs)* #allow
        impl #parameters dyn #ident #arguments #conditions {
            #[doc = #doc]
            #[allow(dead_code)]
            #vis const ENDPOINTS: &'static [&'static #krate::Endpoint] = &[#catalogue];
        }
    }
}
