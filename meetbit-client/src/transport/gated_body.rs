//! A request body that lets its request depart only with a valid permit.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Method;
use http_body::{Body, Frame, SizeHint};

use crate::rate_limit::permit::Permit;
use crate::request::framing;

/// The body of a request. It asks its permit at the moment at which the request leaves.
///
/// hyper asks a body whether it is empty right before it writes the head, when the connection exists: this is the moment
/// of departure. It flushes head and body only after the body has given its first frame, so an error instead of that frame
/// closes the connection with nothing sent. No simpler hook exists, and without it a request whose connection took long
/// would leave after a `429` that arrived meanwhile.
pub(crate) struct GatedBody {
    body: Bytes,
    permit: Arc<Permit>,
    /// True if the request says that its body has no bytes.
    says_zero: bool,
}

impl GatedBody {
    /// hyper writes `Content-Length: 0` itself, for a body that is not at its end and has zero bytes. The header cannot be
    /// set before, because hyper would then send the request without asking the body for its first frame.
    pub(crate) fn new(body: Bytes, permit: Arc<Permit>, method: &Method) -> Self {
        Self { says_zero: body.is_empty() && framing::implies_body(method), body, permit }
    }
}

impl Body for GatedBody {
    type Data = Bytes;
    type Error = GateClosed;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, GateClosed>>> {
        if !self.permit.depart() {
            return Poll::Ready(Some(Err(GateClosed)));
        }
        let body = std::mem::take(&mut self.body);
        Poll::Ready((!body.is_empty()).then(|| Ok(Frame::data(body))))
    }

    fn is_end_stream(&self) -> bool {
        self.permit.depart() && self.body.is_empty() && !self.says_zero
    }

    /// A request that must not depart claims to have a body, so that the body can fail.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact((self.body.len() as u64).max(self.permit.is_revoked().into()))
    }
}

/// The permit has ended, or the gate has closed, since the permit was granted.
#[derive(Debug)]
pub(crate) struct GateClosed;

impl fmt::Display for GateClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request was not sent, because its permit has ended or the server has asked to wait")
    }
}

impl StdError for GateClosed {}
