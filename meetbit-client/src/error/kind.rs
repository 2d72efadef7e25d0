/// The kind of failure that an [`Error`](crate::Error) reports.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The client's configuration is wrong. Nothing was sent, unless [rotating credentials](crate::Credentials::rotating) fail before
    /// a further attempt.
    Config,
    /// The request cannot be made: a body that does not serialize, a hostile path argument, an illegal header.
    InvalidRequest,
    /// The request is not valid: see [`Error::validation`](crate::Error::validation). The server reported it, or the client
    /// found it before sending.
    Validation,
    /// The access key is missing, wrong or suspended.
    Unauthenticated,
    /// The role of the access key lacks a permission.
    PermissionDenied,
    /// There is no such object, or the base URL is wrong.
    NotFound,
    /// The object's current state does not allow the change.
    Conflict,
    /// The rate limit or a `Retry-After` requires a wait that is longer than this call may take, the queue is full, or the store
    /// of a shared limit has failed. Wait for [`Error::retry_after`](crate::Error::retry_after), if it is known. If the time
    /// limit of the call ends first while it waits for its turn, the error is [`Timeout`](Self::Timeout) with the outcome
    /// `NotSent`.
    RateLimited,
    /// The server, or a proxy before it, failed.
    Server,
    /// A status that the API does not document, such as a redirect.
    UnexpectedStatus,
    /// The server answered `2xx` with a reply that cannot be read. [`Error::data_id`](crate::Error::data_id) and
    /// [`Error::data_field`](crate::Error::data_field) give the parts of it that can.
    Decode,
    /// The reply is larger than the client accepts.
    TooLarge,
    /// A time limit has passed. Check [`Error::outcome`](crate::Error::outcome): it is `NotSent` if no connection could be made in
    /// time or the rate limit left no time to send the request, and `Unknown` if the reply is missing.
    Timeout,
    /// No connection could be made.
    Connect,
    /// The connection broke.
    Network,
    /// An earlier call with the same key may have been processed, and nobody knows: see the feature `journal`. This call has sent
    /// nothing.
    InDoubt,
    /// The journal of a call cannot be read or written: see the feature `journal`. Check [`Error::outcome`](crate::Error::outcome):
    /// it is `NotSent` if this prevented the request, and `Done` if the reply arrived before; then
    /// [`Error::body`](crate::Error::body) has it.
    Journal,
}

impl ErrorKind {
    /// The outcome that such a failure usually has.
    pub(crate) fn usual_outcome(self) -> Outcome {
        match self {
            Self::Config | Self::InvalidRequest | Self::Validation | Self::Connect | Self::Journal => Outcome::NotSent,
            Self::Unauthenticated | Self::PermissionDenied | Self::NotFound | Self::Conflict | Self::RateLimited => {
                Outcome::Rejected
            }
            Self::Decode | Self::TooLarge => Outcome::Done,
            Self::Server | Self::UnexpectedStatus | Self::Timeout | Self::Network | Self::InDoubt => Outcome::Unknown,
        }
    }
}

/// Whether the server may have acted. Check it before you send the same request again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The server did nothing: the request did not reach it.
    NotSent,
    /// The server rejected the request with a `4xx`.
    Rejected,
    /// The server may have acted: a time-out, a broken connection, a `5xx`, a redirect.
    Unknown,
    /// The server answered `2xx`, but the reply cannot be used.
    Done,
}
