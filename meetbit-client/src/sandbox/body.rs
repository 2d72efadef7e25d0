//! The body of a request, taken off the bytes that were read.

use bytes::{Buf as _, BytesMut};

use super::head::{Framing, MAX_BODY, Refusal, too_large};

/// The line with a chunk's size and the trailers after the last chunk may have so many bytes each.
const MAX_LINE: usize = 4 * 1024;
const MALFORMED_SIZE: Refusal = Refusal::bad_request("A chunk's size is malformed.");

/// A body that is being read.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) bytes: BytesMut,
    next: Next,
}

/// What is expected next.
#[derive(Debug)]
enum Next {
    /// So many bytes, then the end.
    Plain(usize),
    ChunkSize,
    Chunk(usize),
    ChunkEnd,
    Trailers,
    Nothing,
}

impl Body {
    pub(super) fn new(framing: Framing) -> Self {
        let next = match framing {
            Framing::Length(length) => Next::Plain(length),
            Framing::Chunked => Next::ChunkSize,
        };
        Self { bytes: BytesMut::new(), next }
    }

    /// Takes as much as is there; says whether that was the end.
    pub(super) fn take(&mut self, unread: &mut BytesMut) -> Result<bool, Refusal> {
        while let Some(next) = self.step(unread)? {
            self.next = next;
        }
        Ok(matches!(self.next, Next::Nothing))
    }

    /// What comes next, or `None` where more must be read first or the end is reached.
    fn step(&mut self, unread: &mut BytesMut) -> Result<Option<Next>, Refusal> {
        match self.next {
            Next::Plain(left) => Ok(self.copy(left, unread, Next::Plain, Next::Nothing)),
            Next::Chunk(left) => Ok(self.copy(left, unread, Next::Chunk, Next::ChunkEnd)),
            Next::ChunkSize => self.chunk_size(unread),
            Next::ChunkEnd => line_end(unread),
            Next::Trailers => trailers(unread),
            Next::Nothing => Ok(None),
        }
    }

    fn copy(&mut self, left: usize, unread: &mut BytesMut, more: fn(usize) -> Next, end: Next) -> Option<Next> {
        let there = left.min(unread.len());
        self.bytes.extend_from_slice(&unread.split_to(there));
        match left - there {
            0 => Some(end),
            left => {
                self.next = more(left);
                None
            }
        }
    }

    fn chunk_size(&self, unread: &mut BytesMut) -> Result<Option<Next>, Refusal> {
        if unread.first().is_some_and(|digit| !digit.is_ascii_hexdigit()) {
            return Err(MALFORMED_SIZE); // httparse takes no digits at all for zero
        }
        match httparse::parse_chunk_size(unread) {
            Ok(httparse::Status::Complete((line, size))) => {
                unread.advance(line);
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                match size {
                    0 => Ok(Some(Next::Trailers)),
                    _ if size > MAX_BODY - self.bytes.len() => Err(too_large()),
                    _ => Ok(Some(Next::Chunk(size))),
                }
            }
            Ok(httparse::Status::Partial) if unread.len() < MAX_LINE => Ok(None),
            _ => Err(MALFORMED_SIZE),
        }
    }
}

fn line_end(unread: &mut BytesMut) -> Result<Option<Next>, Refusal> {
    match unread.get(..2) {
        Some(b"\r\n") => {
            unread.advance(2);
            Ok(Some(Next::ChunkSize))
        }
        None => Ok(None),
        Some(_) => Err(Refusal::bad_request("A chunk does not end where it should.")),
    }
}

/// Trailers are passed over: lines up to an empty one.
fn trailers(unread: &mut BytesMut) -> Result<Option<Next>, Refusal> {
    let end = if unread.starts_with(b"\r\n") {
        Some(2)
    } else {
        unread.windows(4).position(|bytes| bytes == b"\r\n\r\n").map(|start| start + 4)
    };
    match end {
        Some(end) => {
            unread.advance(end);
            Ok(Some(Next::Nothing))
        }
        None if unread.len() < MAX_LINE => Ok(None),
        None => Err(Refusal::bad_request("The trailers are too long.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the text in pieces of a size; the body, whether it ended, and what is left over.
    fn feed(framing: Framing, text: &str, piece: usize) -> Result<(String, bool, String), Refusal> {
        let (mut body, mut unread, mut done) = (Body::new(framing), BytesMut::new(), false);
        for piece in text.as_bytes().chunks(piece) {
            unread.extend_from_slice(piece);
            done = body.take(&mut unread)?;
        }
        let text = |bytes: &BytesMut| String::from_utf8_lossy(bytes).into_owned();
        Ok((text(&body.bytes), done, text(&unread)))
    }

    #[test]
    fn a_plain_body_ends_at_its_length() {
        for piece in 1..9 {
            assert_eq!(feed(Framing::Length(3), "abcGET /", piece), Ok(("abc".into(), true, "GET /".into())));
        }
        assert_eq!(feed(Framing::Length(5), "abc", 2), Ok(("abc".into(), false, String::new())));
    }

    #[test]
    fn chunks_are_joined_however_they_arrive() {
        let text = "3\r\nabc\r\n0A;name=value\r\ndefghijklm\r\n0\r\nTrailer: x\r\n\r\nGET /";
        for piece in 1..text.len() {
            assert_eq!(feed(Framing::Chunked, text, piece), Ok(("abcdefghijklm".into(), true, "GET /".into())));
        }
    }

    #[test]
    fn malformed_chunks_are_refused() {
        for text in ["x\r\n", "3\r\nabcd\r\n", "-1\r\n", "fffffffffffffffff\r\n", "\r\n"] {
            assert!(feed(Framing::Chunked, text, 1).is_err(), "{text}");
        }
        assert_eq!(feed(Framing::Chunked, "100001\r\n", 1), Err(too_large()));
        assert!(feed(Framing::Chunked, &format!("1;{}", "x".repeat(MAX_LINE)), 64).is_err());
        assert!(feed(Framing::Chunked, &format!("0\r\nA: {}", "x".repeat(MAX_LINE)), 64).is_err());
    }
}
