//! Reads a reply's body, decompressed, up to a limit.

use bytes::Bytes;
use http::{HeaderMap, header};
use tokio::time::{Instant, timeout_at};

use crate::transport::capped::{BodyError, Capped};
use crate::transport::gunzip::Gunzip;

/// Reads a complete body. A body that comes in one piece is passed on without a copy.
pub(crate) async fn read(response: &mut reqwest::Response, max: usize) -> Result<Bytes, BodyError> {
    let length = response.content_length();
    let Some(first) = response.chunk().await.map_err(BodyError::Broken)? else { return Ok(Bytes::new()) };
    let encoding = Encoding::of(response.headers())?;
    if encoding == Encoding::Identity && length == Some(first.len() as u64) {
        return if first.len() > max { Err(BodyError::TooLarge) } else { Ok(first) };
    }
    if is_transfer_coded(response.headers()) {
        return Err(BodyError::Encoding);
    }
    let sink = Sink::new(encoding, length, max);
    Box::pin(read_into(sink, first, response)).await
}

/// Boxed by its caller, so that the state of a call with a small reply stays small.
async fn read_into(mut sink: Sink, first: Bytes, response: &mut reqwest::Response) -> Result<Bytes, BodyError> {
    sink.write(&first).await?;
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Broken)? {
        sink.write(&chunk).await?;
    }
    sink.finish()
}

/// The longest text of an error that is read, after decompression. Far less of it is kept.
const TEXT: usize = 64 * 1024;

/// Reads the text of an error as far as it arrives until then, because a text that breaks off or is too long still helps.
pub(crate) async fn read_text(response: &mut reqwest::Response, until: Instant) -> Bytes {
    let Ok(encoding) = Encoding::of(response.headers()) else { return Bytes::new() };
    if is_transfer_coded(response.headers()) {
        return Bytes::new();
    }
    let mut sink = Sink::new(encoding, None, TEXT);
    while let Ok(Ok(Some(chunk))) = timeout_at(until, response.chunk()).await {
        if sink.write(&chunk).await.is_err() {
            break;
        }
    }
    sink.into_read()
}

/// True if the body has a transfer coding other than chunks, which are all that hyper removes.
fn is_transfer_coded(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::TRANSFER_ENCODING).iter();
    let mut codings = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    codings.any(|coding| !(coding.is_empty() || coding.eq_ignore_ascii_case(b"chunked") || is_identity(coding)))
}

fn is_identity(coding: &[u8]) -> bool {
    coding.eq_ignore_ascii_case(b"identity")
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
            (Some(name), None) if is_identity(name) => Ok(Self::Identity),
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

    /// The bytes that have been read, complete or not.
    fn into_read(self) -> Bytes {
        match self {
            Self::Identity(capped) => capped.into_vec().into(),
            Self::Gzip(gunzip) => gunzip.into_output().into_vec().into(),
        }
    }
}
