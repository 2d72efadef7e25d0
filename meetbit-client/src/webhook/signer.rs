//! Signing.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

use super::error::Error;
use super::header::{Headers, ID, SIGNATURE, TIMESTAMP};
use super::key::Key;

/// Signs webhooks as MeetBit does, to test a receiver.
///
/// With the feature `sandbox`, `Sandbox::deliver` also sends them, up to five times.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), meetbit_client::webhook::Error> {
/// use meetbit_client::{EventId, webhook::{Event, Signer, Verifier}};
///
/// let body = br#"{"event":"events.created","data":{"id":7,"calendar_id":3}}"#;
/// let now = meetbit_client::jiff::Timestamp::now();
/// let headers = Signer::new("hush")?.headers("3f0e2f9b", now, body)?;
///
/// let webhook = Verifier::new("hush")?.verify(&headers, body)?;
/// let Event::EventCreated(event) = webhook.event else { panic!() };
/// assert_eq!(event.id, EventId(7));
/// # Ok(()) }
/// ```
pub struct Signer(Key);

impl Signer {
    /// Creates a signer with the secret of a destination.
    ///
    /// # Errors
    /// [`InvalidSecret`](super::ErrorKind::InvalidSecret), as [`Verifier::new`](super::Verifier::new).
    pub fn new(secret: impl Into<String>) -> Result<Self, Error> {
        Key::new(secret).map(Self)
    }

    /// The signature of `id.timestamp.body`, in lower-case hex. The arguments are not checked.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        self.0.sign(id, timestamp, body)
    }

    /// The three headers of a webhook.
    ///
    /// # Errors
    /// [`InvalidHeader`](super::ErrorKind::InvalidHeader) for an id that a [`Verifier`](super::Verifier) would refuse.
    pub fn headers(&self, id: &str, timestamp: Timestamp, body: &[u8]) -> Result<HeaderMap, Error> {
        let timestamp = timestamp.to_string();
        let signature = self.sign(id, &timestamp, body);
        let headers = [(ID, id), (TIMESTAMP, &timestamp), (SIGNATURE, &signature)]
            .into_iter()
            .map(|(name, value)| Ok((HeaderName::from_static(name), header_value(name, value)?)))
            .collect::<Result<_, Error>>()?;
        Headers::read(&headers)?;
        Ok(headers)
    }
}

fn header_value(name: &'static str, value: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(value).map_err(|_| Error::invalid(name, "contains more than visible ASCII"))
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}
