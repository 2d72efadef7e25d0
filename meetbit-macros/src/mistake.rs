//! The mistakes found in one declaration, collected so that all of them are reported at once.

use std::fmt::Display;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::Attribute;

use crate::endpoint;

/// Mistakes in the order in which their tokens stand in the source.
#[derive(Default)]
pub(crate) struct Mistakes {
    errors: Vec<syn::Error>,
    left_to_rustc: Option<TokenStream>,
}

impl Mistakes {
    /// Records that `tokens` are to be changed as `text` says.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, text: impl Display) {
        self.errors.push(syn::Error::new_spanned(tokens, text));
    }

    /// Records that attributes of this name are to go as `text` says, and removes them.
    pub(crate) fn refuse(&mut self, attributes: &mut Vec<Attribute>, name: &str, text: &str) {
        attributes.retain(|attribute| {
            let is_refused = endpoint::is_named(attribute.path(), name);
            if is_refused {
                self.at(attribute, text);
            }
            !is_refused
        });
    }

    pub(crate) fn push(&mut self, error: syn::Error) {
        self.errors.push(error);
    }

    pub(crate) fn len(&self) -> usize {
        self.errors.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.errors.is_empty() && self.left_to_rustc.is_none()
    }

    /// Records a mistake that rustc itself explains best, given an item that contains it.
    pub(crate) fn leave_to_rustc(&mut self, item: TokenStream) {
        self.left_to_rustc = Some(item);
    }

    pub(crate) fn left_to_rustc(&self) -> Option<&TokenStream> {
        self.left_to_rustc.as_ref()
    }

    pub(crate) fn append(&mut self, later: &mut Self) {
        self.errors.append(&mut later.errors);
    }

    /// Puts mistakes that were found later, but stand earlier in the source, where they belong.
    pub(crate) fn insert(&mut self, index: usize, earlier: Self) {
        let index = index.min(self.errors.len());
        self.errors.splice(index..index, earlier.errors);
        self.left_to_rustc = self.left_to_rustc.take().or(earlier.left_to_rustc);
    }
}

impl ToTokens for Mistakes {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        for error in &self.errors {
            tokens.extend(error.to_compile_error());
        }
    }
}
