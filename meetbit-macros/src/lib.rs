//! The attribute macros of `meetbit-client`, which re-exports and documents them.
//!
//! `parse` reads what a declaration says, `bind` matches its arguments with its path, `model` is the endpoint that
//! results, and `expand` writes its code. Errors are collected in `diagnostics`; `fallback` writes a usable method meanwhile.

use proc_macro::TokenStream;

mod api;
mod attribute;
mod bind;
mod catalogue;
mod cfg;
mod diagnostics;
mod dyn_compat;
mod endpoint;
mod expand;
mod fallback;
mod model;
mod parse;
mod signature;
mod suggest;
#[cfg(test)]
mod tests;

/// Turns a trait method's declaration into a request: see the re-export in `meetbit-client`.
#[proc_macro_attribute]
pub fn api_endpoint(args: TokenStream, item: TokenStream) -> TokenStream {
    endpoint::expand(args.into(), item.into()).into()
}

/// Implements a trait of endpoints for `Client`, with a catalogue: see the re-export in `meetbit-client`.
#[proc_macro_attribute]
pub fn api(args: TokenStream, item: TokenStream) -> TokenStream {
    api::expand(args.into(), item.into()).into()
}
