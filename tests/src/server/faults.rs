//! Random misfortune from a seed, the same for the same seed.

use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;

use crate::server::{
    replies,
    script::{Plan, Script},
};

/// What befalls one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// None: a customer is answered.
    None,
    /// The connection ends before the request is read.
    BeforeHead(Ending),
    /// It ends after this many bytes of the head.
    InHead(usize, Ending),
    /// It ends after this many bytes of the body.
    InBody(usize, Ending),
    /// It ends when the request is read in full, before a reply.
    BeforeReply(Ending),
    /// The request is read in full and never answered.
    Silence,
    /// The connection ends after this many bytes of the reply's head.
    InReplyHead(usize, Ending),
    /// It ends after this many bytes of the reply's body.
    InReplyBody(usize, Ending),
    /// `429`, with this many seconds in `Retry-After`.
    TooManyRequests(Option<u8>),
    /// `429` that closes the connection, after which the port refuses connections for this many milliseconds.
    TooManyRequestsThenRefused(u64),
    /// A customer is answered, the connection is closed, and the port refuses connections for this many milliseconds.
    Refused(u64),
    /// An error of the server or of a proxy.
    ServerError(u16),
    /// `Content-Length` promises this many bytes more than come.
    TooLongContentLength(usize),
    /// `Content-Length` promises this many bytes less than come.
    TooShortContentLength(usize),
    /// What is answered is not HTTP.
    Garbage,
    /// `Location` points to another path of the same server.
    Redirect(u16),
    /// This many `103` come before the customer.
    Informational(usize),
    /// A customer is answered and the connection is closed without notice.
    CloseAfterReply(Ending),
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// In order.
    Close,
    /// In order, but the server goes on reading, as one that was told to stop writing does.
    HalfClose,
    /// By a reset.
    Reset,
}

/// What any number of connections meet, according to the seed.
pub fn plan(seed: u64) -> Plan {
    Plan::each(move |connection| {
        of(seed, connection).into_iter().map(Fault::script).fold(Script::new(), Script::append)
    })
}

/// What the requests on one connection meet, in order; the last one ends the connection.
#[must_use]
pub fn of(seed: u64, connection: usize) -> Vec<Fault> {
    let mut rng = Rng::with_seed(seed);
    let mut rng = Rng::with_seed(rng.u64(..) ^ connection as u64);
    let mut faults: Vec<Fault> = (0..rng.usize(0..4)).map(|_| Fault::random(&mut rng)).collect();
    if let Some(last) = faults.iter().position(|fault| fault.ends_connection()) {
        faults.truncate(last + 1);
    } else {
        faults.push(Fault::CloseAfterReply(Ending::random(&mut rng)));
    }
    faults
}

impl Fault {
    fn random(rng: &mut Rng) -> Self {
        let ending = Ending::random(rng);
        match rng.u8(0..20) {
            0 => Self::BeforeHead(ending),
            1 => Self::InHead(rng.usize(1..60), ending),
            2 => Self::InBody(rng.usize(1..60), ending),
            3 => Self::BeforeReply(ending),
            4 => Self::Silence,
            5 => Self::InReplyHead(rng.usize(1..40), ending),
            6 => Self::InReplyBody(rng.usize(0..replies::CUSTOMER.len()), ending),
            7 | 8 => Self::TooManyRequests([None, Some(0), Some(1)][rng.usize(0..3)]),
            9 => Self::TooManyRequestsThenRefused(rng.u64(10..300)),
            10 => Self::Refused(rng.u64(10..300)),
            11 => Self::ServerError([500, 502, 503][rng.usize(0..3)]),
            12 => Self::TooLongContentLength(rng.usize(1..100)),
            13 => Self::TooShortContentLength(rng.usize(1..100)),
            14 => Self::Garbage,
            15 => Self::Redirect([301, 302, 303, 307, 308][rng.usize(0..5)]),
            16 => Self::Informational(rng.usize(1..5)),
            17 => Self::CloseAfterReply(ending),
            _ => Self::None,
        }
    }

    fn ends_connection(self) -> bool {
        !matches!(
            self,
            Self::None | Self::TooManyRequests(_) | Self::ServerError(_) | Self::Redirect(_) | Self::Informational(_)
        )
    }

    /// The steps that bring it about.
    pub fn script(self) -> Script {
        let script = Script::new();
        let answer = |reply: Bytes| Script::new().read_request().write(reply);
        match self {
            Self::None => answer(replies::customer()),
            Self::BeforeHead(ending) => ending.append_to(script),
            Self::InHead(count, Ending::HalfClose) => script.read_exact(count).half_close().stop_reading(),
            Self::InHead(count, ending) => ending.append_to(script.read_exact(count)),
            Self::InBody(count, ending) => ending.append_to(script.read_head().read_exact(count)),
            Self::BeforeReply(ending) => ending.append_to(script.read_request()),
            Self::Silence => script.read_request().silence(),
            Self::InReplyHead(count, ending) => ending.append_to(answer(replies::customer().slice(..count))),
            Self::InReplyBody(count, ending) => {
                let reply = replies::customer();
                let missing = replies::CUSTOMER.len() - count;
                ending.append_to(answer(reply.slice(..reply.len() - missing)))
            }
            Self::TooManyRequests(seconds) => {
                answer(replies::too_many_requests(seconds.map(|seconds| seconds.to_string()).as_deref()))
            }
            Self::TooManyRequestsThenRefused(time) => script
                .read_request()
                .refuse(Duration::from_millis(time))
                .write(closing(429, "Too many requests."))
                .close(),
            Self::Refused(time) => {
                script.read_request().refuse(Duration::from_millis(time)).write(closing(200, replies::CUSTOMER)).close()
            }
            Self::ServerError(status) => answer(replies::reply(status, &[], "An unexpected error occurred.")),
            Self::TooLongContentLength(more) => answer(misframed(replies::CUSTOMER.len() + more)).close(),
            Self::TooShortContentLength(less) => answer(misframed(replies::CUSTOMER.len() - less)).close(),
            Self::Garbage => answer(Bytes::from_static(b"\x00\xffthis is not HTTP\r\n\r\n")).close(),
            Self::Redirect(status) => answer(replies::reply(status, &[("location", "/elsewhere")], "")),
            Self::Informational(count) => {
                let informational = replies::head(103, &[("link", "</style.css>")]).repeat(count);
                answer([informational.as_bytes(), &replies::customer()].concat().into())
            }
            Self::CloseAfterReply(ending) => ending.append_to(answer(replies::customer())),
        }
    }
}

impl Ending {
    fn random(rng: &mut Rng) -> Self {
        [Self::Close, Self::HalfClose, Self::Reset][rng.usize(0..3)]
    }

    fn append_to(self, script: Script) -> Script {
        match self {
            Self::Close => script.close(),
            Self::HalfClose => script.half_close().read_body().read_request(),
            Self::Reset => script.reset(),
        }
    }
}

fn closing(status: u16, body: &str) -> Bytes {
    replies::reply(status, &[("connection", "close")], body)
}

fn misframed(length: usize) -> Bytes {
    let head = replies::head(200, &[("content-type", "application/json"), ("content-length", &length.to_string())]);
    [head.as_bytes(), replies::CUSTOMER.as_bytes()].concat().into()
}
