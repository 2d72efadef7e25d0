//! One connection, served by hyper. For a fault that hyper cannot produce, the sandbox takes the stream back.

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::fault::{Damage, Fault, Instead, Kind};
use super::faults::{self, Takeover};
use super::reply::{self, Reply};
use super::request::{self, Refusal, Request};
use super::server::{Exchange, Server, lock};
use super::wire::{Progress, Wire};

/// The longest head, in bytes and in headers.
const MAX_HEAD: usize = 64 * 1024;
const MAX_HEADERS: usize = 128;
/// A `429` leaves this much later, and binds its key from then on. Requests that are on the wire at the same time arrive before.
const LATE_429: Duration = Duration::from_millis(20);
/// How long the server reads on after the last reply.
const LINGER: Duration = Duration::from_secs(2);

/// Serves until either side closes. Socket errors are ignored, because only the client can react to them.
pub(super) async fn serve(stream: TcpStream, server: Arc<Server>) {
    let service = Arc::new(Service { server, progress: Progress::default(), takeover: Mutex::default() });
    let wire = TokioIo::new(Wire::new(stream, service.progress.clone()));
    let serve = service_fn(|request: hyper::Request<Incoming>| {
        service.progress.serving();
        let service = Arc::clone(&service);
        Box::pin(async move { service.exchange(request).await })
    });
    // With `half_close`, a request takes effect even if the client goes away before the reply.
    let mut connection = http1::Builder::new()
        .half_close(true)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD)
        .max_buf_size(MAX_HEAD)
        .serve_connection(wire, serve);
    let end = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    let parts = connection.into_parts();
    let _ = service.finish(parts.io.into_inner().into_stream(), end, parts.read_buf).await;
}

/// The state that the requests of one connection share.
struct Service {
    server: Arc<Server>,
    progress: Progress,
    takeover: Mutex<Option<(Exchange, Takeover)>>,
}

/// The error that makes hyper give up the connection.
const GIVEN_UP: &str = "a fault takes the connection over";

/// The reaction to a request: a reply for hyper to write, or a fault that hyper cannot produce.
type Action = Result<(Reply, Option<Damage>), Takeover>;

impl Service {
    async fn exchange(&self, request: hyper::Request<Incoming>) -> Result<Response<reqwest::Body>, &'static str> {
        let (mut head, body) = request.into_parts();
        request::mark_sensitive(&mut head);
        let mut exchange = self.server.arrive(&head);
        match self.react(head, body, &mut exchange).await {
            Ok((reply, damage)) => {
                late_if_429(&reply).await;
                self.server.replying(&exchange, &reply);
                self.progress.replying(damage);
                Ok(reply.map(reqwest::Body::from)) // any `Body` of whole bytes will do; this one is in the tree
            }
            Err(takeover) => {
                *lock(&self.takeover) = Some((exchange, takeover));
                Err(GIVEN_UP)
            }
        }
    }

    async fn react(&self, head: Parts, body: Incoming, exchange: &mut Exchange) -> Action {
        let fault = exchange.fault.take();
        if let Some(Fault { kind: Kind::StopReading, .. }) = fault {
            return Err(Takeover::StopReading);
        }
        match self.read(&head, body, exchange).await {
            Ok(Some(body)) => self.respond(&Request { head, body }, exchange, fault).await,
            Ok(None) => Err(Takeover::Close),
            Err(refusal) => Ok((self.server.refuse(Some(exchange), refusal), None)),
        }
    }

    /// The whole body, or `None` if the client went away before its end.
    async fn read(&self, head: &Parts, body: Incoming, exchange: &Exchange) -> Result<Option<Bytes>, Refusal> {
        request::check(head)?;
        let mut bytes = BytesMut::new();
        let end = request::read_body(body, &mut bytes).await;
        let bytes = bytes.freeze();
        self.server.read(exchange, bytes.clone(), end == Ok(true));
        end.map(|complete| complete.then_some(bytes))
    }

    async fn respond(&self, request: &Request, exchange: &Exchange, fault: Option<Fault>) -> Action {
        let act = || self.server.act(request, exchange);
        let Some(Fault { kind, after_acting }) = fault else {
            return Ok((act(), None));
        };
        match kind {
            Kind::StopReading => Err(Takeover::StopReading),
            Kind::Delay(duration) if after_acting => {
                let reply = act();
                sleep(duration).await;
                Ok((reply, None))
            }
            Kind::Delay(duration) => {
                sleep(duration).await;
                Ok((act(), None))
            }
            Kind::Damage(damage) => Ok((act(), Some(damage))),
            Kind::Instead(instead) => {
                if after_acting {
                    act();
                }
                self.instead(instead, request, exchange).await
            }
        }
    }

    async fn instead(&self, instead: Instead, request: &Request, exchange: &Exchange) -> Action {
        Err(match instead {
            Instead::Reply(reply) if reply::is_for_hyper(&reply) => return Ok((reply, None)),
            Instead::Reply(reply) => {
                late_if_429(&reply).await;
                self.server.replying(exchange, &reply);
                Takeover::Bytes(reply::render(&reply, request.head.method != Method::HEAD).into())
            }
            Instead::Raw(bytes) => {
                self.server.replying_raw(exchange, &bytes);
                Takeover::Bytes(bytes)
            }
            Instead::FloodBody(total) => Takeover::FloodBody { head: self.server.flood_head(exchange, total), total },
            Instead::FloodInformational => Takeover::FloodInformational,
            Instead::Silence => Takeover::Silence,
            Instead::Reset => Takeover::Reset,
            Instead::Close => Takeover::Close,
        })
    }

    /// Performs the fault that hyper could not produce, then closes the connection.
    async fn finish(&self, mut stream: TcpStream, end: hyper::Result<()>, unread: Bytes) -> io::Result<()> {
        let takeover = lock(&self.takeover).take();
        match (takeover, end) {
            (Some((exchange, Takeover::StopReading)), _) => {
                self.server.read(&exchange, unread, false);
                return faults::read_nothing(&stream).await;
            }
            (Some((_, Takeover::Reset)), _) => return stream.set_zero_linger(),
            (Some((_, takeover)), _) => takeover.perform(&mut stream).await?,
            (None, Err(error)) if error.is_parse() => {
                let reply = self.server.refuse(None, refusal(&error));
                stream.write_all(&reply::render(&reply, true)).await?;
            }
            (None, _) => {}
        }
        // Closing a socket with unread bytes resets the connection, which can destroy the reply.
        stream.shutdown().await?;
        let _ = timeout(LINGER, faults::wait_for_the_end(&mut stream)).await;
        Ok(())
    }
}

/// Replaces hyper's own reply to a malformed request, which lacks the headers that every reply of MeetBit has.
fn refusal(error: &hyper::Error) -> Refusal {
    if error.is_parse_too_large() { request::HEAD_TOO_LARGE } else { Refusal::bad_request("The request is malformed.") }
}

async fn late_if_429(reply: &Reply) {
    if reply.status() == StatusCode::TOO_MANY_REQUESTS {
        sleep(LATE_429).await;
    }
}
