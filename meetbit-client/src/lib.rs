//! A client for the MeetBit Public API v2.0: creates happen at most once, nothing is sent before `Retry-After` has passed,
//! secrets stay secret, and every endpoint is a declaration.
//!
//! # Connect
//! ```no_run
//! use meetbit_client::{Client, Credentials};
//!
//! # fn main() -> Result<(), meetbit_client::Error> {
//! let client = Client::from_env()?; // MEETBIT_DOMAIN, MEETBIT_ACCESS_KEY_ID, MEETBIT_ACCESS_KEY_SECRET
//!
//! # let (id, secret) = ("", "");
//! let client = Client::builder("acme.example.com").credentials(Credentials::new(id, secret)).build()?;
//! # Ok(())
//! # }
//! ```
//! A [`Client`] is cheap to clone. [`ClientBuilder`] has time limits, pacing, retries, the size limit, TLS roots and proxies,
//! and the seam for tower middleware; each has a safe default.
//!
//! # Call
//! What can be called stands in a trait for each resource, such as [`Customers`]. A method gives a [`Call`]: a finished
//! request that has not been sent.
//! ```no_run
//! # async fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
//! use meetbit_client::{Customers, NewCustomer};
//!
//! let ada = NewCustomer::new().first_name("Ada").email("ada@example.com");
//! let customer = client.create_customer(&ada).await?;
//!
//! let response = client.create_customer(&ada).header("X-Trace", "7").send().await?;
//! println!("{} {:?} {}", response.status, response.message, response.data.id);
//! # Ok(())
//! # }
//! ```
//!
//! # Handle an error
//! [`Error::kind`] says what to do, [`Error::outcome`] whether MeetBit may have acted: what to know before the same customer
//! is created again.
//! ```no_run
//! # async fn example(client: meetbit_client::Client, ada: meetbit_client::NewCustomer) {
//! use meetbit_client::{Customers, ErrorKind, Outcome};
//!
//! if let Err(error) = client.create_customer(&ada).await {
//!     match (error.kind(), error.outcome()) {
//!         (ErrorKind::RateLimited, _) => println!("not before {:?}", error.retry_after()),
//!         (ErrorKind::Validation, _) => println!("{:?}", error.validation()),
//!         (_, Outcome::NotSent | Outcome::Rejected) => println!("nothing was created: {error}"),
//!         (_, Outcome::Unknown | Outcome::Done) => println!("look before you create it again: {error}"),
//!     }
//! }
//! # }
//! ```
//!
//! # Declare an endpoint
//! The SDK has no private door: an operation that it does not know is declared as its own are, with [`api`] and
//! [`api_endpoint`]. The [`guide`] goes from there to a published crate.
//! ```
//! use meetbit_client::{Api, Call, api, api_endpoint};
//!
//! /// Notes about customers.
//! #[api]
//! pub trait Notes: Api {
//!     /// Lists the ids of a customer's notes.
//!     #[api_endpoint(get, "/customers/{customer_id}/notes", perm = "notes.read.*")]
//!     fn list_note_ids(&self, customer_id: i64, #[query] limit: Option<u32>) -> Call<Vec<i64>>;
//! }
//! # fn main() {}
//! ```
//!
//! # Fake the server
//! The [`sandbox`] is a MeetBit in memory that can fail on request; a fake of a trait answers with [`Call::ready`] and needs
//! no server.
//!
//! # What is promised
//! [`promises`] lists what never happens, with the tests that keep it so.
#![cfg_attr(docsrs, feature(doc_cfg))]

// Lets the macros name the crate by one absolute path, inside it as outside.
extern crate self as meetbit_client;

#[doc = include_str!("guide.md")]
#[cfg_attr(feature = "sandbox", doc = "\n\n[`sandbox`]: crate::sandbox")]
#[cfg_attr(
    not(feature = "sandbox"),
    doc = "\n\n[`sandbox`]: https://docs.rs/meetbit-client/latest/meetbit_client/sandbox/"
)]
pub mod guide {}
#[doc = include_str!("promises.md")]
pub mod promises {}
#[cfg(feature = "sandbox")]
pub mod sandbox;
#[cfg(feature = "webhooks")]
pub mod webhook;

mod client;
mod endpoint;
mod error;
mod permission;
mod private;
mod rate_limit;
mod request;
mod resources;
mod response;
mod transport;

/// Makes a trait of endpoints whole: implements it for [`Client`] and lists its endpoints.
///
/// The trait is left as written. Beside it stand `impl Customers for Client {}` and the catalogue
/// `<dyn Customers>::ENDPOINTS`, a `&'static [&'static Endpoint]` in source order. Two endpoints of one method and path in a
/// trait are refused. A method with type parameters of its own needs `where Self: Sized`, so that `dyn` stays possible.
///
/// `#[api(crate = path)]` says where this crate is found, when it is renamed or re-exported; its endpoints need not
/// repeat it.
///
/// Without it, write the implementation by hand; everything but the catalogue works.
///
/// ```
/// use meetbit_client::{Api, Call, api, api_endpoint};
///
/// #[api]
/// trait Rooms: Api {
///     #[api_endpoint(delete, "/rooms/{room_id}", perm = "rooms.delete.*")]
///     fn delete_room(&self, room_id: u32) -> Call<()>;
/// }
///
/// assert_eq!(<dyn Rooms>::ENDPOINTS[0].to_string(), "DELETE /rooms/{room_id}");
/// ```
pub use meetbit_macros::api;
/// Declares an endpoint: `#[api_endpoint(METHOD, "/path/{argument}", perm = "resource.verb.scope")]` on a method of a trait
/// whose supertrait is [`Api`].
///
/// The method becomes a provided one that builds the request; its signature stays as written, with [`Call`] as the return
/// type. An argument named in the path fills that segment; any other is marked:
///
/// - `#[query]` or `#[query("name")]`: a scalar, a sequence, a struct or a map;
/// - `#[header("X-Name")]`: a scalar, an `Option` or an `http::HeaderValue`;
/// - `#[body]` (JSON), `#[form]`, or `#[body(raw = "mime/type")]` (bytes).
///
/// Methods are `get`, `head`, `post`, `put`, `patch` and `delete`. Options:
///
/// - `perm = "customers.create.*"`, or a list of permissions: what the role of the access key needs;
/// - `idempotent`: a POST or PATCH that may be repeated after an unknown outcome; GET, HEAD, PUT and DELETE always may;
/// - `raw`: the reply is the value itself, not MeetBit's `{"message": .., "data": ..}`;
/// - `timeout = "5s"`: the time limit of a whole call of this endpoint;
/// - `crate = path`: where this crate is found, when it is renamed or re-exported.
///
/// ```
/// use meetbit_client::{Api, Call, api_endpoint};
///
/// trait Rooms: Api {
///     /// Lists the names of rooms.
///     #[api_endpoint(get, "/buildings/{building}/rooms", perm = "rooms.read.*", timeout = "5s")]
///     fn list_names(&self, building: &str, #[query] page: Option<u32>) -> Call<Vec<String>>;
/// }
/// # fn main() {}
/// ```
///
/// The [`guide`] has every form that an argument and a reply can take.
pub use meetbit_macros::api_endpoint;

pub use crate::client::Client;
pub use crate::client::api::Api;
pub use crate::client::builder::ClientBuilder;
pub use crate::client::call::{Call, Receiving, Response, Sending};
pub use crate::client::credentials::Credentials;
pub use crate::client::pages::Pages;
pub use crate::client::retry::RetryPolicy;
pub use crate::endpoint::{Endpoint, permissions};
pub use crate::error::{Error, ErrorKind, Outcome};
pub use crate::permission::{InvalidPermission, Permission};
pub use crate::rate_limit::config::{RateLimit, RateLimitStatus};
pub use crate::request::checks::{Checks, Validate, ValidationError};
pub use crate::resources::customers::{Address, Customer, Customers, NewCustomer};
pub use crate::resources::events::{AttendeeStatus, CancelEvent, Event, EventAttendee, Events, ListEvents};
pub use crate::resources::ids::{
    CalendarId, CustomerId, DepartmentId, EventId, MeetingLinkId, OnlineConferenceAccountId, OnlineConferenceId, UserId,
};
pub use crate::resources::online_conferences::{
    NewOnlineConference, NewOnlineConferenceAttendee, OnlineConference, OnlineConferenceUpdate, OnlineConferences,
};
pub use crate::resources::users::{ListUsers, NewUser, User, UserAttribute, UserOrder, UserStatus, UserUpdate, Users};
pub use crate::resources::work_hours::{TimeOfDay, WorkHours, WorkHoursSpan};
pub use crate::resources::zone_name::ZoneName;
pub use crate::response::retry_after::RateLimitHeaders;
pub use crate::transport::{BoxError, Transport};

pub use bytes::Bytes;
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
// Their types are in signatures here, so their versions are part of the contract.
pub use bytes;
pub use http;
pub use jiff;

/// The result of a call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[doc(hidden)]
pub mod __private {
    pub use crate::private::*;
}
