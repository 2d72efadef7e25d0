//! One connection: requests in, replies out.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::body::Body;
use super::fault::{Fault, Instead, Kind};
use super::faults;
use super::head::{Head, Refusal};
use super::reply::{self, Reply};
use super::server::{Exchange, Request, Server};

/// How long a client is listened to after the last reply.
const LINGER: Duration = Duration::from_secs(2);

/// Whether there may be another request on the connection.
type After = ControlFlow<()>;
const KEEP: After = ControlFlow::Continue(());
const CLOSE: After = ControlFlow::Break(());

#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    unread: BytesMut,
    server: Arc<Server>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, server: Arc<Server>) -> Self {
        Self { stream, unread: BytesMut::new(), server }
    }

    /// Serves until either side closes. Errors of the socket are the client's business.
    pub(super) async fn serve(mut self) {
        while let Ok(After::Continue(())) = self.exchange().await {}
    }

    async fn exchange(&mut self) -> io::Result<After> {
        let head = match self.read_head().await? {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(CLOSE),
            Err(refusal) => return self.refuse(None, refusal).await,
        };
        let mut exchange = self.server.arrive(&head);
        let fault = exchange.fault.take();
        if let Some(Fault { kind: Kind::StopReading, .. }) = fault {
            self.server.read(&exchange, self.unread.split().freeze(), false);
            faults::read_nothing(&self.stream).await?;
            return Ok(CLOSE);
        }
        match self.read_body(&head, &exchange).await? {
            Ok(Some(body)) => self.respond(Request { head, body }, &exchange, fault).await,
            Ok(None) => Ok(CLOSE),
            Err(refusal) => self.refuse(Some(&exchange), refusal).await,
        }
    }

    /// A head, or `None` where the client has gone.
    async fn read_head(&mut self) -> io::Result<Result<Option<Head>, Refusal>> {
        loop {
            match Head::take(&mut self.unread) {
                Ok(None) => {}
                head => return Ok(head),
            }
            if self.stream.read_buf(&mut self.unread).await? == 0 {
                return Ok(Ok(None));
            }
        }
    }

    /// The whole body, or `None` where the client went before its end.
    async fn read_body(&mut self, head: &Head, exchange: &Exchange) -> io::Result<Result<Option<Bytes>, Refusal>> {
        let (mut body, expects_continue) = match (head.framing(), head.expects_continue()) {
            (Ok(framing), Ok(expects_continue)) => (Body::new(framing), expects_continue),
            (Err(refusal), _) | (_, Err(refusal)) => return Ok(Err(refusal)),
        };
        let mut invite = expects_continue;
        let end = loop {
            match body.take(&mut self.unread) {
                Ok(false) => {}
                end => break end.map(|_| true),
            }
            if std::mem::take(&mut invite) && body.bytes.is_empty() {
                self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
            }
            if matches!(self.stream.read_buf(&mut self.unread).await, Ok(0) | Err(_)) {
                break Ok(false);
            }
        };
        let bytes = body.bytes.freeze();
        let complete = end == Ok(true);
        self.server.read(exchange, bytes.clone(), complete);
        Ok(end.map(|_| complete.then_some(bytes)))
    }

    /// Answers what is not HTTP as it should be, and closes: where the next request would start is not known.
    async fn refuse(&mut self, exchange: Option<&Exchange>, refusal: Refusal) -> io::Result<After> {
        let reply = self.server.refuse(exchange, refusal);
        let written = reply::write(reply, &http::Method::GET, false);
        self.stream.write_all(&written.head).await?;
        self.stream.write_all(&written.body).await?;
        self.close().await
    }

    async fn respond(&mut self, request: Request, exchange: &Exchange, fault: Option<Fault>) -> io::Result<After> {
        let Some(Fault { kind, after_acting }) = fault else {
            let reply = self.server.act(&request, exchange);
            return self.send(reply, &request, exchange).await;
        };
        match kind {
            Kind::StopReading => Ok(CLOSE),
            Kind::Delay(duration) if after_acting => {
                let reply = self.server.act(&request, exchange);
                sleep(duration).await;
                self.send(reply, &request, exchange).await
            }
            Kind::Delay(duration) => {
                sleep(duration).await;
                let reply = self.server.act(&request, exchange);
                self.send(reply, &request, exchange).await
            }
            Kind::Damage(damage) => {
                let reply = self.server.act(&request, exchange);
                self.server.replying(exchange, &reply);
                let written = reply::write(reply, &request.head.method, request.head.keep_alive());
                let whole = faults::send_damaged(&mut self.stream, &written, damage).await?;
                Ok(if whole && written.keep_alive { KEEP } else { CLOSE })
            }
            Kind::Instead(instead) => {
                if after_acting {
                    self.server.act(&request, exchange);
                }
                self.send_instead(instead, &request, exchange).await
            }
        }
    }

    async fn send(&mut self, reply: Reply, request: &Request, exchange: &Exchange) -> io::Result<After> {
        self.server.replying(exchange, &reply);
        let written = reply::write(reply, &request.head.method, request.head.keep_alive());
        let whole = [written.head.as_slice(), &written.body].concat(); // one write, so one packet
        self.stream.write_all(&whole).await?;
        if written.keep_alive { Ok(KEEP) } else { self.close().await }
    }

    /// Closing with bytes unread would reset the connection, and the reply could be lost with it: listen for a while.
    async fn close(&mut self) -> io::Result<After> {
        self.stream.shutdown().await?;
        let _ = timeout(LINGER, faults::wait_for_the_end(&mut self.stream)).await;
        Ok(CLOSE)
    }

    async fn send_instead(&mut self, instead: Instead, request: &Request, exchange: &Exchange) -> io::Result<After> {
        match instead {
            Instead::Reply(reply) => return self.send(reply, request, exchange).await,
            Instead::Silence => faults::wait_for_the_end(&mut self.stream).await?,
            Instead::Reset => self.stream.set_zero_linger()?,
            Instead::Close => self.stream.shutdown().await?,
            Instead::FloodInformational => faults::flood_informational(&mut self.stream).await?,
            Instead::FloodBody(total) => {
                let head = self.server.flood_head(exchange, total);
                faults::flood_body(&mut self.stream, &head, total).await?;
            }
            Instead::Raw(bytes) => {
                self.server.replying_raw(exchange, &bytes);
                faults::send_raw(&mut self.stream, &bytes).await?;
            }
        }
        Ok(CLOSE)
    }
}
