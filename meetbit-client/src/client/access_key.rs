//! The access key that a client sends with: one for good, or the current one of a source that rotates.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, HeaderValue};

use crate::client::credentials::{Credentials, Source};
use crate::error::Error;
use crate::rate_limit::limiter::Limiter;
use crate::request::headers::{KEY_ID, KEY_SECRET};

/// A client keeps the secrets of this many of its latest keys.
#[cfg(feature = "journal")]
const KEPT_SECRETS: usize = 16;

/// An access key in the forms in which a client uses it.
pub(crate) struct AccessKey {
    /// The headers of a request with a JSON body.
    pub(crate) headers: HeaderMap,
    pub(crate) limiter: Limiter,
    /// The secret header's value, in memory that is wiped.
    secret: HeaderValue,
    is_rotating: bool,
}

/// The access keys of a client.
pub(crate) enum AccessKeys {
    Fixed(Arc<AccessKey>),
    Rotating { source: Source, rotation: Mutex<Rotation> },
}

/// The key that was used last.
pub(crate) struct Rotation {
    current: Arc<AccessKey>,
    /// The secrets of its predecessors, the latest last.
    #[cfg(feature = "journal")]
    secrets: Vec<HeaderValue>,
}

impl AccessKey {
    /// The secret as text.
    pub(crate) fn secret(&self) -> &str {
        self.secret.to_str().unwrap_or_default()
    }

    /// The secret, if another key may have another one by the time when a reply is read.
    pub(crate) fn rotating_secret(&self) -> Option<HeaderValue> {
        self.is_rotating.then(|| self.secret.clone())
    }

    /// The limiter, if it may not be that of the transport.
    pub(crate) fn rotating_limiter(&self) -> Option<Limiter> {
        self.is_rotating.then(|| self.limiter.clone())
    }

    fn has(&self, id: &HeaderValue, secret: &HeaderValue) -> bool {
        self.headers.get(KEY_ID) == Some(id) && self.secret == secret
    }

    /// The same client's next key.
    fn replaced(&self, id: &HeaderValue, secret: &HeaderValue, limiter: Limiter) -> Self {
        let mut headers = self.headers.clone();
        headers.insert(KEY_ID, id.clone());
        headers.insert(KEY_SECRET, secret.clone());
        Self { headers, limiter, secret: secret.clone(), is_rotating: true }
    }
}

impl AccessKeys {
    /// The keys of a client whose first key has these headers and this limiter.
    pub(crate) fn new(credentials: Credentials, secret: HeaderValue, headers: HeaderMap, limiter: Limiter) -> Self {
        let source = credentials.into_source();
        let is_rotating = source.is_some();
        let first = Arc::new(AccessKey { headers, limiter, secret, is_rotating });
        match source {
            None => Self::Fixed(first),
            Some(source) => {
                let rotation = Rotation {
                    current: first,
                    #[cfg(feature = "journal")]
                    secrets: Vec::new(),
                };
                Self::Rotating { source, rotation: Mutex::new(rotation) }
            }
        }
    }

    /// The key for the next attempt.
    ///
    /// # Errors
    /// The source has given a key that cannot be a header.
    pub(crate) fn current(&self) -> Result<Arc<AccessKey>, Error> {
        match self {
            Self::Fixed(key) => Ok(key.clone()),
            Self::Rotating { source, rotation } => {
                let credentials = source.credentials(); // the user's code, so not under the lock
                let (id, secret) = credentials.header_values()?;
                Ok(lock(rotation).next(credentials.id(), &id, &secret))
            }
        }
    }

    /// The key of the last attempt.
    pub(crate) fn last(&self) -> Arc<AccessKey> {
        match self {
            Self::Fixed(key) => key.clone(),
            Self::Rotating { rotation, .. } => lock(rotation).current.clone(),
        }
    }

    /// The secrets that this client has used, of many keys those of the latest.
    #[cfg(feature = "journal")]
    pub(crate) fn secrets(&self) -> Vec<HeaderValue> {
        match self {
            Self::Fixed(key) => vec![key.secret.clone()],
            Self::Rotating { rotation, .. } => {
                let rotation = lock(rotation);
                rotation.secrets.iter().chain([&rotation.current.secret]).cloned().collect()
            }
        }
    }
}

impl Rotation {
    fn next(&mut self, name: &str, id: &HeaderValue, secret: &HeaderValue) -> Arc<AccessKey> {
        if !self.current.has(id, secret) {
            // A new secret for the same id is the same key.
            let is_other = self.current.headers.get(KEY_ID) != Some(id);
            let limiter = &self.current.limiter;
            let limiter = if is_other { limiter.of_key(name) } else { limiter.clone() };
            #[cfg(feature = "journal")]
            self.keep_secret();
            self.current = Arc::new(self.current.replaced(id, secret, limiter));
        }
        self.current.clone()
    }

    /// Keeps the secret of the current key, which is about to be replaced.
    #[cfg(feature = "journal")]
    fn keep_secret(&mut self) {
        let secret = &self.current.secret;
        self.secrets.retain(|known| known != secret);
        self.secrets.push(secret.clone());
        if self.secrets.len() > KEPT_SECRETS {
            self.secrets.remove(0);
        }
    }
}

fn lock(rotation: &Mutex<Rotation>) -> MutexGuard<'_, Rotation> {
    rotation.lock().unwrap_or_else(PoisonError::into_inner)
}
