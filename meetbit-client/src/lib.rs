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
mod draft;
mod endpoint;
mod error;
mod events;
mod excerpt;
mod gate;
mod header;
mod json_position;
mod model;
mod online_conferences;
mod pacer;
mod pages;
mod path;
mod permission;
mod plan;
mod private;
mod rate_limit;
mod reply;
mod retry;
mod retry_after;
mod transport;
mod users;
mod validation;
mod window;
mod work_hours;
mod zone_name;

pub use meetbit_macros::{api, api_endpoint};

pub use crate::api::Api;
pub use crate::builder::ClientBuilder;
pub use crate::call::{Call, Receiving, Response, Sending};
pub use crate::client::Client;
pub use crate::credentials::Credentials;
pub use crate::customers::{Address, Customer, CustomerId, Customers, NewCustomer};
pub use crate::endpoint::Endpoint;
pub use crate::error::{Error, ErrorKind, Outcome};
pub use crate::events::{
    AttendeeStatus, CalendarId, CancelEvent, Event, EventAttendee, EventId, Events, ListEvents, MeetingLinkId,
};
pub use crate::online_conferences::{
    NewOnlineConference, NewOnlineConferenceAttendee, OnlineConference, OnlineConferenceAccountId, OnlineConferenceId,
    OnlineConferenceUpdate, OnlineConferences,
};
pub use crate::pages::Pages;
pub use crate::permission::{InvalidPermission, Permission, permissions};
pub use crate::rate_limit::{RateLimit, RateLimitStatus};
pub use crate::retry::RetryPolicy;
pub use crate::retry_after::RateLimitHeaders;
pub use crate::transport::{BoxError, Transport};
pub use crate::users::{
    DepartmentId, ListUsers, NewUser, User, UserAttribute, UserId, UserOrder, UserStatus, UserUpdate, Users,
};
pub use crate::validation::{Checks, Validate, ValidationError};
pub use crate::work_hours::{TimeOfDay, WorkHours, WorkHoursSpan};
pub use crate::zone_name::ZoneName;

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
