use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use crate::client::prepared::Prepared;
use crate::client::retry::RetryPolicy;
use crate::client::task::CallTask;
use crate::endpoint::Endpoint;
use crate::error::redact::Redactor;
use crate::error::{Error, Outcome};
use crate::permission::Permission;
use crate::request::headers;
use crate::response::decode::{Decode, Reply};
use crate::response::envelope::Decoded;
use crate::response::retry_after::RateLimitHeaders;

/// A finished request, which is not sent before it is awaited: a value to inspect, to spawn, to collect or to hand to a queue.
///
/// `call.await` sends it and returns the value; [`send`](Self::send) returns status, message and headers as well. If the
/// request cannot be sent (a body that does not serialize, a hostile path argument), the call keeps the error and returns
/// it when it is sent; then nothing goes on the wire.
///
/// The first poll of the call's future starts a task on the current tokio runtime, so the call makes progress even if the
/// future is not polled again. The runtime needs I/O and time: `enable_all`, or `#[tokio::main]`. Dropping the future aborts
/// the task. A create that was under way may still have happened.
///
/// # To run calls at once
/// A call is a future, so `tokio::spawn`, `JoinSet` and `join_all` take it as it is:
/// ```no_run
/// # async fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
/// use meetbit_client::{Customers, NewCustomer};
/// use tokio::task::JoinSet;
///
/// let mut calls = JoinSet::new();
/// for name in ["Ada", "Grace", "Mary"] {
///     let customer = NewCustomer::new().first_name(name);
///     calls.spawn(client.create_customer(&customer));
/// }
/// while let Some(result) = calls.join_next().await {
///     let customer = result.expect("no call panics")?;
///     println!("customer {}", customer.id);
/// }
/// # Ok(())
/// # }
/// ```
/// The calls share the rate limit, so 20 creates take about 4 seconds with MeetBit's default of 5 requests a second.
/// [`Client::rate_limit_status`](crate::Client::rate_limit_status) shows how many wait.
///
/// A clone is a call of its own that has not been sent. A call that has been polled is under way: its settings do not change any
/// more, and `once`, `pages` and `wait` abort it and fail. To poll a call again after its end panics, as for every future.
///
/// The compiler's error "no field `id` on type `Call<..>`" means that a call is not awaited.
///
/// # Examples
/// ```no_run
/// # async fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
/// use meetbit_client::{Customers, NewCustomer};
///
/// let call = client.create_customer(&NewCustomer::new().first_name("Ada"));
/// println!("{:?}", call.request()?);
/// let customer = tokio::spawn(call).await.unwrap()?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a call is not sent until it is awaited"]
pub struct Call<T>(State<T>);

enum State<T> {
    Task(CallTask, Decode<T>),
    Ready(Arc<Mutex<Option<Result<T, Error>>>>),
}

impl<T> Call<T> {
    pub(crate) fn new(call: Arc<Prepared>, decode: Decode<T>) -> Self {
        Self(State::Task(CallTask::new(call), decode))
    }

    /// A call that sends nothing and returns `result`, for fakes of a trait of endpoints.
    ///
    /// Clones share the one result: the first that is sent takes it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use meetbit_client::{Call, Error, ErrorKind};
    ///
    /// assert_eq!(Call::ready(Ok(7)).await.unwrap(), 7);
    /// let none = Error::new(ErrorKind::NotFound, "no such room");
    /// let failed = Call::<i32>::ready(Err(none)).await;
    /// assert_eq!(failed.unwrap_err().kind(), ErrorKind::NotFound);
    /// # }
    /// ```
    pub fn ready(result: Result<T, Error>) -> Self {
        Self(State::Ready(Arc::new(Mutex::new(Some(result)))))
    }

    /// The static metadata of the endpoint; `None` for a ready call.
    #[must_use]
    pub fn endpoint(&self) -> Option<&'static Endpoint> {
        match &self.0 {
            State::Task(task, _) => Some(task.call().parts.endpoint),
            State::Ready(_) => None,
        }
    }

    /// The permissions that the role of the access key needs for this call: those of its endpoint, and those that its body
    /// needs besides. Empty for a ready call.
    ///
    /// ```
    /// # fn example(client: meetbit_client::Client) {
    /// use meetbit_client::{NewUser, Users};
    ///
    /// let call = client.create_user(&NewUser::new().activate(true));
    /// let needed = call.permissions();
    /// let needed: Vec<_> = needed.iter().map(ToString::to_string).collect();
    /// assert_eq!(needed, ["users.create.*", "users.lock.*"]);
    /// # }
    /// # example(meetbit_client::Client::builder("example.com").credentials(
    /// #     meetbit_client::Credentials::new("id", "secret")).build().unwrap());
    /// ```
    #[must_use]
    pub fn permissions(&self) -> Vec<Permission> {
        match &self.0 {
            State::Task(task, _) => task.call().parts.permissions().collect(),
            State::Ready(_) => Vec::new(),
        }
    }

    /// The request as it would be sent. The key headers are marked sensitive, so `Debug` redacts them.
    ///
    /// # Errors
    /// The reason why the request cannot be sent. A ready call has no request.
    pub fn request(&self) -> Result<http::Request<Bytes>, Error> {
        let State::Task(task, _) = &self.0 else {
            return Err(Error::invalid_request("a ready call has no request"));
        };
        let call = task.call();
        call.parts.check()?;
        let key = call.client.0.keys.current()?;
        let request = call.outgoing(&key).request();
        request.map_err(|error| Error::invalid_request(error.to_string()))
    }

    /// Sends the request and returns the whole reply.
    ///
    /// # Errors
    /// See [`ErrorKind`](crate::ErrorKind). [`Error::outcome`] says whether the server may have acted.
    pub fn send(self) -> Sending<T> {
        Sending(self.0)
    }

    /// Sets the time limit of the whole call: waits for the rate limit, attempts and the waits between them.
    pub fn timeout(self, whole_call: Duration) -> Self {
        self.change(|call| call.timeout = Some(whole_call))
    }

    /// Sets when this call is sent again after a failure.
    pub fn retry(self, policy: RetryPolicy) -> Self {
        self.change(|call| call.retry = Some(policy))
    }

    /// Sends the request even if its own checks have found that it cannot be valid.
    pub fn unchecked(self) -> Self {
        self.change(|call| call.parts.skip_precheck())
    }

    /// Sets a header for this call, and replaces one with the same name. The key headers, `Host` and the headers that frame a
    /// message cannot be set.
    pub fn header<N, V>(self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        let given = headers::given(name, value);
        self.change(|call| call.parts.set_given_header(given))
    }

    /// Appends to the query: a scalar or sequence under `name`, or the fields of a struct or map under their own names.
    pub fn query(self, name: &str, value: impl Serialize) -> Self {
        self.change(|call| call.parts.push_query(name, &value))
    }

    /// Returns the call if it has not started. Otherwise aborts it, and returns a call that fails with the outcome `Unknown`.
    pub(crate) fn unless_started(self, what: &str) -> Self {
        match &self.0 {
            State::Task(task, _) if task.is_started() => {
                let error = Error::invalid_request(format!("the call has already started, so {what}"));
                let endpoint = task.call().parts.endpoint;
                Self::ready(Err(error.with(|e| e.outcome(Outcome::Unknown).endpoint(endpoint))))
            }
            _ => self,
        }
    }

    pub(crate) fn change(mut self, change: impl FnOnce(&mut Prepared)) -> Self {
        if let State::Task(task, _) = &mut self.0 {
            task.change(change);
        }
        self
    }
}

/// Clones share the request until one of them is changed.
impl<T> Clone for Call<T> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            State::Task(task, decode) => State::Task(CallTask::new(task.call().clone()), *decode),
            State::Ready(result) => State::Ready(result.clone()),
        })
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            State::Task(task, _) => {
                f.debug_tuple("Call").field(&format_args!("{}", task.call().parts.endpoint)).finish()
            }
            State::Ready(_) => f.write_str("Call(ready)"),
        }
    }
}

/// Sends the call and returns its value.
impl<T> Future for Call<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Task(task, decode) => {
                let reply = Pin::new(&mut *task).poll(context);
                reply.map(|reply| value(&reply?, task.call(), *decode).map(|decoded| decoded.data))
            }
            State::Ready(result) => Poll::Ready(taken(result)),
        }
    }
}

#[cfg(not(feature = "blocking"))]
impl<T> Call<T> {
    /// Says which feature is missing.
    #[doc(hidden)]
    pub fn wait(self) -> Result<T, Error>
    where
        Self: Blocking,
    {
        Err(Error::invalid_request("the feature `blocking` is off"))
    }
}

/// No type implements it, so the compiler says which feature `wait` needs.
#[cfg(not(feature = "blocking"))]
#[diagnostic::on_unimplemented(
    message = "`Call::wait` needs the feature `blocking` of meetbit-client",
    label = "turn on the feature, or `.await` the call"
)]
pub trait Blocking {}

/// A whole reply.
#[non_exhaustive]
#[derive(Clone, PartialEq)]
pub struct Response<T> {
    /// The value.
    pub data: T,
    /// MeetBit's message, such as `Customer created.`
    pub message: Option<String>,
    /// The status, a `2xx`.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// The `RateLimit-*` headers among them.
    pub rate_limit: RateLimitHeaders,
    /// The number of attempts, including those that could not connect; 0 for a ready call.
    pub attempts: u32,
    /// The body as the server sent it, after decompression. It is empty for a ready call. Nothing is redacted in it, so `Debug`
    /// shows only its length.
    ///
    /// ```
    /// # async fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::{ListUsers, Users};
    ///
    /// let response = client.list_users(&ListUsers::new()).send().await?;
    /// println!("{} users in {} bytes", response.data.len(), response.body.len());
    /// # Ok(())
    /// # }
    /// ```
    pub body: Bytes,
    /// True if the reply comes from a [journal](crate::journal), and this call has sent nothing.
    #[cfg(feature = "journal")]
    pub replayed: bool,
}

/// Shows all but the body.
impl<T: fmt::Debug> fmt::Debug for Response<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Response");
        shown
            .field("data", &self.data)
            .field("message", &self.message)
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("rate_limit", &self.rate_limit)
            .field("attempts", &self.attempts)
            .field("body", &format_args!("{} bytes", self.body.len()));
        #[cfg(feature = "journal")]
        shown.field("replayed", &self.replayed);
        shown.finish()
    }
}

/// The future of [`Call::send`].
#[must_use = "futures do nothing unless polled"]
pub struct Sending<T>(State<T>);

impl<T> Future for Sending<T> {
    type Output = Result<Response<T>, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_with_data(context).map_ok(|(response, _)| response)
    }
}

/// A reply, and the part of its body that has the value.
type WithData<T> = (Response<T>, Range<usize>);

impl<T> Sending<T> {
    /// The reply, and the part of its body that has the value.
    pub(crate) fn poll_with_data(&mut self, context: &mut Context<'_>) -> Poll<Result<WithData<T>, Error>> {
        match &mut self.0 {
            State::Task(task, decode) => {
                Pin::new(&mut *task).poll(context).map(|reply| response(reply?, task.call(), *decode))
            }
            State::Ready(result) => Poll::Ready(taken(result).map(|data| (Response::ready(data), 0..0))),
        }
    }
}

fn response<T>(mut reply: Reply, call: &Prepared, decode: Decode<T>) -> Result<WithData<T>, Error> {
    let Decoded { message, data, raw } = value(&reply, call, decode)?;
    let message = message.map(|message| with_redactor(&reply, call, |r| r.redacted(&message).into_owned()));
    let mut headers = std::mem::take(&mut reply.headers);
    with_redactor(&reply, call, |redactor| redactor.mark(&mut headers));
    let response = Response {
        data,
        message,
        status: reply.status,
        headers,
        rate_limit: reply.rate_limit,
        attempts: reply.attempts,
        body: reply.body,
        #[cfg(feature = "journal")]
        replayed: reply.replayed,
    };
    Ok((response, raw))
}

fn value<T>(reply: &Reply, call: &Prepared, decode: Decode<T>) -> Result<Decoded<T>, Error> {
    decode(reply).map_err(|error| with_redactor(reply, call, |r| error.into_error(call.parts.endpoint, r, reply)))
}

/// Passes a redactor of the secret that the request had.
pub(crate) fn with_redactor<R>(reply: &Reply, call: &Prepared, use_it: impl FnOnce(Redactor<'_>) -> R) -> R {
    match &reply.secret {
        Some(secret) => use_it(Redactor::new(secret.to_str().unwrap_or_default())),
        None => use_it(Redactor::new(call.client.0.keys.last().secret())),
    }
}

fn taken<T>(result: &Mutex<Option<Result<T, Error>>>) -> Result<T, Error> {
    let taken = result.lock().unwrap_or_else(PoisonError::into_inner).take();
    taken.unwrap_or_else(|| Err(Error::invalid_request("the result of this ready call has been taken already")))
}

impl<T> Response<T> {
    /// The response of a ready call.
    fn ready(data: T) -> Self {
        Self {
            data,
            message: None,
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            rate_limit: RateLimitHeaders::default(),
            attempts: 0,
            body: Bytes::new(),
            #[cfg(feature = "journal")]
            replayed: false,
        }
    }
}

impl<T> fmt::Debug for Sending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            State::Task(task, _) => {
                f.debug_tuple("Sending").field(&format_args!("{}", task.call().parts.endpoint)).finish()
            }
            State::Ready(_) => f.write_str("Sending(ready)"),
        }
    }
}
