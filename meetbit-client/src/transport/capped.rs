//! A buffer that bounds the size of a reply.

use std::io;

/// The reason why a body could not be read.
#[derive(Debug)]
pub(crate) enum BodyError {
    TooLarge,
    /// It has an encoding that the request did not accept.
    Encoding,
    /// The connection ended or broke before the end of the body.
    Broken(reqwest::Error),
    /// It is not gzip, or ends too early.
    Corrupt(io::Error),
}

/// A buffer of at most `max` bytes.
pub(super) struct Capped {
    bytes: Vec<u8>,
    pub(super) max: usize,
}

impl Capped {
    /// Beyond `SMALL` the whole limit is reserved at once, up to `LARGE`, because doubling would hold half as much again while
    /// it copies. Memory that is reserved but not written to costs nothing.
    const SMALL: usize = 1024 * 1024;
    const LARGE: usize = 16 * Self::SMALL;

    pub(super) fn new(max: usize) -> Self {
        Self { bytes: Vec::new(), max }
    }

    pub(super) fn into_vec(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn announced(mut self, length: Option<u64>) -> Self {
        let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
        self.bytes.reserve_exact(length.min(self.max).min(Self::SMALL));
        self
    }

    /// Appends. If the chunk is more than fits, the part that fits is kept.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<(), BodyError> {
        let length = self.bytes.len() + chunk.len();
        if length > self.max {
            self.bytes.extend_from_slice(&chunk[..self.max - self.bytes.len()]);
            return Err(BodyError::TooLarge);
        }
        if length > self.bytes.capacity() && length > Self::SMALL {
            let capacity = length.saturating_mul(2).max(Self::LARGE).min(self.max);
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }
}
