//! Reads a reply's body, decompressed, up to a limit.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http::{HeaderMap, header};
use tokio::time::{Instant, timeout_at};

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
    sink.write(&first)?;
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Broken)? {
        sink.write(&chunk)?;
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
        if sink.write(&chunk).is_err() {
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
    Gzip(Box<MultiGzDecoder<Capped>>),
}

impl Sink {
    fn new(encoding: Encoding, length: Option<u64>, max: usize) -> Self {
        let capped = Capped { bytes: Vec::new(), max, overflown: false };
        match encoding {
            Encoding::Identity => Self::Identity(capped.announced(length)),
            Encoding::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(capped))),
        }
    }

    fn write(&mut self, chunk: &[u8]) -> Result<(), BodyError> {
        match self {
            Self::Identity(capped) => capped.write_all(chunk).map_err(|_| BodyError::TooLarge),
            Self::Gzip(decoder) => decoder.write_all(chunk).map_err(|error| gzip_error(decoder.get_ref(), error)),
        }
    }

    fn finish(self) -> Result<Bytes, BodyError> {
        match self {
            Self::Identity(capped) => Ok(capped.bytes.into()),
            Self::Gzip(mut decoder) => {
                decoder.try_finish().map_err(|error| gzip_error(decoder.get_ref(), error))?;
                Ok(std::mem::take(&mut decoder.get_mut().bytes).into())
            }
        }
    }

    /// What has been read, whether it is whole or not.
    fn into_read(self) -> Bytes {
        match self {
            Self::Identity(capped) => capped.bytes.into(),
            Self::Gzip(mut decoder) => {
                let _broken = decoder.try_finish();
                std::mem::take(&mut decoder.get_mut().bytes).into()
            }
        }
    }
}

fn gzip_error(capped: &Capped, error: io::Error) -> BodyError {
    if capped.overflown { BodyError::TooLarge } else { BodyError::Corrupt(error) }
}

/// Takes at most `max` bytes.
struct Capped {
    bytes: Vec<u8>,
    max: usize,
    overflown: bool,
}

impl Capped {
    /// Beyond this the whole limit is reserved at once, up to another: doubling would hold half as much again while it
    /// copies. Memory that is reserved but not written to costs nothing.
    const SMALL: usize = 1024 * 1024;
    const LARGE: usize = 16 * Self::SMALL;

    fn announced(mut self, length: Option<u64>) -> Self {
        let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
        self.bytes.reserve_exact(length.min(self.max).min(Self::SMALL));
        self
    }
}

impl Write for Capped {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        let length = self.bytes.len() + chunk.len();
        if length > self.max {
            self.overflown = true;
            self.bytes.extend_from_slice(&chunk[..self.max - self.bytes.len()]);
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if length > self.bytes.capacity() && length > Self::SMALL {
            let capacity = length.saturating_mul(2).max(Self::LARGE).min(self.max);
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(chunk);
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
