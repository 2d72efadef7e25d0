//! The errors found in one declaration. They are collected, so that all of them are reported at once.

use std::cell::{Cell, RefCell};
use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::Error;

/// Errors in the order of their tokens in the source.
#[derive(Default)]
pub(crate) struct Diagnostics {
    errors: RefCell<Vec<Error>>,
    left_to_rustc: Cell<Option<TokenStream>>,
}

impl Diagnostics {
    /// Records that `tokens` have to change as `text` says.
    pub(crate) fn error_at(&self, tokens: impl ToTokens, text: impl Display) {
        self.push(Error::new_spanned(tokens, text));
    }

    /// Records an error at a span, for want of tokens.
    pub(crate) fn error_at_span(&self, span: Span, text: impl Display) {
        self.push(Error::new(span, text));
    }

    pub(crate) fn push(&self, error: Error) {
        self.errors.borrow_mut().push(error);
    }

    /// Records an error that rustc itself explains best, given an item that contains it.
    pub(crate) fn leave_to_rustc(&self, item: TokenStream) {
        self.left_to_rustc.set(Some(item));
    }

    pub(crate) fn take_left_to_rustc(&self) -> Option<TokenStream> {
        self.left_to_rustc.take()
    }

    pub(crate) fn is_empty(&self) -> bool {
        let left_to_rustc = self.left_to_rustc.take();
        let is_empty = self.errors.borrow().is_empty() && left_to_rustc.is_none();
        self.left_to_rustc.set(left_to_rustc);
        is_empty
    }

    /// Adds errors that come later in the source.
    pub(crate) fn append(&self, later: Self) {
        self.errors.borrow_mut().append(&mut later.errors.into_inner());
        if let Some(item) = later.left_to_rustc.into_inner() {
            self.leave_to_rustc(item);
        }
    }
}

impl ToTokens for Diagnostics {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        for error in &*self.errors.borrow() {
            tokens.extend(error.to_compile_error());
        }
    }
}
