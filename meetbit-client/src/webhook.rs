//! Webhooks: the events that MeetBit sends to your server. Needs the feature `webhooks`.
//!
//! MeetBit posts a JSON body with three headers. A [`Verifier`] checks that the request comes from MeetBit and is recent and
//! unchanged, and returns a typed [`Event`]. A [`Deduplicator`] recognizes repeats.
//!
//! A receiver must answer with a `2xx` within 10 seconds; otherwise MeetBit sends the webhook again, up to five times in
//! all. So verify it, check for a repeat, put it into a queue, answer, and do the work afterwards. The example `webhook_axum` of
//! this crate is a complete receiver.
//!
//! # Guarantees
//! - The signature is checked before anything is parsed, over the raw bytes and the timestamp as it was sent, by the `hmac`
//!   crate, in constant time, with every secret.
//! - A webhook whose timestamp is more than 5 minutes from the clock, in either direction, is refused.
//! - A repeated or too long header, a header that is not visible ASCII, a dot in the id, or any odd timestamp is refused
//!   with an [`Error`], never with a panic.
//! - A correctly signed webhook is never dropped for unknown content, however odd its JSON is: see [`Event`].
//! - Secrets never appear in `Debug` or errors. Keys are wiped on drop.
//!
//! # Examples
//! ```
//! use meetbit_client::http::{HeaderMap, StatusCode};
//! use meetbit_client::webhook::{Deduplicator, Event, Seen, Verifier, Webhook};
//!
//! fn receive(
//!     verifier: &Verifier,
//!     seen: &dyn Deduplicator,
//!     headers: &HeaderMap,
//!     raw_body: &[u8],
//!     queue: &mut Vec<Webhook>,
//! ) -> StatusCode {
//!     let webhook = match verifier.verify(headers, raw_body) {
//!         Ok(webhook) => webhook,
//!         Err(error) => return error.status(),
//!     };
//!     if seen.check(&webhook.id) == Seen::First {
//!         queue.push(webhook);
//!     }
//!     StatusCode::NO_CONTENT
//! }
//! # use meetbit_client::webhook::{MemoryDeduplicator, Signer};
//! # let (verifier, seen, mut queue) = (Verifier::new("hush")?, MemoryDeduplicator::new(), Vec::new());
//! # let body = br#"{"event":"events.created","data":{"id":1}}"#;
//! # let headers = Signer::new("hush")?.headers("3f0e2f9b", jiff::Timestamp::now(), body)?;
//! # for _ in 0..2 { assert_eq!(receive(&verifier, &seen, &headers, body, &mut queue), 204); }
//! # assert_eq!(receive(&verifier, &seen, &HeaderMap::new(), body, &mut queue), 400);
//! # assert_eq!(queue.len(), 1);
//!
//! fn work(webhook: Webhook) {
//!     match webhook.event {
//!         Event::MeetingLinkScheduled(link) => println!("{:?}", link.email),
//!         Event::EventDeleted(event) => println!("{} cancelled", event.id),
//!         Event::Unknown { event, .. } => println!("no handler for {event}"),
//!         _ => {}
//!     }
//! }
//! # queue.into_iter().for_each(work);
//! # Ok::<(), meetbit_client::webhook::Error>(())
//! ```

// This room verifies and signs webhooks. It may import `resources::ids`, and no other room,
// because a receiver needs no client.

mod body;
mod deduplicator;
mod error;
mod event;
mod header;
mod json;
mod key;
mod signer;
mod verifier;

pub use self::deduplicator::{Deduplicator, MemoryDeduplicator, Seen};
pub use self::error::{Error, ErrorKind};
pub use self::event::{CalendarEvent, Event, MeetingLinkScheduled, Webhook};
pub use self::header::{ID, SIGNATURE, TIMESTAMP};
pub use self::json::Json;
pub use self::signer::Signer;
pub use self::verifier::Verifier;
