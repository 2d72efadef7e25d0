//! The attribute macros of `meetbit-client`, which re-exports and documents them. Use them through that crate.

// `parse` reads what a declaration says, `bind` matches its arguments with its path, `model` is the endpoint that
// results, and `expand` writes its code. `diagnostics` collects the errors; if there are any, `fallback` writes a
// usable method. `tests/rooms.rs` has the table of what may import what.

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

#[allow(missing_docs, reason = "rustdoc would append them to the docs of the re-export")]
#[proc_macro_attribute]
pub fn api_endpoint(args: TokenStream, item: TokenStream) -> TokenStream {
    endpoint::expand(args.into(), item.into()).into()
}

#[allow(missing_docs, reason = "rustdoc would append them to the docs of the re-export")]
#[proc_macro_attribute]
pub fn api(args: TokenStream, item: TokenStream) -> TokenStream {
    api::expand(args.into(), item.into()).into()
}
