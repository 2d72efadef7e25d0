//! Notices when a request leaves, and holds it back if the way has been closed since it was given leave.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::transport::observer::Watch;

/// The body of a request that is watched.
///
/// hyper asks a body whether it is empty right before it writes the head, when the connection is there: this is the
/// moment at which a request leaves. Head and body are flushed only after the body has given its first frame, so that an
/// error in its place closes the connection with nothing sent.
pub(crate) struct Departing {
    body: Bytes,
    watch: Arc<Watch>,
    /// Whether it has been asked if it may leave.
    asked: AtomicBool,
}

impl Departing {
    pub(crate) fn new(body: Bytes, watch: Arc<Watch>) -> Self {
        Self { body, watch, asked: AtomicBool::new(false) }
    }

    fn leaves(&self) -> bool {
        if !self.asked.swap(true, Ordering::Relaxed) {
            return self.watch.depart();
        }
        !self.watch.is_held_back()
    }
}

impl Body for Departing {
    type Data = Bytes;
    type Error = HeldBack;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HeldBack>>> {
        if !self.leaves() {
            return Poll::Ready(Some(Err(HeldBack)));
        }
        let body = std::mem::take(&mut self.body);
        Poll::Ready((!body.is_empty()).then(|| Ok(Frame::data(body))))
    }

    fn is_end_stream(&self) -> bool {
        self.leaves() && self.body.is_empty()
    }

    /// What must not leave is given a body, so that it can fail.
    fn size_hint(&self) -> SizeHint {
        let held_back = self.asked.load(Ordering::Relaxed) && self.watch.is_held_back();
        SizeHint::with_exact((self.body.len() as u64).max(held_back.into()))
    }
}

/// The server has asked to wait since this request was given leave.
#[derive(Debug)]
pub(crate) struct HeldBack;

impl fmt::Display for HeldBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("held back, since the server has asked to wait")
    }
}

impl StdError for HeldBack {}
