//! The attribute macros of `meetbit-client`, which re-exports and documents them.
//!
//! `args`, `path`, `permission` and `marker` read what a declaration says; `endpoint` is what it means; `expand` is what
//! it becomes. What is wrong with it is collected in `mistake`, and `recover` keeps it usable meanwhile.

use proc_macro::TokenStream;

mod api;
mod api_endpoint;
mod args;
mod candidate;
mod catalogue;
mod conditional;
mod endpoint;
mod expand;
mod implementable;
mod marker;
mod mistake;
#[cfg(test)]
mod mutations;
mod nearest;
mod path;
mod permission;
mod placement;
mod recover;
mod reply;
#[cfg(test)]
mod shapes;
mod signature;
mod timeout;
mod unfilled;
mod verb;

/// Turns a trait method's declaration into a request: see the re-export in `meetbit-client`.
#[proc_macro_attribute]
pub fn api_endpoint(args: TokenStream, item: TokenStream) -> TokenStream {
    api_endpoint::expand(args.into(), item.into()).into()
}

/// Implements a trait of endpoints for `Client`, with a catalogue: see the re-export in `meetbit-client`.
#[proc_macro_attribute]
pub fn api(args: TokenStream, item: TokenStream) -> TokenStream {
    api::expand(args.into(), item.into()).into()
}
