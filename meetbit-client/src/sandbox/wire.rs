//! The stream under hyper. It counts the bytes of each reply, so that it can cut or drip them.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::fault::{Damage, Part};

#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    progress: Progress,
    pause: Option<Pin<Box<Sleep>>>,
}

/// The stage of the current exchange. The service sets it, and the stream reads it.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress(Arc<Mutex<Stage>>);

#[derive(Debug, Default)]
enum Stage {
    /// No request is being served. If hyper writes now, it refuses a malformed request on its own; that reply is discarded.
    #[default]
    Idle,
    /// A request is being served. hyper can write `100 Continue` now.
    Serving,
    /// hyper has the reply.
    Replying(Option<Damage>),
    /// hyper is writing a damaged reply.
    Writing(Pace),
}

/// Lets `free` bytes through at once. `then` applies to the bytes after them.
#[derive(Debug, Clone, Copy)]
struct Pace {
    free: usize,
    then: Then,
}

#[derive(Debug, Clone, Copy)]
enum Then {
    Cut,
    Drip { bytes: usize, interval: Duration },
}

impl Progress {
    pub(super) fn serving(&self) {
        *self.stage() = Stage::Serving;
    }

    pub(super) fn replying(&self, damage: Option<Damage>) {
        *self.stage() = Stage::Replying(damage);
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace {
    /// `start` is the first buffer of a reply. It holds the whole head, because hyper writes head and body from one buffer.
    fn new(damage: Damage, start: &[u8]) -> Self {
        let head = start.windows(4).position(|bytes| bytes == b"\r\n\r\n").map_or(start.len(), |end| end + 4);
        let (free, then) = match damage {
            Damage::CutHead(after) => (after.min(head), Then::Cut),
            Damage::CutBody(after) => (after.saturating_add(head), Then::Cut),
            Damage::Drip { part: Part::Whole, bytes, interval } => (0, Then::Drip { bytes, interval }),
            Damage::Drip { part: Part::Body, bytes, interval } => (head, Then::Drip { bytes, interval }),
        };
        Self { free, then }
    }

    /// The number of bytes that may go out now, and the pause after them; `None` if the reply is cut here.
    fn next(self) -> Option<(usize, Option<Duration>)> {
        match (self.free, self.then) {
            (0, Then::Cut) => None,
            (0, Then::Drip { bytes, interval }) => Some((bytes.max(1), Some(interval))),
            (free, _) => Some((free, None)),
        }
    }
}

impl Wire {
    pub(super) fn new(stream: TcpStream, progress: Progress) -> Self {
        Self { stream, progress, pause: None }
    }

    pub(super) fn into_stream(self) -> TcpStream {
        self.stream
    }

    fn poll_paced(&mut self, cx: &mut Context<'_>, bytes: &[u8], pace: &mut Pace) -> Poll<io::Result<usize>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let Some((most, pause)) = pace.next() else { return Poll::Ready(Err(cut())) };
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[..most.min(bytes.len())]))?;
        pace.free = pace.free.saturating_sub(written);
        self.pause = pause.map(|pause| Box::pin(sleep(pause)));
        Poll::Ready(Ok(written))
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let progress = self.progress.clone();
        let mut stage = progress.stage();
        if let Stage::Replying(Some(damage)) = *stage {
            *stage = Stage::Writing(Pace::new(damage, bytes));
        }
        match &mut *stage {
            Stage::Writing(pace) => self.poll_paced(cx, bytes, pace),
            Stage::Serving | Stage::Replying(_) => Pin::new(&mut self.stream).poll_write(cx, bytes),
            Stage::Idle => Poll::Ready(Ok(bytes.len())),
        }
    }

    /// hyper flushes after it has written a whole reply, and reads the next request only after that.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = self.progress.clone();
        let mut stage = progress.stage();
        match *stage {
            Stage::Writing(Pace { then: Then::Cut, .. }) => return Poll::Ready(Err(cut())),
            Stage::Writing(_) | Stage::Replying(_) => *stage = Stage::Idle,
            Stage::Idle | Stage::Serving => {}
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Ends hyper's connection. The stream is still usable and is closed in order.
fn cut() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}
