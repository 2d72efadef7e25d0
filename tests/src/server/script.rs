//! What a server does on each of its connections.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;

use crate::server::record::Request;

/// What a server does with one connection, step by step.
///
/// After the last step the server stays [silent](Script::silence). A client that closes the connection ends its script;
/// that is never a violation.
#[must_use]
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    ReadHead,
    ReadBody,
    ReadExact(usize),
    Write(Bytes),
    Drip { bytes: Bytes, chunk: usize, every: Duration },
    Flood { bytes: Bytes, every: Duration },
    Wait(Duration),
    Respond(Handler),
    Silence,
    StopReading,
    HalfClose,
    Close,
    Cut,
    Reset,
    Refuse(Duration),
}

impl Script {
    /// Accepts the connection; without a further step it stays silent and expects silence.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a request's head and its body of `Content-Length` bytes.
    pub fn read_request(self) -> Self {
        self.read_head().read_body()
    }

    /// Reads up to and with the empty line that ends a head.
    pub fn read_head(self) -> Self {
        self.then(Step::ReadHead)
    }

    /// Reads what is left of the body.
    pub fn read_body(self) -> Self {
        self.then(Step::ReadBody)
    }

    /// Reads this many bytes: after `read_head` of the body, at most what is left of it; before it of whatever comes.
    pub fn read_exact(self, count: usize) -> Self {
        self.then(Step::ReadExact(count))
    }

    /// Writes these bytes as they are.
    pub fn write(self, bytes: impl Into<Bytes>) -> Self {
        self.then(Step::Write(bytes.into()))
    }

    /// Writes these bytes in chunks of this size, with a pause between them.
    pub fn drip(self, bytes: impl Into<Bytes>, chunk: usize, every: Duration) -> Self {
        let bytes = bytes.into();
        self.then(Step::Drip { bytes, chunk, every })
    }

    /// Writes these bytes over and over, with a pause between, until the client closes.
    pub fn flood(self, bytes: impl Into<Bytes>, every: Duration) -> Self {
        let bytes = bytes.into();
        self.then(Step::Flood { bytes, every })
    }

    /// Does nothing for a while. What comes in the meantime is kept for the next reading step.
    pub fn wait(self, time: Duration) -> Self {
        self.then(Step::Wait(time))
    }

    /// Answers every request with what the function returns, as soon as it is read, until the client closes.
    pub fn respond(self, reply: impl Fn(&Request) -> Bytes + Send + Sync + 'static) -> Self {
        self.then(Step::Respond(Handler(Arc::new(reply))))
    }

    /// Holds the connection until the client closes it; a byte from the client is a violation.
    pub fn silence(self) -> Self {
        self.then(Step::Silence)
    }

    /// Holds the connection and reads nothing until the server ends: the client's writes fill the buffers and stall.
    pub fn stop_reading(self) -> Self {
        self.then(Step::StopReading)
    }

    /// Ends the server's side only, in order (`close_notify`, FIN); it can still read.
    pub fn half_close(self) -> Self {
        self.then(Step::HalfClose)
    }

    /// Ends the connection in order (`close_notify`, FIN).
    ///
    /// If the request was not read in full the system sends a reset too, which can overtake a reply, as with real servers.
    pub fn close(self) -> Self {
        self.then(Step::Close)
    }

    /// Ends the connection (FIN) without TLS's `close_notify`.
    pub fn cut(self) -> Self {
        self.then(Step::Cut)
    }

    /// Ends the connection with a reset (RST); what the client has not yet received is lost.
    pub fn reset(self) -> Self {
        self.then(Step::Reset)
    }

    /// Makes the port refuse new connections for a while, starting before the next step.
    pub fn refuse(self, time: Duration) -> Self {
        self.then(Step::Refuse(time))
    }

    /// Goes on with the steps of another script.
    pub fn append(mut self, other: Self) -> Self {
        self.steps.extend(other.steps);
        self
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

/// Which script each connection gets.
#[must_use]
pub struct Plan(Box<dyn FnMut(usize) -> Option<Script> + Send>);

impl Plan {
    /// The first connection gets the first script, and so on; one connection more is a violation.
    pub fn scripts(scripts: impl IntoIterator<Item = Script>) -> Self {
        let mut scripts = scripts.into_iter().collect::<Vec<_>>().into_iter();
        Self(Box::new(move |_| scripts.next()))
    }

    /// Any number of connections; each gets what the function returns for its index.
    pub fn each(mut script: impl FnMut(usize) -> Script + Send + 'static) -> Self {
        Self(Box::new(move |connection| Some(script(connection))))
    }

    /// Any number of connections, kept alive; every request is answered with what the function returns.
    pub fn respond(reply: impl Fn(&Request) -> Bytes + Send + Sync + 'static) -> Self {
        let script = Script::new().respond(reply);
        Self::each(move |_| script.clone())
    }

    pub(crate) fn script(&mut self, connection: usize) -> Option<Script> {
        (self.0)(connection)
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").finish_non_exhaustive()
    }
}

#[derive(Clone)]
pub(crate) struct Handler(Arc<dyn Fn(&Request) -> Bytes + Send + Sync>);

impl Handler {
    pub(crate) fn reply(&self, request: &Request) -> Bytes {
        (self.0)(request)
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler").finish_non_exhaustive()
    }
}
