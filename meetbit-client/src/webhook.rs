//! Webhooks: what `MeetBit` sends when something happens.
//!
//! `MeetBit` posts a JSON body with three headers. [`Verifier`] checks that it comes from `MeetBit`, is fresh and is whole, and
//! gives a typed [`Event`]; a [`Deduplicator`] tells a repeat from a new one.
//!
//! A receiver has 10 seconds to answer with a `2xx`, or the webhook is sent again, five times in all. So: verify, tell
//! repeats, put the webhook in a queue, answer, and do the work afterwards. `webhook_axum.rs` in the repository's
//! `tests/examples` is a whole receiver.
//!
//! # What is promised
//! - The signature is checked before anything is parsed, over the raw bytes and the timestamp's own text, by the `hmac`
//!   crate, in constant time and with every secret.
//! - A webhook whose timestamp is more than 5 minutes from the clock, on either side, is refused.
//! - A repeated or over-long header, one that is not visible ASCII, a dot in the id, any timestamp text whatever: refused
//!   with an [`Error`], without a panic.
//! - Nothing that is rightly signed is lost because its contents are new: see [`Event`].
//! - No secret stands in a `Debug` or an error. Keys are wiped when they go.
//!
//! # Examples
//! ```
//! use http::{HeaderMap, StatusCode};
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
//!         Event::MeetingLinkScheduled(link) => println!("{:?} booked", link.email),
//!         Event::EventDeleted(event) => println!("event {} was cancelled", event.id),
//!         Event::Unknown { event, .. } => println!("{event} is news to this program"),
//!         _ => {}
//!     }
//! }
//! # queue.into_iter().for_each(work);
//! # Ok::<(), meetbit_client::webhook::Error>(())
//! ```

// The room reads and writes signed webhooks. It imports the ids of the resources from the crate root, and nothing of the
// client: a receiver needs none.

mod body;
mod deduplicator;
mod error;
mod event;
mod header;
mod key;
mod signer;
mod verifier;

pub use self::deduplicator::{Deduplicator, MemoryDeduplicator, Seen};
pub use self::error::{Error, ErrorKind};
pub use self::event::{CalendarEvent, Event, MeetingLinkScheduled, Webhook};
pub use self::header::{ID, SIGNATURE, TIMESTAMP};
pub use self::signer::Signer;
pub use self::verifier::Verifier;
