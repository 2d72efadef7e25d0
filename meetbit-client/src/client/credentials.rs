use std::fmt;

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
/// assert_eq!(format!("{credentials:?}"), r#"Credentials { id: "key-id", secret: [redacted] }"#);
/// ```
#[derive(Clone)]
pub struct Credentials {
    id: String,
    secret: Zeroizing<String>,
}

impl Credentials {
    /// The id and the secret of an access key, as the MeetBit Admin Panel shows them. The secret is shown only once. Both must be
    /// visible ASCII without surrounding whitespace; the builder checks them.
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { id: id.into(), secret: Zeroizing::new(secret.into()) }
    }

    /// The id, which names the key and is no secret.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The values of the two key headers. They share buffers that wipe themselves: `http` would not.
    pub(crate) fn header_values(&self) -> Result<(HeaderValue, HeaderValue), Error> {
        Ok((key_value("id", &self.id)?, key_value("secret", &self.secret)?))
    }
}

/// The value of the header of one half of a key.
pub(crate) fn key_value(half: &str, text: &str) -> Result<HeaderValue, Error> {
    let refuse = |why: &str| Error::config(format!("the {half} of the access key {why}"));
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
        f.debug_struct("Credentials").field("id", &self.id).field("secret", &format_args!("[redacted]")).finish()
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
