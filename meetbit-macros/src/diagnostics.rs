//! The errors found in one declaration. They are collected, so that all of them are reported at once.

use std::cell::RefCell;
use std::fmt::Arguments;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::Error;
use syn::parse::ParseStream;

/// The text of one error. It says what to write instead, in lower case and without a full stop.
///
/// Only `message!` makes one, so that a test finds every text in the source and looks for its compile-fail case.
pub(crate) struct Message(String);

/// Makes a [`Message`], as `format!` makes a `String`.
macro_rules! message {
    ($($text:tt)*) => { $crate::diagnostics::Message::new(::core::format_args!($($text)*)) };
}
pub(crate) use message;

impl Message {
    /// For `message!`.
    pub(crate) fn new(text: Arguments) -> Self {
        Self(text.to_string())
    }
}

/// Errors in the order of their tokens in the source.
#[derive(Default)]
pub(crate) struct Diagnostics {
    errors: RefCell<Vec<Error>>,
    left_to_rustc: RefCell<Option<TokenStream>>,
}

impl Diagnostics {
    /// Records that `tokens` have to change as `message` says.
    pub(crate) fn error_at(&self, tokens: impl ToTokens, message: Message) {
        self.push(error_at(tokens, message));
    }

    /// Records an error that has a span but no tokens.
    pub(crate) fn error_at_span(&self, span: Span, message: Message) {
        self.push(error_at_span(span, message));
    }

    pub(crate) fn push(&self, error: Error) {
        self.errors.borrow_mut().push(error);
    }

    /// Records an error that rustc itself explains best, given an item that contains it.
    pub(crate) fn leave_to_rustc(&self, item: TokenStream) {
        self.left_to_rustc.replace(Some(item));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.errors.borrow().is_empty() && self.left_to_rustc.borrow().is_none()
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
        self.left_to_rustc.borrow().to_tokens(tokens);
    }
}

/// The error that `tokens` have to change as `message` says.
pub(crate) fn error_at(tokens: impl ToTokens, message: Message) -> Error {
    Error::new_spanned(tokens, message.0)
}

/// An error that has a span but no tokens.
pub(crate) fn error_at_span(span: Span, message: Message) -> Error {
    Error::new(span, message.0)
}

/// An error at the next token, or at the end of the input.
pub(crate) fn error_at_next(input: ParseStream, message: Message) -> Error {
    input.error(message.0)
}
