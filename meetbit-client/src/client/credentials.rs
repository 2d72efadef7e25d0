use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use zeroize::Zeroizing;

use crate::error::Error;

use crate::request::headers;

/// The id and the secret of an access key. The secret never appears in `Debug` and is wiped on drop.
///
/// ```
/// use meetbit_client::Credentials;
///
/// let credentials = Credentials::new("key-id", "key-secret");
/// assert_eq!(
///     format!("{credentials:?}"),
///     r#"Credentials { id: "key-id", secret: [redacted] }"#
/// );
/// ```
#[derive(Clone)]
pub struct Credentials {
    id: String,
    secret: Zeroizing<String>,
    source: Option<Source>,
}

/// Gives the credentials for each attempt.
#[derive(Clone)]
pub(crate) struct Source(Arc<dyn Fn() -> Credentials + Send + Sync>);

impl Source {
    pub(crate) fn credentials(&self) -> Credentials {
        (self.0)()
    }
}

impl Credentials {
    /// The id and the secret of an access key, as the MeetBit Admin Panel shows them. The secret is shown only once. Both must be
    /// visible ASCII without surrounding whitespace; the builder checks them.
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { id: id.into(), secret: Zeroizing::new(secret.into()), source: None }
    }

    /// Credentials that change while a client uses them. `source` is called now and before each attempt, and gives the access key
    /// for that attempt.
    ///
    /// It runs inside the call, so it must return at once: let another task fetch the key, and only read it here. The rate limit follows the
    /// id of the key. If it gives a key that cannot be a header, the call fails with [`Config`](crate::ErrorKind::Config) and
    /// sends nothing. Middleware that makes requests of its own takes permits of the first key.
    ///
    /// ```
    /// use std::sync::{Arc, RwLock};
    ///
    /// use meetbit_client::{Client, Credentials};
    ///
    /// # fn main() -> Result<(), meetbit_client::Error> {
    /// let current = Arc::new(RwLock::new(Credentials::new("key-1", "secret-1")));
    /// let read = current.clone();
    /// let client = Client::builder("acme.example.com")
    ///     .credentials(Credentials::rotating(move || {
    ///         read.read().unwrap().clone()
    ///     }))
    ///     .build()?;
    ///
    /// // Later, while calls are under way:
    /// *current.write().unwrap() = Credentials::new("key-2", "secret-2");
    /// # Ok(())
    /// # }
    /// ```
    pub fn rotating(source: impl Fn() -> Credentials + Send + Sync + 'static) -> Self {
        let now = source();
        Self { source: Some(Source(Arc::new(source))), ..now }
    }

    /// The id, which is not secret. For rotating credentials, the id of the first key.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn into_source(self) -> Option<Source> {
        self.source
    }

    /// The values of the two key headers. They share buffers that wipe themselves: `http` would not.
    pub(crate) fn header_values(&self) -> Result<(HeaderValue, HeaderValue), Error> {
        Ok((key_value("id", &self.id)?, key_value("secret", &self.secret)?))
    }
}

/// The value of the header of one half of a key.
pub(crate) fn key_value(half: &str, text: &str) -> Result<HeaderValue, Error> {
    let refuse = |why: &str| Error::config(format!("the access key {half} {why}"));
    headers::check_text(text).map_err(refuse)?;
    if !text.is_ascii() {
        return Err(refuse("has a character that is not ASCII"));
    }
    shared(Zeroizing::new(text.as_bytes().to_vec())).ok_or_else(|| refuse("cannot be a header's value"))
}

/// A value over this buffer itself.
fn shared(wiped: Zeroizing<Vec<u8>>) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(wiped)).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Credentials");
        shown.field("id", &self.id).field("secret", &format_args!("[redacted]"));
        if self.source.is_some() {
            shown.field("rotating", &true);
        }
        shown.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promise_16_every_copy_of_the_header_is_the_one_buffer_that_wipes_itself() {
        let wiped = Zeroizing::new(b"key-secret".to_vec());
        let at = wiped.as_ptr();
        let value = shared(wiped).unwrap();
        assert_eq!((value.as_bytes().as_ptr(), value.clone().as_bytes().as_ptr()), (at, at));
        assert_eq!(value, "key-secret");
        assert_eq!(format!("{value:?}"), "Sensitive");
    }
}
