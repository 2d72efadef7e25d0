//! Holds the SDK against the OpenAPI document of the API.
#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod assert_conforms;
mod catalogue;
mod client;
mod declared;
mod document;
mod replies;
mod requests;
mod schemas;
