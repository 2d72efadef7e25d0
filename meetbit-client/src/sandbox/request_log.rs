//! The request log.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use crate::Endpoint;

/// Bounds of the log, so that a sandbox can run for long.
const MOST: usize = 100_000;
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// One request that the sandbox received: its whole head, and its body as far as it was read.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Received {
    /// The method.
    pub method: Method,
    /// The path as it was sent, the base URL's own part included, without the query.
    pub path: String,
    /// The query as it was sent, without the question mark.
    pub query: Option<String>,
    /// The endpoint that was called: one of the SDK's, or one given to [`Sandbox::serve`](crate::sandbox::Sandbox::serve).
    pub endpoint: Option<&'static Endpoint>,
    /// The headers; those of the key are marked sensitive, so `Debug` does not show them.
    pub headers: HeaderMap,
    /// The body as far as it was read, without transfer coding.
    pub body: Bytes,
    /// Whether the body was read in full.
    pub complete: bool,
    /// The time at which the head was complete.
    pub at: Instant,
    /// The status of the reply, even if a [`Fault`](crate::sandbox::Fault) cut it short; `None` if there is none (yet).
    pub status: Option<StatusCode>,
}

/// The number of an entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry(usize);

#[derive(Debug, Default)]
pub(super) struct RequestLog {
    received: VecDeque<Received>,
    bytes: usize,
    dropped: usize,
}

impl RequestLog {
    pub(super) fn all(&self) -> Vec<Received> {
        self.received.iter().cloned().collect()
    }

    pub(super) fn add(&mut self, received: Received) -> Entry {
        self.bytes += received.size();
        self.received.push_back(received);
        let entry = Entry(self.dropped + self.received.len() - 1);
        self.drop_oldest();
        entry
    }

    pub(super) fn body(&mut self, entry: Entry, body: Bytes, complete: bool) {
        let length = body.len();
        if let Some(received) = self.get(entry) {
            (received.body, received.complete) = (body, complete);
            self.bytes += length;
            self.drop_oldest();
        }
    }

    pub(super) fn status(&mut self, entry: Entry, status: StatusCode) {
        if let Some(received) = self.get(entry) {
            received.status = Some(status);
        }
    }

    fn drop_oldest(&mut self) {
        while self.received.len() > MOST || self.bytes > MOST_BYTES {
            let Some(oldest) = self.received.pop_front() else { return };
            self.bytes -= oldest.size();
            self.dropped += 1;
        }
    }

    fn get(&mut self, Entry(number): Entry) -> Option<&mut Received> {
        self.received.get_mut(number.checked_sub(self.dropped)?)
    }
}

impl Received {
    fn size(&self) -> usize {
        let headers = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
        self.path.len() + self.query.as_ref().map_or(0, String::len) + headers.sum::<usize>() + self.body.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(path: &str) -> Received {
        Received {
            method: Method::POST,
            path: path.into(),
            query: None,
            endpoint: None,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            complete: false,
            at: Instant::now(),
            status: None,
        }
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let mut log = RequestLog::default();
        let first = log.add(received("first"));
        for _ in 0..MOST {
            log.add(received(""));
        }
        assert_eq!(log.all().len(), MOST);
        log.body(first, Bytes::from_static(b"late"), true);
        log.status(first, StatusCode::OK);
        assert!(log.all().iter().all(|received| received.path.is_empty() && received.status.is_none()));
    }

    #[test]
    fn the_oldest_go_when_they_are_too_large() {
        let mut log = RequestLog::default();
        for number in 0..200 {
            let entry = log.add(received(&number.to_string()));
            log.body(entry, vec![0; 1024 * 1024].into(), true);
            log.status(entry, StatusCode::OK);
        }
        let kept: Vec<_> = log.all().into_iter().map(|received| received.path).collect();
        assert_eq!(kept, (169..200).map(|number| number.to_string()).collect::<Vec<_>>());
        for _ in 0..100 {
            let mut large = received("");
            large.path = "x".repeat(1024 * 1024);
            log.add(large);
        }
        assert!(log.all().iter().all(|received| received.path.len() == 1024 * 1024));
        assert_eq!(log.bytes, log.all().iter().map(Received::size).sum::<usize>());
    }
}
