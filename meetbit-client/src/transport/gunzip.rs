//! Decompresses gzip, in steps short enough for other tasks to run between them.

use std::io;

use flate2::{Decompress, FlushDecompress, Status};
use tokio::task::yield_now;

use crate::transport::capped::{BodyError, Capped};

/// The most that is read or written in one step, and about as much work as is done without a pause.
const SLICE: usize = 16 * 1024;

/// The work of starting a member, in bytes that could be decompressed meanwhile.
const MEMBER: usize = 1024;

/// Window bits of zlib: the largest window that gzip has.
const WINDOW_BITS: u8 = 15;

/// A sequence of gzip members, as RFC 1952 allows, and zero bytes after the last, which tools pad with.
pub(super) struct Gunzip {
    decoder: Decompress,
    part: Part,
    /// The output of one step.
    step: Vec<u8>,
    output: Capped,
    /// How many compressed bytes may still come.
    input_left: usize,
    /// The work since the last pause.
    work: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Inside a member, or before the first.
    Member,
    /// Right after a member.
    Ended,
    Padding,
}

impl Gunzip {
    pub(super) fn new(output: Capped) -> Self {
        Self {
            decoder: Decompress::new_gzip(WINDOW_BITS),
            part: Part::Member,
            step: Vec::with_capacity(SLICE),
            input_left: input_limit(output.max),
            output,
            work: 0,
        }
    }

    pub(super) async fn write(&mut self, mut input: &[u8]) -> Result<(), BodyError> {
        self.input_left = self.input_left.checked_sub(input.len()).ok_or(BodyError::TooLarge)?;
        let mut is_pending = false;
        while !input.is_empty() || is_pending {
            if self.work >= SLICE {
                self.work = 0;
                yield_now().await;
            }
            let read = match self.part {
                Part::Member => self.member(&input[..input.len().min(SLICE)])?,
                Part::Ended => self.next_part(input[0]),
                Part::Padding => padding(input)?,
            };
            is_pending = self.part == Part::Member && self.step.len() == self.step.capacity();
            input = &input[read..];
        }
        Ok(())
    }

    /// Decompresses a part of a member and returns how much of the input it is.
    fn member(&mut self, input: &[u8]) -> Result<usize, BodyError> {
        let before = self.decoder.total_in();
        self.step.clear();
        let status = self.decoder.decompress_vec(input, &mut self.step, FlushDecompress::None);
        let status = status.map_err(|error| BodyError::Corrupt(error.into()))?;
        let read = usize::try_from(self.decoder.total_in() - before).unwrap_or(input.len());
        self.output.push(&self.step)?;
        self.work += read + self.step.len();
        if status == Status::StreamEnd {
            self.part = Part::Ended;
        } else if read == 0 && self.step.is_empty() && !input.is_empty() {
            return Err(BodyError::Corrupt(io::ErrorKind::InvalidData.into()));
        }
        Ok(read)
    }

    fn next_part(&mut self, first: u8) -> usize {
        if first == 0 {
            self.part = Part::Padding;
        } else {
            self.decoder = Decompress::new_gzip(WINDOW_BITS);
            self.part = Part::Member;
            self.work += MEMBER;
        }
        self.step.clear();
        0
    }

    /// # Errors
    /// The last member is not complete.
    pub(super) fn finish(self) -> Result<Capped, BodyError> {
        match self.part {
            Part::Member => Err(BodyError::Corrupt(io::ErrorKind::UnexpectedEof.into())),
            Part::Ended | Part::Padding => Ok(self.output),
        }
    }

    /// What has been decompressed, complete or not.
    pub(super) fn into_output(self) -> Capped {
        self.output
    }
}

/// Data that does not compress takes a little more space as gzip; members without content take space for nothing.
fn input_limit(max_output: usize) -> usize {
    max_output.saturating_mul(2).saturating_add(64 * 1024)
}

fn padding(input: &[u8]) -> Result<usize, BodyError> {
    if input.iter().all(|byte| *byte == 0) {
        Ok(input.len())
    } else {
        Err(BodyError::Corrupt(io::ErrorKind::InvalidData.into()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]
mod tests {
    use std::future::Future;
    use std::io::Write;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// How many times other tasks can run while this is decompressed in one piece, and what comes out.
    fn pauses(input: &[u8], max: usize) -> (usize, Result<Vec<u8>, BodyError>) {
        let mut gunzip = Gunzip::new(Capped::new(max));
        let mut pauses = 0;
        let written = {
            let mut writing = pin!(gunzip.write(input));
            loop {
                match writing.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    std::task::Poll::Ready(result) => break result,
                    std::task::Poll::Pending => pauses += 1,
                }
            }
        };
        (pauses, written.and_then(|()| gunzip.finish()).map(Capped::into_vec))
    }

    #[test]
    fn promise_11_decompressing_pauses_whatever_comes_out() {
        let members = 100_000;
        let (nothing, output) = pauses(&gzip(b"").repeat(members), 1 << 30);
        assert!(output.unwrap().is_empty());
        assert!(nothing >= members / 17, "{nothing}");
        let blanks = vec![b' '; 4 << 20];
        let (much, output) = pauses(&gzip(&blanks), 1 << 30);
        assert_eq!(output.unwrap(), blanks);
        assert!(much >= blanks.len() / (2 * SLICE), "{much}");
    }

    #[test]
    fn promise_11_a_small_reply_is_decompressed_without_a_pause() {
        let text = b"{\"message\":\"Found.\",\"data\":[1,2,3]}".repeat(100);
        let (pauses, output) = pauses(&gzip(&text), 8 << 20);
        assert_eq!((pauses, output.unwrap()), (0, text));
    }

    #[test]
    fn promise_13_output_of_exactly_the_limit_is_read_and_input_is_limited() {
        let text = vec![b'x'; 100_000];
        assert_eq!(pauses(&gzip(&text), text.len()).1.unwrap(), text);
        assert!(matches!(pauses(&gzip(&text), text.len() - 1).1, Err(BodyError::TooLarge)));
        let members = gzip(b"").repeat(10_000);
        assert!(pauses(&members, 100_000).1.unwrap().is_empty());
        assert!(matches!(pauses(&members, 60_000).1, Err(BodyError::TooLarge)));
    }

    #[test]
    fn promise_13_the_pieces_of_a_reply_do_not_matter() {
        let text = vec![b'x'; 40_000];
        let whole = [gzip(&text), gzip(b""), gzip(b"end"), vec![0; 9]].concat();
        for size in [1, 2, 7, 19, 1000] {
            let mut gunzip = Gunzip::new(Capped::new(1 << 20));
            for piece in whole.chunks(size) {
                let mut writing = pin!(gunzip.write(piece));
                while writing.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {}
            }
            let output = gunzip.finish().unwrap_or_else(|error| panic!("{size}: {error:?}")).into_vec();
            assert_eq!((output.len(), output.ends_with(b"xend")), (text.len() + 3, true), "{size}");
        }
    }
}
