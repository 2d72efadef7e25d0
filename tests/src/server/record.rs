//! What a server saw.

use std::time::{Duration, Instant};

use bytes::Bytes;

/// Everything that happened at a server so far.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The accepted connections, in order.
    pub connections: Vec<Connection>,
    /// The requests whose head was read in full, in order, over all connections.
    pub requests: Vec<Request>,
    /// What the scripts did not expect: bytes, connections.
    pub violations: Vec<String>,
}

/// One accepted connection.
#[derive(Clone, Debug)]
pub struct Connection {
    /// When it was accepted.
    pub accepted: Instant,
    /// How the TLS handshake went; `None` without TLS or while it is under way.
    pub handshake: Option<Result<(), String>>,
    /// When the server noticed that the client had closed it; `None` if the script ended first.
    pub closed_by_client: Option<Instant>,
    /// When the server's FIN or reset had been handed to the system; `None` while the connection is open.
    pub closed_by_server: Option<Instant>,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Index of its connection in [`Record::connections`].
    pub connection: usize,
    /// Request line and headers as they came, with the empty line that ends them.
    pub head: String,
    /// When the last byte of the head was read.
    pub head_read: Instant,
    /// What the script has read of the body.
    pub body: Bytes,
    /// When the last byte of the body was read; for a request without a body, when its head was.
    pub body_read: Option<Instant>,
    /// Status of the final (not 1xx) reply whose head went out in full.
    pub answered: Option<u16>,
}

impl Record {
    /// How many TLS handshakes were completed.
    #[must_use]
    pub fn handshakes(&self) -> usize {
        self.connections.iter().filter(|connection| matches!(connection.handshake, Some(Ok(())))).count()
    }

    /// How many requests were read in full.
    #[must_use]
    pub fn read_in_full(&self) -> usize {
        self.requests.iter().filter(|request| request.body_read.is_some()).count()
    }

    /// The requests with this access key id alone.
    #[must_use]
    pub fn with_key(&self, id: &str) -> Self {
        let requests = self.requests.iter().filter(|request| request.header("x-access-key-id") == Some(id));
        Self { requests: requests.cloned().collect(), ..Self::default() }
    }

    /// The largest number of requests that arrived within any half-open window of this length.
    #[must_use]
    pub fn busiest(&self, window: Duration) -> usize {
        let mut arrivals: Vec<Instant> = self.requests.iter().map(|request| request.head_read).collect();
        arrivals.sort_unstable();
        let within = |first: Instant| move |at: &Instant| *at < first + window;
        (0..arrivals.len()).map(|i| arrivals[i..].partition_point(within(arrivals[i]))).max().unwrap_or(0)
    }
}

impl Request {
    /// The method, `POST`.
    #[must_use]
    pub fn method(&self) -> &str {
        self.head.split(' ').next().unwrap_or_default()
    }

    /// The target as it was written, `/api/public/v2.0/customers`.
    #[must_use]
    pub fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// The first header of this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}
