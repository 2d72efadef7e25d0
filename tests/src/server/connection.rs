//! Plays a script on one connection and records what comes in.
//!
//! It reads requests by itself, without hyper, because scripts stop between any two bytes of a request, note when its
//! head and its body were complete, keep the head as it came, and write bytes that no HTTP library writes: half a head,
//! a wrong length, a second reply, no HTTP at all. Framing takes 60 of its lines. A server of hyper's would be needed
//! beside it, not in its place.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{mpsc, oneshot, watch},
    task, time,
};
use tokio_rustls::server::TlsStream;

use crate::server::{
    record::{Record, Request},
    script::{Handler, Script, Step},
};

const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// A time for which the port refuses connections, and whom to tell that it has begun.
pub(crate) type Refusal = (Duration, oneshot::Sender<()>);

pub(crate) struct Connection {
    stream: Stream,
    index: usize,
    record: Arc<watch::Sender<Record>>,
    refusals: mpsc::UnboundedSender<Refusal>,
    unread: BytesMut,
    last_read: Instant,
    exchange: Option<Exchange>,
}

pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The request that is being read or answered.
struct Exchange {
    request: usize,
    body_missing: usize,
    reply_head: Option<Vec<u8>>,
}

/// Why a script went no further.
enum End {
    ByClient,
    ByServer,
}

impl Connection {
    pub(crate) fn new(
        stream: Stream,
        index: usize,
        record: Arc<watch::Sender<Record>>,
        refusals: mpsc::UnboundedSender<Refusal>,
    ) -> Self {
        let unread = BytesMut::new();
        Self { stream, index, record, refusals, unread, last_read: Instant::now(), exchange: None }
    }

    pub(crate) async fn play(mut self, script: Script) {
        let end = self.steps(script).await;
        drop(self.stream);
        let now = Instant::now();
        self.record.send_modify(|record| {
            let connection = &mut record.connections[self.index];
            match end {
                End::ByClient => connection.closed_by_client = Some(now),
                End::ByServer => connection.closed_by_server = Some(now),
            }
        });
    }

    async fn steps(&mut self, script: Script) -> End {
        for step in script.steps {
            if let Err(end) = self.step(step).await {
                return end;
            }
        }
        self.silence().await
    }

    async fn step(&mut self, step: Step) -> Result<(), End> {
        match step {
            Step::ReadHead => self.read_head().await,
            Step::ReadBody => self.read_body().await,
            Step::ReadExact(count) => self.read_exact(count).await,
            Step::Write(bytes) => self.write(&bytes).await,
            Step::Drip { bytes, chunk, every } => self.drip(&bytes, chunk, every).await,
            Step::Flood { bytes, every } => self.flood(&bytes, every).await,
            Step::Wait(time) => self.wait(time).await,
            Step::Respond(handler) => self.respond(&handler).await,
            Step::Silence => Err(self.silence().await),
            Step::StopReading => std::future::pending().await,
            Step::HalfClose => self.stream.shutdown().await.map_err(|_| End::ByClient),
            Step::Close => self.stream.shutdown().await.map_err(|_| End::ByClient).and(Err(End::ByServer)),
            Step::Cut => Err(End::ByServer),
            Step::Reset => self.stream.tcp().set_zero_linger().map_err(|_| End::ByClient).and(Err(End::ByServer)),
            Step::Refuse(time) => self.refuse(time).await,
        }
    }

    async fn read_head(&mut self) -> Result<(), End> {
        let length = loop {
            match find(&self.unread, END_OF_HEAD) {
                Some(at) => break at + END_OF_HEAD.len(),
                None => self.fill().await?,
            }
        };
        let head = String::from_utf8_lossy(&self.unread.split_to(length)).into_owned();
        let mut request = Request {
            connection: self.index,
            head,
            head_read: self.last_read,
            body: Bytes::new(),
            body_read: None,
            answered: None,
        };
        let body_missing = match (request.header("content-length"), request.header("transfer-encoding")) {
            (None, None) => 0,
            (Some(length), None) if length.parse::<usize>().is_ok() => length.parse().unwrap_or_default(),
            framing => return Err(self.violate(&format!("a request framed by {framing:?}"))),
        };
        request.body_read = (body_missing == 0).then_some(self.last_read);
        self.record.send_modify(|record| {
            self.exchange =
                Some(Exchange { request: record.requests.len(), body_missing, reply_head: Some(Vec::new()) });
            record.requests.push(request);
        });
        Ok(())
    }

    async fn read_body(&mut self) -> Result<(), End> {
        let missing = self.exchange.as_ref().map_or(0, |exchange| exchange.body_missing);
        self.read_exact(missing).await
    }

    async fn read_exact(&mut self, count: usize) -> Result<(), End> {
        let count = self.exchange.as_ref().map_or(count, |exchange| count.min(exchange.body_missing));
        while self.unread.len() < count {
            self.fill().await?;
        }
        let bytes = self.unread.split_to(count);
        let Some(exchange) = self.exchange.as_mut().filter(|_| count > 0) else {
            return Ok(());
        };
        exchange.body_missing -= count;
        self.record.send_modify(|record| {
            let request = &mut record.requests[exchange.request];
            request.body = [&request.body, &bytes[..]].concat().into();
            request.body_read = (exchange.body_missing == 0).then_some(self.last_read);
        });
        Ok(())
    }

    async fn respond(&mut self, handler: &Handler) -> Result<(), End> {
        loop {
            self.read_head().await?;
            self.read_body().await?;
            let Some(exchange) = &self.exchange else { continue };
            let request = self.record.borrow().requests[exchange.request].clone();
            self.write(&handler.reply(&request)).await?;
        }
    }

    async fn drip(&mut self, bytes: &[u8], chunk: usize, every: Duration) -> Result<(), End> {
        for (i, bytes) in bytes.chunks(chunk).enumerate() {
            if i > 0 {
                self.wait(every).await?;
            }
            self.write(bytes).await?;
        }
        Ok(())
    }

    async fn flood(&mut self, bytes: &[u8], every: Duration) -> Result<(), End> {
        loop {
            self.write(bytes).await?;
            self.wait(every).await?;
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), End> {
        self.stream.write(bytes).await.map_err(|_| End::ByClient)?;
        self.note_status(bytes);
        Ok(())
    }

    /// Remembers the status once the head of a final reply is out.
    fn note_status(&mut self, written: &[u8]) {
        let Some(exchange) = &mut self.exchange else { return };
        let Some(head) = &mut exchange.reply_head else { return };
        head.extend_from_slice(written);
        while let Some(at) = find(head, END_OF_HEAD) {
            let status = head.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
            head.drain(..at + END_OF_HEAD.len());
            if status.is_none_or(|status: u16| status >= 200) {
                exchange.reply_head = None;
                return self.record.send_modify(|record| record.requests[exchange.request].answered = status);
            }
        }
    }

    /// Passes time, noticing that the client closes.
    async fn wait(&mut self, time: Duration) -> Result<(), End> {
        if time.is_zero() {
            task::yield_now().await; // the timer would take a millisecond
            return Ok(());
        }
        let wait = time::sleep(time);
        tokio::pin!(wait);
        loop {
            tokio::select! {
                () = &mut wait => return Ok(()),
                filled = self.fill() => filled?,
            }
        }
    }

    async fn silence(&mut self) -> End {
        if self.unread.is_empty()
            && let Err(end) = self.fill().await
        {
            return end;
        }
        let bytes = String::from_utf8_lossy(&self.unread).into_owned();
        self.violate(&format!("bytes: {}", bytes.chars().take(100).collect::<String>().escape_debug()))
    }

    async fn refuse(&mut self, time: Duration) -> Result<(), End> {
        let (begun, has_begun) = oneshot::channel();
        self.refusals.send((time, begun)).map_err(|_| End::ByServer)?;
        has_begun.await.map_err(|_| End::ByServer)
    }

    async fn fill(&mut self) -> Result<(), End> {
        let read = self.stream.read(&mut self.unread).await;
        self.last_read = Instant::now();
        if matches!(read, Ok(1..)) { Ok(()) } else { Err(End::ByClient) }
    }

    fn violate(&self, what: &str) -> End {
        let violation = format!("connection {} did not expect {what}", self.index);
        self.record.send_modify(|record| record.violations.push(violation));
        End::ByServer
    }
}

impl Stream {
    async fn read(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read_buf(into).await,
            Self::Tls(stream) => stream.read_buf(into).await,
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.shutdown().await,
            Self::Tls(stream) => stream.shutdown().await,
        }
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

fn find(text: &[u8], sought: &[u8]) -> Option<usize> {
    text.windows(sought.len()).position(|window| window == sought)
}
