//! The secret of a destination, as the key of an HMAC.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::error::Error;

/// Holds only the derived key, which wipes itself on drop. The text of the secret is wiped once the key is derived.
pub(super) struct Key(Hmac<Sha256>);

impl Key {
    pub(super) fn new(secret: impl Into<String>) -> Result<Self, Error> {
        let secret = Zeroizing::new(secret.into());
        if secret.is_empty() {
            return Err(Error::secret("is empty"));
        }
        if secret.trim() != secret.as_str() || secret.contains(char::is_control) {
            return Err(Error::secret("has leading or trailing whitespace, or a control character"));
        }
        Hmac::new_from_slice(secret.as_bytes()).map(Self).map_err(|_| Error::secret("has an unusable length"))
    }

    /// Compares in constant time.
    pub(super) fn verify(&self, id: &str, timestamp: &str, body: &[u8], signature: &[u8; 32]) -> bool {
        self.mac(id, timestamp, body).verify_slice(signature).is_ok()
    }

    pub(super) fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        base16ct::lower::encode_string(&self.mac(id, timestamp, body).finalize().into_bytes())
    }

    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
        signed.into_iter().fold(self.0.clone(), Mac::chain_update)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promise_22_unusable_secrets_are_refused_unprinted() {
        for secret in ["", " ", "hush\n", " hush", "hu\0sh", "hush\u{a0}"] {
            let refused = Key::new(secret).err().map(|error| error.to_string());
            assert!(refused.as_ref().is_some_and(|text| !text.contains("hu")), "{secret:?}: {refused:?}");
        }
    }

    #[test]
    fn any_other_text_is_a_secret() {
        for secret in ["h", "a b#c*d", "schlüssel", &"x".repeat(1000)] {
            assert!(Key::new(secret).is_ok(), "{secret:?}");
        }
    }
}
