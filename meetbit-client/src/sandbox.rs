//! An in-memory MeetBit server on a loopback port, for tests and first steps. Needs the feature `sandbox`.
//!
//! A [`Sandbox`] is a real HTTP/1.1 server. It checks keys, permissions, bodies and rate limits as MeetBit does, with the
//! same texts and headers. It shares no validation code with the client, so it is a second opinion on what the client
//! sends. It keeps what it receives: a user that was created is listed afterwards. It records every request, so a test
//! can check what was sent and how often: [`Sandbox::requests`]. A [`Fault`] makes it fail on demand, and
//! [`Sandbox::serve`] makes it check the permissions of your own endpoints. With the feature `webhooks` it sends signed
//! webhooks to a receiver under test: `Sandbox::deliver`.
//!
//! Each sandbox runs on its own thread, with its own runtime. It therefore answers blocking code as well as async code, on
//! any runtime and without one. It stops when its last handle is dropped; the drop does not block.
//!
//! ```
//! use meetbit_client::sandbox::Sandbox;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sandbox = Sandbox::start().await?;
//! assert!(sandbox.base_url().starts_with("http://127.0.0.1:"));
//! assert!(sandbox.requests().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # What MeetBit does not document
//!
//! Texts, statuses and headers are MeetBit's wherever its reference documents them. The following are choices of the
//! sandbox. Do not rely on them:
//!
//! - **Order of checks**: key, rate limits, path and method, permission, body. A request with a wrong key counts toward
//!   the tenant's limit. `RateLimit-*` describes the limit with the fewest requests left.
//! - **Penalties**: a request before `Retry-After` has passed doubles the wait; the third such request in a row suspends
//!   the key. A `429` leaves 20 milliseconds late, so that requests that are on the wire at the same time are not early. Keeping
//!   to the wait clears the record. The text `Access key suspended.` is the sandbox's.
//! - **Texts** of 405, 409, of malformed JSON, of a path that the sandbox does not have, and of every success are the
//!   sandbox's; those of validation are Laravel's.
//! - **Read-only and unknown fields** in a request are ignored, as Laravel ignores them.
//! - **Names**: any department id and role is accepted, and any time zone that has the form of an IANA name.
//! - **Status codes** of users: `0` is invited, `1` is active.
//! - **Lists**: a page holds 15 users by default; an unknown filter is a 400.
//! - **Scopes**: a permission such as `users.update.7` covers only that user.
//! - **Webhooks**: the pause between tries, the new signature and timestamp of each try, and the form of the id. The
//!   sandbox sends webhooks only through `Sandbox::deliver`.
//!
//! # Initial data
//!
//! Three users, of which user 3 is deleted; calendar 1 with three events in January 2030, of which event 3 is cancelled;
//! calendar 2, empty; and two online conferences, of which conference 2 has ended.

// This room is a server and a user of the SDK: it may import the crate root and `webhook`, and no other room. hyper serves
// the connections; `wire` and `faults` do what no HTTP server does by itself.

mod access;
mod builder;
mod catalogue;
mod connection;
mod customers;
mod events;
mod fault;
mod faults;
mod filter;
mod handle;
mod limits;
mod on;
mod online_conferences;
mod operation_error;
mod reply;
mod request;
mod request_log;
mod resources;
mod rfc3339;
mod route;
mod script;
mod server;
mod thread;
mod users;
mod validation;
#[cfg(feature = "webhooks")]
mod webhooks;
mod wire;
mod work_hours;

pub use builder::SandboxBuilder;
pub use fault::Fault;
pub use handle::Sandbox;
pub use on::On;
pub use request_log::Received;
#[cfg(feature = "webhooks")]
pub use webhooks::{Delivery, DeliveryReport};
