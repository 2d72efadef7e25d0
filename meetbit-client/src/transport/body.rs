//! Reads a reply's body, decompressed, up to a limit.

use std::io;

use bytes::Bytes;
use http::{HeaderMap, header};
use tokio::time::{Instant, timeout_at};

use crate::transport::gunzip::Gunzip;

/// Why a body could not be read whole.
#[derive(Debug)]
pub(crate) enum BodyError {
    TooLarge,
    /// An encoding that was not asked for.
    Encoding,
    /// It ended or broke before its end.
    Broken(reqwest::Error),
    /// It is no gzip, or ends too early.
    Corrupt(io::Error),
}

/// Reads it whole. Where it comes in one piece, that piece is passed on.
pub(crate) async fn read(response: &mut reqwest::Response, max: usize) -> Result<Bytes, BodyError> {
    let length = response.content_length();
    let Some(first) = response.chunk().await.map_err(BodyError::Broken)? else { return Ok(Bytes::new()) };
    let encoding = Encoding::of(response.headers())?;
    if encoding == Encoding::Identity && length == Some(first.len() as u64) {
        return if first.len() > max { Err(BodyError::TooLarge) } else { Ok(first) };
    }
    let mut sink = Sink::new(encoding, length, max);
    sink.write(&first).await?;
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Broken)? {
        sink.write(&chunk).await?;
    }
    sink.finish()
}

/// The most of an error's text that is read, decompressed; far less of it is kept.
const TEXT: usize = 64 * 1024;

/// Reads the text of an error as far as it can be had by then: what breaks off or is too long still says something.
pub(crate) async fn read_text(response: &mut reqwest::Response, until: Instant) -> Bytes {
    let Ok(encoding) = Encoding::of(response.headers()) else { return Bytes::new() };
    let mut sink = Sink::new(encoding, None, TEXT);
    while let Ok(Ok(Some(chunk))) = timeout_at(until, response.chunk()).await {
        if sink.write(&chunk).await.is_err() {
            break;
        }
    }
    sink.into_read()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Result<Self, BodyError> {
        let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
        match (values.next().map(http::HeaderValue::as_bytes), values.next()) {
            (None, _) => Ok(Self::Identity),
            (Some(name), None) if name.eq_ignore_ascii_case(b"identity") => Ok(Self::Identity),
            (Some(name), None) if name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip") => {
                Ok(Self::Gzip)
            }
            _ => Err(BodyError::Encoding),
        }
    }
}

enum Sink {
    Identity(Capped),
    Gzip(Box<Gunzip>),
}

impl Sink {
    fn new(encoding: Encoding, length: Option<u64>, max: usize) -> Self {
        let capped = Capped::new(max);
        match encoding {
            Encoding::Identity => Self::Identity(capped.announced(length)),
            Encoding::Gzip => Self::Gzip(Box::new(Gunzip::new(capped))),
        }
    }

    async fn write(&mut self, chunk: &[u8]) -> Result<(), BodyError> {
        match self {
            Self::Identity(capped) => capped.push(chunk),
            Self::Gzip(gunzip) => gunzip.write(chunk).await,
        }
    }

    fn finish(self) -> Result<Bytes, BodyError> {
        match self {
            Self::Identity(capped) => Ok(capped.into_vec().into()),
            Self::Gzip(gunzip) => gunzip.finish().map(|capped| capped.into_vec().into()),
        }
    }

    /// What has been read, complete or not.
    fn into_read(self) -> Bytes {
        match self {
            Self::Identity(capped) => capped.into_vec().into(),
            Self::Gzip(gunzip) => gunzip.into_output().into_vec().into(),
        }
    }
}

/// Takes at most `max` bytes.
pub(super) struct Capped {
    bytes: Vec<u8>,
    pub(super) max: usize,
}

impl Capped {
    /// Beyond this the whole limit is reserved at once, up to another: doubling would hold half as much again while it
    /// copies. Memory that is reserved but not written to costs nothing.
    const SMALL: usize = 1024 * 1024;
    const LARGE: usize = 16 * Self::SMALL;

    pub(super) fn new(max: usize) -> Self {
        Self { bytes: Vec::new(), max }
    }

    pub(super) fn into_vec(self) -> Vec<u8> {
        self.bytes
    }

    fn announced(mut self, length: Option<u64>) -> Self {
        let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
        self.bytes.reserve_exact(length.min(self.max).min(Self::SMALL));
        self
    }

    /// # Errors
    /// It is more than fits. What fits is kept.
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
