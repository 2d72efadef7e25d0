//! The catalogue of a trait: the constant `ENDPOINTS`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{ItemTrait, Path, TraitItem};

use crate::bind::Bindings;
use crate::cfg::Conditional;
use crate::diagnostics::{Diagnostics, message};
use crate::model::Metadata;
use crate::parse::Args;
use crate::{attribute, expand};

/// The valid endpoints of a trait, in source order. The expansion of `#[api_endpoint]` reports the invalid ones.
pub(crate) struct Catalogue {
    entries: Vec<Entry>,
}

struct Entry {
    /// The predicates under which the endpoint exists.
    cfgs: Vec<TokenStream>,
    metadata: Metadata,
    /// What two endpoints must not have in common: the path without its names, and the conditions, because under other
    /// conditions they may be alternatives.
    identity: (String, Vec<String>),
}

impl Catalogue {
    /// Reads a trait's endpoints, and reports those that are declared twice.
    pub(crate) fn read(declared: &ItemTrait, krate: Option<&Path>, diagnostics: &Diagnostics) -> Self {
        let mut catalogue = Self { entries: Vec::new() };
        for item in &declared.items {
            let TraitItem::Fn(method) = item else { continue };
            for Conditional { predicate, meta } in attribute::attributes(method) {
                let tokens = meta.require_list().map(|list| list.tokens.clone()).unwrap_or_default();
                let reported_later = Diagnostics::default();
                let mut args = Args::parse(tokens, Span::call_site(), &reported_later, &reported_later);
                args.krate = args.krate.or_else(|| krate.cloned());
                let bindings = Bindings::new(&args, &mut method.clone(), &reported_later, &reported_later);
                if let Some(metadata) = Metadata::new(args, method, &bindings.marked) {
                    let mut cfgs = Conditional::cfgs(&method.attrs);
                    cfgs.extend(predicate);
                    catalogue.add(Entry::new(cfgs, metadata), diagnostics);
                }
            }
        }
        catalogue
    }

    fn add(&mut self, entry: Entry, diagnostics: &Diagnostics) {
        let is_sound = entry.metadata.template.is_sound;
        if let Some(earlier) = self.entries.iter().find(|earlier| is_sound && earlier.is_same(&entry)) {
            let Metadata { method, template, .. } = &entry.metadata;
            let text = message!(
                "`{} {}` is declared twice; call `{}` or remove one of the two",
                method.constant(),
                template.shape(),
                earlier.metadata.name
            );
            diagnostics.error_at(&template.literal, text);
        }
        self.entries.push(entry);
    }
}

impl Entry {
    fn new(cfgs: Vec<TokenStream>, metadata: Metadata) -> Self {
        let identity = (metadata.template.shape(), cfgs.iter().map(ToString::to_string).collect());
        Self { cfgs, metadata, identity }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.metadata.method == other.metadata.method && self.identity == other.identity
    }
}

impl ToTokens for Catalogue {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        for Entry { cfgs, metadata, .. } in &self.entries {
            let endpoint = expand::metadata(metadata);
            tokens.extend(quote!(#(#[cfg(#cfgs)])* &#endpoint,));
        }
    }
}
