//! A faithful MeetBit on a loopback port, in memory, made for tests and first steps.
//!
//! A [`Sandbox`] is a real HTTP/1.1 server. It checks keys, permissions, bodies and rate limits as MeetBit does, with the
//! same texts and headers, and it validates on its own: it shares no validation code with the client. It keeps what it
//! is sent, so a user that was created is listed afterwards, and it writes down every request that it reads, so a test
//! can say what was sent and how often: [`Sandbox::requests`]. With a [`Fault`] it misbehaves on demand. With the feature
//! `webhooks` it sends signed webhooks to a receiver under test, as often as MeetBit does: `Sandbox::deliver`.
//!
//! A sandbox lives on a thread of its own. It answers blocking code as well as async code, on any runtime and without one.
//! It stops when its last handle is dropped: the listener and all connections end, and nobody waits for that.
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
//! # What is MeetBit's and what is ours
//!
//! Texts, statuses and headers that MeetBit documents are MeetBit's. Where its reference is silent the sandbox had to
//! choose, and nothing should be built on these choices:
//!
//! - **Order of checks**: key, rate limits, path and method, permission, body. A request with a wrong key counts toward
//!   the tenant's limit, and `RateLimit-*` speaks of whichever limit is nearer.
//! - **Penalties**: a request before `Retry-After` has passed doubles the wait; the third such request in a row suspends
//!   the key. A wait that is kept clears the record. `Access key suspended.` is our text.
//! - **Texts** of 405, 409, of malformed JSON and of every success are ours; those of validation are Laravel's.
//! - **Read-only and unknown fields** in a request are ignored, as Laravel ignores them.
//! - **Names**: department ids and roles are taken as they come, and a time zone needs only the form of an IANA name.
//! - **Status codes** of users: `0` is invited, `1` is active.
//! - **Lists**: a page holds 15 users unless `page_size` says otherwise; a filter that it does not know is a 400.
//! - **Scopes**: a permission such as `users.update.7` covers that user alone.
//! - **Webhooks**: the pause between tries, a new signature and timestamp for each, and the form of the id. Nothing that
//!   happens in the sandbox sends one by itself.
//!
//! # What is there at the start
//!
//! Three users, of which number 3 is deleted; calendar 1 with three events in January 2030, of which number 3 is
//! cancelled; calendar 2, empty; and two online conferences, of which number 2 has ended.

// The room is a MeetBit of its own, and a user of the SDK: it imports the crate root and `webhook`, and nothing of the
// client's inside. Connections are hyper's; `wire` and `faults` hold what no HTTP server does by itself.

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
