//! A client that is nothing but a socket.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use meetbit_client::sandbox::{Sandbox, SandboxBuilder};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Nothing here takes this long unless it hangs.
const TOO_LONG: Duration = Duration::from_secs(20);

pub(crate) struct Socket {
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Socket {
    pub(crate) async fn connect(sandbox: &Sandbox) -> Self {
        let address = sandbox.base_url().strip_prefix("http://").unwrap().split('/').next().unwrap();
        Self { stream: TcpStream::connect(address).await.unwrap(), unread: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// The next reply with a body as long as it says.
    pub(crate) async fn answer(&mut self) -> Answer {
        let mut answer = self.head().await;
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        answer.body = String::from_utf8(self.take(length).await).unwrap();
        answer
    }

    /// The next reply's head alone.
    pub(crate) async fn head(&mut self) -> Answer {
        let end = loop {
            match self.unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => assert!(self.read().await.unwrap() > 0, "closed within a head: {:?}", self.unread),
            }
        };
        let text = String::from_utf8(self.take(end).await).unwrap();
        let (first, lines) = text.trim_end().split_once("\r\n").unwrap_or((text.trim_end(), ""));
        let headers = lines.lines().map(|line| line.split_once(": ").unwrap());
        Answer {
            status: first.strip_prefix("HTTP/1.").unwrap()[2..5].parse().unwrap(),
            headers: headers
                .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap()))
                .collect(),
            body: String::new(),
        }
    }

    /// Everything up to the end of the stream, and how it ended.
    pub(crate) async fn rest(&mut self) -> (String, std::io::Result<()>) {
        let end = loop {
            match self.read().await {
                Ok(0) => break Ok(()),
                Ok(_) => {}
                Err(error) => break Err(error),
            }
        };
        (String::from_utf8_lossy(&std::mem::take(&mut self.unread)).into_owned(), end)
    }

    async fn take(&mut self, length: usize) -> Vec<u8> {
        while self.unread.len() < length {
            assert!(self.read().await.unwrap() > 0, "closed within a body: {:?}", self.unread);
        }
        self.unread.drain(..length).collect()
    }

    async fn read(&mut self) -> std::io::Result<usize> {
        timeout(TOO_LONG, self.stream.read_buf(&mut self.unread)).await.unwrap()
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        serde_json::from_str(&self.body).unwrap()
    }

    /// The data of a success.
    pub(crate) fn data(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["data"].clone()
    }

    /// The errors of a failed validation.
    pub(crate) fn errors(&self) -> Value {
        assert_eq!(self.status, 400, "{self:?}");
        self.json()["errors"].clone()
    }

    /// Status and text of any other failure.
    pub(crate) fn text(&self) -> (u16, &str) {
        assert_eq!(self.header("content-type"), Some("text/plain"), "{self:?}");
        (self.status, &self.body)
    }
}

/// A sandbox without rate limits.
pub(crate) async fn unlimited() -> Sandbox {
    start(Sandbox::builder().unlimited()).await
}

pub(crate) async fn start(builder: SandboxBuilder) -> Sandbox {
    builder.start().await.unwrap()
}

/// The headers that say who is asking.
pub(crate) fn keys(sandbox: &Sandbox) -> String {
    let (id, secret) = (sandbox.access_key_id(), sandbox.access_key_secret());
    format!("Host: sandbox\r\nX-Access-Key-Id: {id}\r\nX-Access-Key-Secret: {secret}\r\n")
}

/// A request with the first key and a JSON body, if any.
pub(crate) fn request(sandbox: &Sandbox, method: &str, path: &str, body: Option<&Value>) -> String {
    let keys = keys(sandbox);
    let body = body.map(Value::to_string).unwrap_or_default();
    let length = body.len();
    format!(
        "{method} /api/public/v2.0{path} HTTP/1.1\r\n{keys}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// Sends one request over a connection of its own.
pub(crate) async fn call(sandbox: &Sandbox, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let mut socket = Socket::connect(sandbox).await;
    socket.send(request(sandbox, method, path, body)).await;
    socket.answer().await
}

pub(crate) async fn get(sandbox: &Sandbox, path: &str) -> Answer {
    call(sandbox, "GET", path, None).await
}

pub(crate) async fn post(sandbox: &Sandbox, path: &str, body: &Value) -> Answer {
    call(sandbox, "POST", path, Some(body)).await
}

pub(crate) async fn patch(sandbox: &Sandbox, path: &str, body: &Value) -> Answer {
    call(sandbox, "PATCH", path, Some(body)).await
}
