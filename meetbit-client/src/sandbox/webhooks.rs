//! Webhooks as MeetBit sends them: signed, and repeated until the receiver accepts them.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Request, StatusCode, Uri};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::TcpStream;

use super::handle::Sandbox;
use crate::webhook::{Event, Signer};
use crate::{Error, ErrorKind};

/// The most times that MeetBit sends a webhook.
const TRIES: usize = 5;

impl Sandbox {
    /// Sends a webhook to a receiver on this machine, signed with the secret of its destination, when awaited.
    ///
    /// MeetBit documents the following: the webhook is a `POST` of `{"event": .., "data": ..}`. The receiver accepts it with
    /// any `2xx` within 10 seconds. Otherwise it is sent again with the same `X-Webhook-Id`, at most five times in all.
    ///
    /// MeetBit does not document the rest. The sandbox [pauses](Delivery::pause) between tries, signs each try anew with a
    /// timestamp in whole seconds, uses a random UUID as the id, treats a redirect as a failure, and reads only the head of
    /// the answer.
    ///
    /// The URL must be plain http to `localhost` or a loopback address, so that no test reaches the network. No proxy is
    /// used, and each try opens a new connection.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config), without sending, for any other URL and for a secret that a [`Signer`] refuses. A failing
    /// receiver is not an error; the [report](DeliveryReport) has its answers.
    ///
    /// # Examples
    ///
    /// ```
    /// use meetbit_client::sandbox::Sandbox;
    /// use meetbit_client::webhook::Event;
    /// # use tokio::{io::{AsyncReadExt as _, AsyncWriteExt as _}, net::TcpListener};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let url = format!("http://{}/webhooks", listener.local_addr()?);
    /// # tokio::spawn(async move {
    /// #     for status in ["500 Internal Server Error", "204 No Content"] {
    /// #         let (mut socket, _) = listener.accept().await?;
    /// #         let mut request = Vec::new();
    /// #         while !request.ends_with(b"}}") {
    /// #             request.push(socket.read_u8().await?);
    /// #         }
    /// #         socket.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).await?;
    /// #     }
    /// #     Ok::<_, std::io::Error>(())
    /// # });
    /// let sandbox = Sandbox::start().await?;
    /// let data = serde_json::json!({"id": 7, "calendar_id": 3});
    /// let event = Event::new("events.created", data);
    ///
    /// // The receiver under test answers 500 at first.
    /// let report = sandbox.deliver(&url, "hush", &event).await?;
    /// assert!(report.is_taken());
    /// assert_eq!(report.tries.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn deliver(&self, url: &str, secret: impl Into<String>, event: &Event) -> Delivery {
        Delivery {
            webhook: WebhookRequest::new(url, secret.into(), event).map(Arc::new),
            answer_within: Duration::from_secs(10),
            pause: Duration::from_secs(1),
        }
    }
}

/// A webhook to send; [`Sandbox::deliver`] creates it.
///
/// A clone is the same webhook with the same `X-Webhook-Id`. Await both to send the receiver a repeat.
#[derive(Clone)]
#[must_use = "a webhook is not sent until its delivery is awaited"]
pub struct Delivery {
    webhook: Result<Arc<WebhookRequest>, Error>,
    answer_within: Duration,
    pause: Duration,
}

impl Delivery {
    /// How long a try waits for the answer, connecting included; 10 seconds by default, as MeetBit documents.
    pub fn answer_within(self, limit: Duration) -> Self {
        Self { answer_within: limit, ..self }
    }

    /// The pause after a failed try; 1 second by default. MeetBit does not document its pause.
    pub fn pause(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    async fn send(self) -> Result<DeliveryReport, Error> {
        let webhook = self.webhook.clone()?;
        let mut report = DeliveryReport { id: webhook.id.clone(), tries: Vec::with_capacity(TRIES) };
        loop {
            report.tries.push(self.send_once(&webhook).await);
            if report.is_taken() || report.tries.len() == TRIES {
                return Ok(report);
            }
            tokio::time::sleep(self.pause).await;
        }
    }

    async fn send_once(&self, webhook: &WebhookRequest) -> Result<StatusCode, Error> {
        let answer = tokio::time::timeout(self.answer_within, webhook.send()).await;
        answer.unwrap_or_else(|_| Err(late(self.answer_within)))
    }
}

impl IntoFuture for Delivery {
    type Output = Result<DeliveryReport, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("id", &self.webhook.as_ref().map(|webhook| &webhook.id))
            .field("answer_within", &self.answer_within)
            .field("pause", &self.pause)
            .finish_non_exhaustive()
    }
}

/// The outcome of a delivery.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeliveryReport {
    /// The `X-Webhook-Id` of every try.
    pub id: String,
    /// The status of each try's answer, or the error: [`Timeout`](ErrorKind::Timeout), no connection
    /// ([`Connect`](ErrorKind::Connect)) or a broken one ([`Network`](ErrorKind::Network)).
    pub tries: Vec<Result<StatusCode, Error>>,
}

impl DeliveryReport {
    /// Whether the receiver accepted the webhook: it answered the last try with a `2xx` in time.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        matches!(self.tries.last(), Some(Ok(status)) if status.is_success())
    }
}

/// What all tries share.
struct WebhookRequest {
    url: Uri,
    signer: Signer,
    id: String,
    body: Bytes,
}

impl WebhookRequest {
    fn new(url: &str, secret: String, event: &Event) -> Result<Self, Error> {
        let url = destination(url)?;
        let signer = Signer::new(secret).map_err(|error| Error::config(error.to_string()))?;
        let body = serde_json::to_vec(event).map_err(|error| Error::invalid_request(error.to_string()))?;
        Ok(Self { url, signer, id: random_uuid(), body: body.into() })
    }

    /// Makes one try, over a new connection, and reads only the head of the answer.
    async fn send(&self) -> Result<StatusCode, Error> {
        let request = self.request()?;
        let address = (host(&self.url), self.url.port_u16().unwrap_or(80));
        let stream = TcpStream::connect(address).await.map_err(not_connected)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let mut answer = pin!(sender.send_request(request));
        let answer = tokio::select! {
            answer = &mut answer => answer,
            _ = connection => answer.await,
        };
        answer.map(|answer| answer.status()).map_err(broken)
    }

    /// A request signed now. The timestamp is in whole seconds, as in the vendor's samples.
    fn request(&self) -> Result<Request<reqwest::Body>, Error> {
        let now = Timestamp::now();
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let signed = self.signer.headers(&self.id, now, &self.body);
        let mut headers = signed.map_err(|error| Error::invalid_request(error.to_string()))?;
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let path = self.url.path_and_query().map_or("/", PathAndQuery::as_str);
        let port = self.url.port().map_or(String::new(), |port| format!(":{port}"));
        let request = Request::post(path).header(HOST, format!("{}{port}", self.url.host().unwrap_or_default()));
        let mut request =
            request.body(self.body.clone().into()).map_err(|error| Error::invalid_request(error.to_string()))?;
        request.headers_mut().extend(headers);
        Ok(request)
    }
}

fn destination(url: &str) -> Result<Uri, Error> {
    match url.parse::<Uri>() {
        Ok(url) if url.scheme() == Some(&Scheme::HTTP) && is_loopback(host(&url)) => Ok(url),
        _ => Err(Error::config(
            "the sandbox sends webhooks only to this machine; give a URL such as `http://127.0.0.1:3000/webhooks`",
        )),
    }
}

/// The host without the brackets of an IPv6 address.
fn host(url: &Uri) -> &str {
    url.host().unwrap_or_default().trim_matches(['[', ']'])
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// A UUID of version 4, as in the vendor's samples.
fn random_uuid() -> String {
    let random = || RandomState::new().hash_one(());
    let (high, low) = (random(), random());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0x0fff,
        0x8000 | (low >> 50),
        low & 0xffff_ffff_ffff,
    )
}

fn not_connected(error: io::Error) -> Error {
    let message = "no connection to the receiver could be made; check that it listens at this address";
    Error::new(ErrorKind::Connect, message).with(|e| e.source(Arc::new(error)))
}

fn broken(error: hyper::Error) -> Error {
    let message = "the connection ended before the receiver answered";
    Error::new(ErrorKind::Network, message).with(|e| e.source(Arc::new(error)))
}

fn late(limit: Duration) -> Error {
    let message = format!("the receiver did not answer within {limit:?}; answer first and work afterwards");
    Error::new(ErrorKind::Timeout, message)
}
