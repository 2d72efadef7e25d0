//! Verification.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;

use super::error::Error;
use super::event::Webhook;
use super::header::{self, Headers};
use super::key::Key;

/// Verifies webhooks: first the signature, then the age; then it parses the body.
///
/// A process needs one verifier: it is cheap to clone and `Send + Sync`. It keeps keys derived from the secrets, not the
/// secrets, and wipes them when the last clone is dropped. `Debug` shows neither.
///
/// # Examples
/// During the rotation of a secret, accept both:
/// ```
/// # fn main() -> Result<(), meetbit_client::webhook::Error> {
/// use meetbit_client::webhook::Verifier;
///
/// let verifier = Verifier::new("the new secret")?.secret("the old secret")?;
/// # let _ = verifier; Ok(()) }
/// ```
#[derive(Clone)]
pub struct Verifier {
    keys: Vec<Arc<Key>>,
    window: Duration,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Verifier {
    /// Creates a verifier for the secret of one destination, with a window of 5 minutes and the system's clock.
    ///
    /// # Errors
    /// [`InvalidSecret`](super::ErrorKind::InvalidSecret) if the secret is empty, or has surrounding blanks or control
    /// characters.
    pub fn new(secret: impl Into<String>) -> Result<Self, Error> {
        let verifier = Self { keys: Vec::new(), window: Duration::from_secs(5 * 60), clock: Arc::new(Timestamp::now) };
        verifier.secret(secret)
    }

    /// Also accepts webhooks signed with this secret: for rotation, or for several destinations at one address.
    ///
    /// # Errors
    /// As [`new`](Verifier::new).
    pub fn secret(mut self, another: impl Into<String>) -> Result<Self, Error> {
        self.keys.push(Arc::new(Key::new(another)?));
        Ok(self)
    }

    /// The greatest age of a webhook, and the greatest lead over this machine's clock; 5 minutes by default, as MeetBit asks.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// The clock; `Timestamp::now` of jiff by default.
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(now);
        self
    }

    /// Verifies one request and returns its event.
    ///
    /// `raw_body` must be the body exactly as received, because a body that was parsed and printed again has another
    /// signature. Limit its size where you read it. A webhook can arrive more than once: see
    /// [`Deduplicator`](super::Deduplicator).
    ///
    /// # Errors
    /// An error of the matching [kind](super::ErrorKind) for a request that is not signed by MeetBit within the window.
    /// Answer it with [`Error::status`]. A correctly signed body is an error only if it is not a JSON object with a string
    /// `event`; any other content that this SDK does not know is an [`Event::Unknown`](super::Event::Unknown).
    pub fn verify(&self, headers: &HeaderMap, raw_body: &[u8]) -> Result<Webhook, Error> {
        let headers = Headers::read(headers)?;
        self.check_signature(&headers, raw_body)?;
        let timestamp = self.check_age(headers.timestamp)?;
        let json = raw_body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw_body); // a byte order mark
        let event = serde_json::from_slice(json).map_err(|error| Error::body(&error))?;
        Ok(Webhook { id: headers.id.to_owned(), timestamp, event })
    }

    /// Tries every key, so that the time taken does not reveal which one matches.
    fn check_signature(&self, headers: &Headers<'_>, body: &[u8]) -> Result<(), Error> {
        let Headers { id, timestamp, signature } = headers;
        let signed = self.keys.iter().fold(false, |signed, key| key.verify(id, timestamp, body, signature) | signed);
        if signed { Ok(()) } else { Err(Error::signature()) }
    }

    fn check_age(&self, text: &str) -> Result<Timestamp, Error> {
        let signed: Timestamp =
            text.parse().map_err(|_| Error::invalid(header::TIMESTAMP, "is not ISO 8601 with an offset"))?;
        let age = (self.clock)().duration_since(signed);
        match age.unsigned_abs() {
            apart if apart <= self.window => Ok(signed),
            ahead if age.is_negative() => Err(Error::future(ahead, self.window)),
            age => Err(Error::expired(age, self.window)),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("secrets", &self.keys.len())
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}
