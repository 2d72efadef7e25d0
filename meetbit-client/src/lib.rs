//! A client for the MeetBit Public API v2.0.
#![cfg_attr(docsrs, feature(doc_cfg))]

// Lets the macros name the crate by one absolute path, inside it as outside.
extern crate self as meetbit_client;

mod address;
mod api;
mod attempt;
#[cfg(feature = "blocking")]
mod blocking;
mod body;
mod builder;
mod call;
mod client;
mod credentials;
mod customers;
mod departure;
mod draft;
mod endpoint;
mod error;
mod excerpt;
mod gate;
mod header;
mod json_position;
mod model;
mod pacer;
mod path;
mod permission;
mod plan;
mod private;
mod rate_limit;
mod reply;
mod retry;
mod retry_after;
mod transport;
mod validation;
mod window;

pub use meetbit_macros::{api, api_endpoint};

pub use crate::api::Api;
pub use crate::builder::ClientBuilder;
pub use crate::call::{Call, Receiving, Response, Sending};
pub use crate::client::Client;
pub use crate::credentials::Credentials;
pub use crate::customers::{Address, Customer, CustomerId, Customers, NewCustomer};
pub use crate::endpoint::Endpoint;
pub use crate::error::{Error, ErrorKind, Outcome};
pub use crate::permission::{InvalidPermission, Permission, permissions};
pub use crate::rate_limit::{RateLimit, RateLimitStatus};
pub use crate::retry::RetryPolicy;
pub use crate::retry_after::RateLimitHeaders;
pub use crate::transport::{BoxError, Transport};
pub use crate::validation::{Checks, Validate, ValidationError};

pub use {bytes, http, jiff};

/// The result of a call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[doc(hidden)]
pub mod __private {
    pub use crate::private::*;
}

#[cfg(feature = "sandbox")]
pub mod sandbox;
#[cfg(feature = "webhooks")]
pub mod webhook;
