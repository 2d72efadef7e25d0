//! The request log: every request that was received.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

/// So many requests are kept, so that a sandbox can run for long.
const KEPT: usize = 100_000;

/// One request that the sandbox received: its head in full, its body as far as it was read.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Received {
    /// The method.
    pub method: Method,
    /// The path as it was sent, the base URL's own part included, without the query.
    pub path: String,
    /// The query as it was sent, without the question mark.
    pub query: Option<String>,
    /// The headers; those of the key are marked sensitive, so `Debug` does not show them.
    pub headers: HeaderMap,
    /// The body as far as it was read, without transfer coding.
    pub body: Bytes,
    /// Whether the body was read in full.
    pub complete: bool,
    /// When the head had been read.
    pub at: Instant,
    /// The status of the reply, even if a [`Fault`](crate::sandbox::Fault) cut it short; `None` while or where there is none.
    pub status: Option<StatusCode>,
}

/// Stands for one entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry(usize);

#[derive(Debug, Default)]
pub(super) struct RequestLog {
    received: VecDeque<Received>,
    dropped: usize,
}

impl RequestLog {
    pub(super) fn all(&self) -> Vec<Received> {
        self.received.iter().cloned().collect()
    }

    pub(super) fn add(&mut self, received: Received) -> Entry {
        if self.received.len() == KEPT {
            self.received.pop_front();
            self.dropped += 1;
        }
        self.received.push_back(received);
        Entry(self.dropped + self.received.len() - 1)
    }

    pub(super) fn body(&mut self, entry: Entry, body: Bytes, complete: bool) {
        if let Some(received) = self.get(entry) {
            (received.body, received.complete) = (body, complete);
        }
    }

    pub(super) fn status(&mut self, entry: Entry, status: StatusCode) {
        if let Some(received) = self.get(entry) {
            received.status = Some(status);
        }
    }

    fn get(&mut self, Entry(number): Entry) -> Option<&mut Received> {
        self.received.get_mut(number.checked_sub(self.dropped)?)
    }
}
