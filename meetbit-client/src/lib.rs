//! A client for the MeetBit Public API v2.0. It creates customers at most once, never sends a request before `Retry-After`
//! has passed, stays within the rate limits and never logs a secret. Each endpoint is one attribute on a trait method.
//!
//! ```sh
//! cargo add meetbit-client
//! cargo add tokio --features macros,rt-multi-thread
//! ```
//! You need the primary domain of your tenant, and an access key from the MeetBit Admin Panel whose Client has a Role with the
//! permissions of the [operations](#operations) that you call. The crate builds with Rust 1.85 and a C compiler, which the TLS
//! library needs.
//!
//! # Connect
//! ```no_run
//! use meetbit_client::{Client, Credentials};
//!
//! # fn main() -> Result<(), meetbit_client::Error> {
//! // From MEETBIT_DOMAIN, MEETBIT_ACCESS_KEY_ID,
//! // MEETBIT_ACCESS_KEY_SECRET and, if it is set, MEETBIT_BASE_URL:
//! let client = Client::from_env()?;
//!
//! // Or from values:
//! # let (id, secret) = ("", "");
//! let client = Client::builder("acme.example.com")
//!     .credentials(Credentials::new(id, secret))
//!     .build()?;
//! # Ok(())
//! # }
//! ```
//! A [`Client`] is cheap to clone. [`ClientBuilder`] configures time limits, pacing, retries, the size limit, TLS roots and
//! proxies, and takes tower middleware. Each setting has a safe default.
//!
//! # Call
//! Each resource has a trait with its operations, such as [`Customers`]; import it to call them. A method returns a [`Call`]: a
//! complete request that has not been sent.
//! ```no_run
//! # async fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
//! use meetbit_client::{Customers, NewCustomer};
//!
//! let ada = NewCustomer::new().first_name("Ada").email("ada@example.com");
//! let customer = client.create_customer(&ada).await?;
//!
//! let call = client.create_customer(&ada).header("X-Trace", "7");
//! let response = call.send().await?;
//! println!("{} {:?}", response.status, response.message);
//! # Ok(())
//! # }
//! ```
//!
//! # Handle an error
//! [`Error::kind`] says what went wrong. [`Error::outcome`] says whether MeetBit may have acted; check it before you create the
//! same customer again.
//! ```no_run
//! # async fn example(client: meetbit_client::Client, ada: meetbit_client::NewCustomer) {
//! use meetbit_client::{Customers, ErrorKind, Outcome};
//!
//! if let Err(error) = client.create_customer(&ada).await {
//!     match (error.kind(), error.outcome()) {
//!         (ErrorKind::RateLimited, _) => {
//!             println!("wait {:?}", error.retry_after());
//!         }
//!         (ErrorKind::Validation, _) => {
//!             println!("{:?}", error.validation());
//!         }
//!         (_, Outcome::NotSent | Outcome::Rejected) => {
//!             println!("nothing was created: {error}");
//!         }
//!         (_, Outcome::Unknown | Outcome::Done) => {
//!             println!("check before you create it again: {error}");
//!         }
//!     }
//! }
//! # }
//! ```
//!
//! # Declare an endpoint
//! The SDK uses no private API: you declare a missing operation exactly as it declares its own, with [`api`] and
//! [`api_endpoint`]. The [`guide`] walks library authors from an empty crate to a tested one.
//! ```
//! use meetbit_client::{Api, Call, api, api_endpoint};
//!
//! /// Notes about customers.
//! #[api]
//! pub trait Notes: Api {
//!     /// Lists the ids of a customer's notes.
//!     #[api_endpoint(get, "/customers/{id}/notes", perm = "notes.read.*")]
//!     fn list_notes(&self, id: i64, #[query] page: u32) -> Call<Vec<i64>>;
//! }
//! # fn main() {}
//! ```
//!
//! For one call in one place, [`Client::call`] needs no trait: `client.call::<Vec<i64>>(Method::GET, "/notes").await?`.
//!
//! # Fake the server
//! The [`sandbox`] is an in-memory MeetBit server that can be told to fail. A fake of a trait needs no server: it returns
//! [`Call::ready`], with values from constructors such as [`Customer::new`].
//!
//! # Operations
//! These are all the operations that MeetBit documents, in the traits [`Customers`], [`Users`], [`Events`] and
//! [`OnlineConferences`]. For others, declare an endpoint.
//!
//! | method | request, and permission |
//! |---|---|
//! | [`create_customer`](Customers::create_customer) | `POST /customers`<br>`customers.create.*` |
//! | [`list_users`](Users::list_users) | `GET /users`<br>`users.read.*` |
//! | [`create_user`](Users::create_user) | `POST /users`<br>`users.create.*`; to activate, also `users.lock.*` |
//! | [`update_user`](Users::update_user) | `PATCH /users/{user_id}`<br>`users.update.*` |
//! | [`list_events`](Events::list_events) | `GET /calendars/{calendar_id}/events`<br>`events.read.*` (inferred) |
//! | [`cancel_event`](Events::cancel_event) | `POST /calendars/{calendar_id}`<wbr>`/events/{event_id}/cancel`<br>`events.delete.*` |
//! | [`create_online_conference`](OnlineConferences::create_online_conference) | `POST /online_conferences`<br>`online_conferences.create.*` |
//! | [`update_online_conference`](OnlineConferences::update_online_conference) | `PATCH /online_conferences/{online_conference_id}`<br>`online_conferences.update.*` |
//!
//! # Features
//! `rustls` is on by default. If several of `rustls`, `rustls-no-provider` and `native-tls` are on, the first of them is used,
//! regardless of what other crates enable in reqwest. With none of them, only plain HTTP on loopback addresses is possible.
//!
//! | feature | adds |
//! |---|---|
//! | `rustls` | TLS by rustls and aws-lc-rs, or by the provider that the application installs; on by default |
//! | `rustls-no-provider` | TLS by rustls and the provider that the application installs, without the C code of aws-lc-rs<br>`default-features = false`; `ring::default_provider().install_default()` |
//! | `native-tls` | TLS by the system's library<br>`default-features = false` |
//! | `blocking` | [`Call::wait`], for programs without an async runtime<br>`let customer = client.create_customer(&ada).wait()?;` |
//! | `conformance` | the module [`conformance`]: declared endpoints, calls and models against an OpenAPI document, in a test<br>`assert_conforms(&document, [<dyn Notes>::ENDPOINTS]);` |
//! | `journal` | the module [`journal`] and `Call::once`: a call under a key happens at most once over crashes; needs Rust 1.94<br>`client.create_customer(&ada).once(&journal, "crm:42").await?` |
//! | `journal-postgres` | the same in PostgreSQL, for several machines; needs Rust 1.94<br>`Journal::postgres(url).await?` |
//! | `redis` | [`RedisLimit`]: one limit for the processes of many machines<br>`builder.shared_limit(RedisLimit::connect(url).await?)` |
//! | `sandbox` | the module [`sandbox`]; with `webhooks`, it also sends signed webhooks<br>`let sandbox = Sandbox::start().await?;` |
//! | `shared-limit` | [`FileLimit`]: one limit for all processes of a machine; the module [`rate_limit`] for stores of your own<br>`builder.shared_limit(FileLimit::open(path)?)` |
//! | `tracing` | [spans and events](#traces) through `tracing`, with OpenTelemetry's HTTP field names<br>`tracing_subscriber::fmt().init();` |
//! | `webhooks` | the module [`webhook`]: verification, types and de-duplication of webhooks<br>`let webhook = verifier.verify(&headers, &body)?;` |
//!
//! # Traces
//! With the feature `tracing`, each call is a span `meetbit` of the level INFO. Its events record each step of the call. The
//! target of all of them is `meetbit_client`, so the filter `meetbit_client=warn` shows only what went wrong. No field contains
//! a secret, a body or text from MeetBit.
//!
//! | event | level | fields | meaning |
//! |---|---|---|---|
//! | `reply received` | INFO | `call`, `attempts`, `elapsed_ms` | MeetBit has answered with a success |
//! | `call failed` | WARN | `call`, `attempts`, `elapsed_ms`, `error.type` (an [`ErrorKind`]), `outcome` (an [`Outcome`]) | the call returns an error |
//! | `retry` | WARN | `call`, `attempt` (the one that failed), `reason` (an [`ErrorKind`]), `http.response.status_code`, `wait_ms` | the request is sent again after the wait |
//! | `waited for the rate limit` | INFO | `waited_ms`, `reason` | the request had to wait for the limit of its key (`Key`) or tenant (`Tenant`), for earlier calls (`Queue`), or until the gate opened (`Gate`) |
//! | `gate closed` | WARN | `wait_ms` | MeetBit answered `429`, or stated that the limit is used up: nothing is sent with this key before the wait is over |
//! | `the shared rate limit fails; this process sends with its share` | WARN | `failure` (the store's error) | see `without_store` of [`FileLimit`] and [`RedisLimit`] |
//! | `the shared rate limit works again` | WARN | | the store is used again |
//!
//! `call` and the span's `otel.name` are the name of the method. The span also has `otel.kind`, `http.request.method`,
//! `url.template`, `server.address` and `server.port`; when the call ends, it gets `http.response.status_code`,
//! `http.request.resend_count` and `error.type`. A call that is dropped has no last event. After `cargo add tracing-subscriber`,
//! a program prints events and spans with:
//! ```
//! use tracing_subscriber::fmt::format::FmtSpan;
//!
//! tracing_subscriber::fmt().with_span_events(FmtSpan::CLOSE).init();
//! ```
//!
//! # Guarantees
//! [`promises`] lists the guarantees and a test of each.
#![cfg_attr(feature = "blocking", doc = "\n\n[`Call::wait`]: crate::Call::wait")]
#![cfg_attr(
    not(feature = "blocking"),
    doc = "\n\n[`Call::wait`]: https://docs.rs/meetbit-client/latest/meetbit_client/struct.Call.html#method.wait"
)]
#![cfg_attr(feature = "conformance", doc = "\n\n[`conformance`]: crate::conformance")]
#![cfg_attr(
    not(feature = "conformance"),
    doc = "\n\n[`conformance`]: https://docs.rs/meetbit-client/latest/meetbit_client/conformance/"
)]
#![cfg_attr(feature = "journal", doc = "\n\n[`journal`]: crate::journal")]
#![cfg_attr(
    not(feature = "journal"),
    doc = "\n\n[`journal`]: https://docs.rs/meetbit-client/latest/meetbit_client/journal/"
)]
#![cfg_attr(feature = "redis", doc = "\n\n[`RedisLimit`]: crate::RedisLimit")]
#![cfg_attr(
    not(feature = "redis"),
    doc = "\n\n[`RedisLimit`]: https://docs.rs/meetbit-client/latest/meetbit_client/struct.RedisLimit.html"
)]
#![cfg_attr(feature = "sandbox", doc = "\n\n[`sandbox`]: crate::sandbox")]
#![cfg_attr(
    not(feature = "sandbox"),
    doc = "\n\n[`sandbox`]: https://docs.rs/meetbit-client/latest/meetbit_client/sandbox/"
)]
#![cfg_attr(feature = "shared-limit", doc = "\n\n[`FileLimit`]: crate::FileLimit\n[`rate_limit`]: crate::rate_limit")]
#![cfg_attr(
    not(feature = "shared-limit"),
    doc = "\n\n[`FileLimit`]: https://docs.rs/meetbit-client/latest/meetbit_client/struct.FileLimit.html\n[`rate_limit`]: https://docs.rs/meetbit-client/latest/meetbit_client/rate_limit/"
)]
#![cfg_attr(feature = "webhooks", doc = "\n\n[`webhook`]: crate::webhook")]
#![cfg_attr(
    not(feature = "webhooks"),
    doc = "\n\n[`webhook`]: https://docs.rs/meetbit-client/latest/meetbit_client/webhook/"
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

// Inside the crate, too, the macros can use the absolute path `::meetbit_client`.
extern crate self as meetbit_client;

#[doc = include_str!("guide.md")]
#[cfg_attr(feature = "journal", doc = "\n\n[`journal::Store`]: crate::journal::Store")]
#[cfg_attr(
    not(feature = "journal"),
    doc = "\n\n[`journal::Store`]: https://docs.rs/meetbit-client/latest/meetbit_client/journal/trait.Store.html"
)]
#[cfg_attr(feature = "sandbox", doc = "\n\n[`sandbox`]: crate::sandbox")]
#[cfg_attr(
    not(feature = "sandbox"),
    doc = "\n\n[`sandbox`]: https://docs.rs/meetbit-client/latest/meetbit_client/sandbox/"
)]
pub mod guide {}
#[cfg(feature = "shared-limit")]
#[doc = include_str!("processes.md")]
#[cfg_attr(feature = "redis", doc = "\n\n[`RedisLimit`]: crate::RedisLimit")]
#[cfg_attr(
    not(feature = "redis"),
    doc = "\n\n[`RedisLimit`]: https://docs.rs/meetbit-client/latest/meetbit_client/struct.RedisLimit.html"
)]
pub mod processes {}
#[doc = include_str!("promises.md")]
pub mod promises {}
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "journal")]
pub mod journal;
#[cfg(feature = "shared-limit")]
pub mod rate_limit;
#[cfg(feature = "sandbox")]
pub mod sandbox;
#[cfg(feature = "webhooks")]
pub mod webhook;

mod client;
mod endpoint;
mod error;
mod permission;
mod private;
#[cfg(not(feature = "shared-limit"))]
mod rate_limit;
mod request;
mod resources;
mod response;
mod transport;

/// Completes a trait of endpoints: implements it for [`Client`] and lists its endpoints.
///
/// The trait stays as written. The attribute adds `impl Customers for Client {}` and the catalogue `<dyn Customers>::ENDPOINTS`,
/// a `&'static [&'static Endpoint]` in source order. It refuses two endpoints with the same method and path. A method with type
/// parameters of its own needs `where Self: Sized`, so that the trait stays dyn compatible.
///
/// `#[api(crate = path)]` names this crate if it is renamed or re-exported; the endpoints of the trait need not repeat it. The
/// error "could not find `meetbit_client` in the list of imported crates" means that this option is missing.
///
/// Without the attribute, write the implementation by hand; everything except the catalogue works. The error "method not found
/// in `Client`" means that the implementation is missing, or that the trait is not imported.
///
/// Attributes that copy the methods of a trait, such as mockall's `#[automock]`, go below `#[api]`, so that they see complete
/// methods. A mock needs `impl Api for MockRooms`, as any fake does. `#[async_trait]` goes above or below.
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
/// let endpoint = <dyn Rooms>::ENDPOINTS[0];
/// assert_eq!(endpoint.to_string(), "DELETE /rooms/{room_id}");
/// ```
pub use meetbit_macros::api;
/// Declares an endpoint: `#[api_endpoint(METHOD, "/path/{argument}", perm = "resource.verb.scope")]` on a method of a trait
/// whose supertrait is [`Api`].
///
/// The attribute adds a default body that builds the request. The signature stays as written; its return type is [`Call`]. An
/// argument named in the path fills that segment. Any other argument is marked:
///
/// - `#[query]` or `#[query("name")]`: a scalar, a sequence, a struct or a map;
/// - `#[header("X-Name")]`: a scalar, an `Option` or an `http::HeaderValue`;
/// - `#[body]` (JSON), `#[form]`, or `#[body(raw = "mime/type")]` (bytes).
///
/// The methods are `get`, `head`, `post`, `put`, `patch` and `delete`. The options are:
///
/// - `perm = "customers.create.*"`, or a list of permissions: what the role of the access key needs;
/// - `idempotent`: a POST or PATCH may be repeated after an unknown outcome, as GET, HEAD, PUT and DELETE always may;
/// - `raw`: the reply is the value itself, without MeetBit's `{"message": .., "data": ..}`;
/// - `timeout = "5s"`: the time limit of a whole call of this endpoint;
/// - `crate = path`: the path of this crate, if it is renamed or re-exported.
///
/// [`#[api]`](api) on the trait implements it for [`Client`].
///
/// ```
/// use meetbit_client::{Api, Call, api, api_endpoint};
///
/// #[api]
/// trait Rooms: Api {
///     /// Lists the names of rooms.
///     #[api_endpoint(get, "/rooms", perm = "rooms.read.*", timeout = "5s")]
///     fn list_names(&self, #[query] page: Option<u32>) -> Call<Vec<String>>;
/// }
/// # fn main() {}
/// ```
///
/// The [`guide`] lists all forms of arguments and replies.
pub use meetbit_macros::api_endpoint;

pub use crate::client::Client;
pub use crate::client::api::Api;
pub use crate::client::builder::ClientBuilder;
pub use crate::client::call::{Call, Response, Sending};
pub use crate::client::call_builder::CallBuilder;
pub use crate::client::credentials::Credentials;
pub use crate::client::pages::{Items, Pages};
pub use crate::client::retry::RetryPolicy;
pub use crate::endpoint::{Argument, ArgumentLocation, Endpoint, permissions};
pub use crate::error::Error;
pub use crate::error::kind::{ErrorKind, Outcome};
pub use crate::error::validation::ValidationError;
pub use crate::permission::{InvalidPermission, Permission};
pub use crate::rate_limit::config::{RateLimit, RateLimitStatus};
#[cfg(feature = "shared-limit")]
pub use crate::rate_limit::file::FileLimit;
#[cfg(feature = "redis")]
pub use crate::rate_limit::redis::RedisLimit;
#[cfg(feature = "shared-limit")]
pub use crate::rate_limit::shared::SharedLimit;
pub use crate::request::checks::{Checks, Validate};
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
pub use crate::transport::service::{BoxError, Transport};

pub use bytes::Bytes;
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
// Their types are in signatures of this crate, so their versions are part of its public API.
pub use bytes;
pub use http;
pub use jiff;
pub use reqwest;

/// The result of a call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[doc(hidden)]
pub mod __private {
    pub use crate::private::*;
}
