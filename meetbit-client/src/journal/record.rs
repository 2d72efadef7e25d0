//! What the journal knows of a key, and the decision what a call under that key does. Nothing here does I/O.

use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Outcome;
use crate::journal::store::Entry;
use crate::response::decode::Reply;
use crate::response::retry_after::RateLimitHeaders;

/// A record counts as under way for this long after the time limit of its call, because clocks differ and writes take time.
pub(crate) const MARGIN: Duration = Duration::from_secs(5);

/// All that is known of one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) request: Request,
    /// The body of the request, until the record is finished.
    pub(crate) body: Option<Body>,
    /// When the first request was about to be sent.
    pub(crate) since: Timestamp,
    pub(crate) state: State,
}

/// What identifies a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    /// The hash of endpoint, method, URL and body.
    pub(crate) fingerprint: String,
    /// The endpoint, for people.
    pub(crate) endpoint: String,
    /// True if the reply has no envelope.
    pub(crate) is_raw: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// A request may be on its way. After `until` nobody waits for its end any more.
    UnderWay { until: Timestamp },
    /// The server has answered with a success.
    Done(StoredReply),
    /// The server has refused the request, so it may be sent again.
    Rejected,
    /// The request did not reach the server, so it may be sent again.
    NotSent,
    /// The request may have been processed, or it was processed and its reply is lost.
    InDoubt { reason: String, is_done: bool },
}

/// A reply that is returned again. It has no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredReply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
}

/// Bytes in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Body {
    Text(String),
    Hexadecimal(String),
}

/// What a call under a key does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It is sent, and replaces the entry with this tag.
    Send { replaces: Option<i64>, since: Option<Timestamp> },
    /// It returns the stored reply.
    Replay(StoredReply),
    /// It fails, because nobody knows what happened.
    InDoubt { since: Timestamp, reason: String, outcome: Outcome },
    /// It waits for the end of another call.
    Wait,
    /// It fails, because the key belongs to another request.
    OtherRequest { endpoint: String },
}

/// Decides for a call with this fingerprint.
pub(crate) fn decide(known: Option<(i64, Record)>, fingerprint: &str, now: Timestamp) -> Decision {
    let Some((tag, record)) = known else { return Decision::Send { replaces: None, since: None } };
    if record.request.fingerprint != fingerprint {
        return Decision::OtherRequest { endpoint: record.request.endpoint };
    }
    if let Some(doubt) = record.doubt(now) {
        let outcome = if doubt.is_done { Outcome::Done } else { Outcome::Unknown };
        return Decision::InDoubt { since: record.since, reason: doubt.reason, outcome };
    }
    match record.state {
        State::Done(reply) => Decision::Replay(reply),
        State::Rejected | State::NotSent => Decision::Send { replaces: Some(tag), since: Some(record.since) },
        State::UnderWay { .. } | State::InDoubt { .. } => Decision::Wait,
    }
}

/// Why a record is in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Doubt {
    pub(crate) reason: String,
    pub(crate) is_done: bool,
}

impl Record {
    /// Why the record is in doubt, if it is.
    pub(crate) fn doubt(&self, now: Timestamp) -> Option<Doubt> {
        match &self.state {
            State::InDoubt { reason, is_done } => Some(Doubt { reason: reason.clone(), is_done: *is_done }),
            State::UnderWay { until } if now >= *until => {
                let reason = "the process that sent it has ended or lost the journal before it recorded the end";
                Some(Doubt { reason: reason.to_owned(), is_done: false })
            }
            _ => None,
        }
    }

    /// The record in another state. A finished record needs no request body.
    pub(crate) fn with_state(mut self, state: State) -> Self {
        if state.is_finished() {
            self.body = None;
        }
        self.state = state;
        self
    }

    pub(crate) fn entry(&self, tag: i64, now: Timestamp) -> Result<Entry, serde_json::Error> {
        let record = serde_json::to_vec(self)?;
        Ok(Entry { tag, finished: self.state.is_finished(), changed: now.as_millisecond(), record })
    }

    pub(crate) fn read(entry: &Entry) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(&entry.record)
    }
}

impl State {
    pub(crate) fn is_finished(&self) -> bool {
        !matches!(self, Self::UnderWay { .. } | Self::InDoubt { .. })
    }

    /// What is left of an end that could not be written.
    pub(crate) fn unwritten(self, failure: &impl Display) -> Self {
        let (what, is_done) = match self {
            Self::Done(_) => ("the reply arrived".to_owned(), true),
            Self::Rejected => ("the server rejected it".to_owned(), false),
            Self::NotSent | Self::UnderWay { .. } => ("it was not sent".to_owned(), false),
            Self::InDoubt { reason, is_done } => (reason, is_done),
        };
        Self::InDoubt { reason: format!("{what}, but the journal could not record that ({failure})"), is_done }
    }
}

impl StoredReply {
    /// The reply as it is kept: without headers that have a secret or a cookie.
    pub(crate) fn new(status: StatusCode, headers: &HeaderMap, body: Body) -> Self {
        let kept = headers.iter().filter(|(name, value)| !value.is_sensitive() && *name != http::header::SET_COOKIE);
        let headers = kept.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
        Self { status: status.as_u16(), headers: headers.collect(), body }
    }

    /// The reply of an operation of which only the value is known.
    pub(crate) fn of_data(data: &str, is_raw: bool) -> Self {
        let body = if is_raw { data.to_owned() } else { format!(r#"{{"data":{data}}}"#) };
        Self { status: StatusCode::OK.as_u16(), headers: Vec::new(), body: Body::Text(body) }
    }

    /// The reply as the server gave it. It says nothing about the rate limit, because that is long past.
    pub(crate) fn reply(self) -> Reply {
        let fields = self
            .headers
            .iter()
            .filter_map(|(name, value)| Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?)));
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, value);
        }
        Reply {
            status: StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK),
            headers,
            body: self.body.bytes(),
            rate_limit: RateLimitHeaders::default(),
            attempts: 0,
            secret: None,
            replayed: true,
        }
    }
}

impl Body {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Hexadecimal(base16ct::lower::encode_string(bytes)),
        }
    }

    pub(crate) fn bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into(),
            Self::Hexadecimal(text) => base16ct::lower::decode_vec(text).unwrap_or_default().into(),
        }
    }
}
