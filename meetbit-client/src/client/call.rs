use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use crate::client::execute;
use crate::client::prepared::Plan;
use crate::client::retry::RetryPolicy;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::permission::Permission;
use crate::request::headers;
use crate::response::envelope::Decoded;
use crate::response::retry_after::RateLimitHeaders;
use crate::response::status::{self, Decode, Reply};

/// A finished request that has not been sent: a value to inspect, to spawn, to collect or to hand to a queue.
///
/// `call.await` sends it and gives the value; [`send`](Self::send) gives status, message and headers as well. What makes
/// it impossible to send (a body that does not serialize, a hostile path argument) is kept in the call and comes out
/// when it is sent; then nothing goes on the wire.
///
/// Dropping the future of a call stops it; a create that was under way may still have happened.
///
/// ```no_run
/// # async fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
/// use meetbit_client::{Customers, NewCustomer};
///
/// let call = client.create_customer(&NewCustomer::new().first_name("Ada"));
/// println!("{:?}", call.request()?);
/// let customer = tokio::spawn(call.into_future()).await.unwrap()?;
/// # use std::future::IntoFuture;
/// # Ok(())
/// # }
/// ```
#[must_use = "a call is not sent until it is awaited"]
pub struct Call<T>(State<T>);

enum State<T> {
    Planned { plan: Arc<Plan>, decode: Decode<T> },
    Ready(Arc<Mutex<Option<Result<T, Error>>>>),
}

impl<T> Call<T> {
    pub(crate) fn new(plan: Arc<Plan>, decode: Decode<T>) -> Self {
        Self(State::Planned { plan, decode })
    }

    /// A call that sends nothing and gives `result`, for fakes of a trait of endpoints.
    ///
    /// Clones share the one result: the first that is sent has it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use meetbit_client::{Call, Error, ErrorKind};
    ///
    /// assert_eq!(Call::ready(Ok(7)).await.unwrap(), 7);
    /// let failed = Call::<i32>::ready(Err(Error::new(ErrorKind::NotFound, "no such room"))).await;
    /// assert_eq!(failed.unwrap_err().kind(), ErrorKind::NotFound);
    /// # }
    /// ```
    pub fn ready(result: Result<T, Error>) -> Self {
        Self(State::Ready(Arc::new(Mutex::new(Some(result)))))
    }

    /// What is known of the endpoint; `None` for a ready call.
    #[must_use]
    pub fn endpoint(&self) -> Option<&'static Endpoint> {
        match &self.0 {
            State::Planned { plan, .. } => Some(plan.endpoint),
            State::Ready(_) => None,
        }
    }

    /// The permissions that the role of the access key needs for this very call: those of its endpoint, and what its body
    /// asks for besides. None for a ready call.
    ///
    /// ```
    /// # fn example(client: meetbit_client::Client) {
    /// use meetbit_client::{NewUser, Users};
    ///
    /// let call = client.create_user(&NewUser::new().activate(true));
    /// let needed: Vec<_> = call.permissions().iter().map(ToString::to_string).collect();
    /// assert_eq!(needed, ["users.create.*", "users.lock.*"]);
    /// # }
    /// # example(meetbit_client::Client::builder("example.com").credentials(
    /// #     meetbit_client::Credentials::new("id", "secret")).build().unwrap());
    /// ```
    #[must_use]
    pub fn permissions(&self) -> Vec<Permission> {
        match &self.0 {
            State::Planned { plan, .. } => plan.permissions().collect(),
            State::Ready(_) => Vec::new(),
        }
    }

    /// The request as it would go out. The key headers are marked sensitive, so that `Debug` redacts them.
    ///
    /// # Errors
    /// What makes it impossible to send; for a ready call, that it has no request.
    pub fn request(&self) -> Result<http::Request<Bytes>, Error> {
        let State::Planned { plan, .. } = &self.0 else {
            return Err(Error::invalid_request("a ready call has no request"));
        };
        plan.check()?;
        plan.request().map_err(|_| Error::invalid_request("the address of the request is longer than a URI may be"))
    }

    /// Sends it and gives the whole reply.
    ///
    /// # Errors
    /// See [`ErrorKind`](crate::ErrorKind). [`Error::outcome`] tells whether the server may have acted.
    pub fn send(self) -> Sending<T> {
        match self.0 {
            State::Planned { plan, decode } => Sending(Progress::Planned { reply: start(plan.clone()), plan, decode }),
            State::Ready(result) => Sending(Progress::Ready(result)),
        }
    }

    /// The time limit of the whole call: waits for the rate limit, attempts and the waits between them.
    pub fn timeout(self, whole_call: Duration) -> Self {
        self.change(|plan| plan.timeout = Some(whole_call))
    }

    /// When this call is sent again after a failure.
    pub fn retry(self, policy: RetryPolicy) -> Self {
        self.change(|plan| plan.retry = Some(policy))
    }

    /// Sends it even if the request's own checks say that it cannot be valid.
    pub fn unchecked(self) -> Self {
        self.change(|plan| plan.checked.disregard())
    }

    /// A header for this call, in the place of one with the same name. The key headers, `Host` and what frames a message
    /// cannot be set.
    pub fn header<N, V>(self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        let given = match (name.try_into(), value.try_into()) {
            (Ok(name), Ok(value)) => headers::custom(name, value),
            (Err(_), _) => Err(Error::invalid_request("the name of a header has a character that it may not have")),
            (_, Err(_)) => Err(Error::invalid_request("the value of a header has a character that it may not have")),
        };
        self.change(|plan| match given {
            Ok((name, value)) => drop(plan.headers.insert(name, value)),
            Err(error) => plan.fail(error),
        })
    }

    /// Adds to the query: one scalar or sequence under `name`, or the fields of a struct or map under their own names.
    pub fn query(self, name: &str, value: impl Serialize) -> Self {
        self.change(|plan| plan.push_query(name, &value))
    }

    /// Sends it and blocks until it is done, for programs without an async runtime.
    ///
    /// # Errors
    /// As [`send`](Self::send). Inside an async runtime nothing is sent: blocking there would stop its other tasks.
    #[cfg(feature = "blocking")]
    pub fn wait(self) -> Result<T, Error> {
        crate::client::blocking::wait(self)
    }

    pub(crate) fn change(mut self, change: impl FnOnce(&mut Plan)) -> Self {
        if let State::Planned { plan, .. } = &mut self.0 {
            change(Arc::make_mut(plan));
        }
        self
    }
}

/// A call under way, up to its reply.
type Exchange = Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send>>;

/// Not generic, so that the state machine in the box is compiled here, and not once more in each crate that makes calls.
fn start(plan: Arc<Plan>) -> Exchange {
    Box::pin(instrumented(plan))
}

#[cfg(not(feature = "tracing"))]
use execute::execute as instrumented;

/// A span around the call, with the field names of OpenTelemetry's HTTP semantic conventions.
#[cfg(feature = "tracing")]
async fn instrumented(plan: Arc<Plan>) -> Result<Reply, Error> {
    use tracing::{Instrument, field};
    let (endpoint, url) = (plan.endpoint, &plan.client.0.address.url);
    let span = tracing::info_span!(
        "meetbit",
        otel.name = endpoint.name(),
        otel.kind = "client",
        http.request.method = %endpoint.method(),
        url.template = endpoint.path(),
        server.address = url.host_str(),
        server.port = url.port_or_known_default(),
        http.response.status_code = field::Empty,
        http.request.resend_count = field::Empty,
        error.r#type = field::Empty,
    );
    let result = execute::execute(plan).instrument(span.clone()).await;
    let (status, attempts) = match &result {
        Ok(reply) => (Some(reply.status), reply.attempts),
        Err(error) => {
            span.record("error.type", field::debug(error.kind()));
            (error.status(), error.attempts())
        }
    };
    if let Some(status) = status {
        span.record("http.response.status_code", status.as_u16());
    }
    if attempts > 1 {
        span.record("http.request.resend_count", attempts - 1);
    }
    result
}

/// Cheap: the request is shared until one of the two is changed.
impl<T> Clone for Call<T> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            State::Planned { plan, decode } => State::Planned { plan: plan.clone(), decode: *decode },
            State::Ready(result) => State::Ready(result.clone()),
        })
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            State::Planned { plan, .. } => f.debug_tuple("Call").field(&format_args!("{}", plan.endpoint)).finish(),
            State::Ready(_) => f.write_str("Call(ready)"),
        }
    }
}

/// Sends the call and gives its value.
impl<T> IntoFuture for Call<T> {
    type Output = Result<T, Error>;
    type IntoFuture = Receiving<T>;

    fn into_future(self) -> Receiving<T> {
        Receiving(self.send())
    }
}

/// A whole reply.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Response<T> {
    /// The value.
    pub data: T,
    /// What MeetBit says about it, such as `Customer created.`
    pub message: Option<String>,
    /// The status: a `2xx`.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// The `RateLimit-*` headers among them.
    pub rate_limit: RateLimitHeaders,
    /// How many requests were sent; 0 for a ready call.
    pub attempts: u32,
}

/// The future of [`Call::send`].
#[must_use = "futures do nothing unless polled"]
pub struct Sending<T>(Progress<T>);

enum Progress<T> {
    Planned { reply: Exchange, plan: Arc<Plan>, decode: Decode<T> },
    Ready(Arc<Mutex<Option<Result<T, Error>>>>),
}

impl<T> Future for Sending<T> {
    type Output = Result<Response<T>, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_with_body(context).map_ok(|(response, _)| response)
    }
}

impl<T> Sending<T> {
    /// The reply, and its body as it came.
    pub(crate) fn poll_with_body(&mut self, context: &mut Context<'_>) -> Poll<Result<(Response<T>, Bytes), Error>> {
        match &mut self.0 {
            Progress::Planned { reply, plan, decode } => {
                reply.as_mut().poll(context).map(|reply| decoded(reply?, plan, *decode))
            }
            Progress::Ready(result) => Poll::Ready(taken(result).map(|data| (Response::ready(data), Bytes::new()))),
        }
    }
}

fn decoded<T>(reply: Reply, plan: &Plan, decode: Decode<T>) -> Result<(Response<T>, Bytes), Error> {
    let Decoded { message, data } = value(&reply, plan, decode)?;
    let message = message.map(|message| status::concealed(plan, message));
    let Reply { status, headers, rate_limit, attempts, body } = reply;
    Ok((Response { data, message, status, headers, rate_limit, attempts }, body))
}

fn value<T>(reply: &Reply, plan: &Plan, decode: Decode<T>) -> Result<Decoded<T>, Error> {
    decode(reply).map_err(|undecodable| undecodable.into_error(plan, reply))
}

fn taken<T>(result: &Mutex<Option<Result<T, Error>>>) -> Result<T, Error> {
    let taken = result.lock().unwrap_or_else(PoisonError::into_inner).take();
    taken.unwrap_or_else(|| Err(Error::invalid_request("the result of this ready call was taken by a clone of it")))
}

impl<T> Response<T> {
    /// That of a ready call.
    fn ready(data: T) -> Self {
        Self {
            data,
            message: None,
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            rate_limit: RateLimitHeaders::default(),
            attempts: 0,
        }
    }
}

/// The future of a call that is awaited for its value alone.
#[must_use = "futures do nothing unless polled"]
pub struct Receiving<T>(Sending<T>);

impl<T> Future for Receiving<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0.0 {
            Progress::Planned { reply, plan, decode } => {
                reply.as_mut().poll(context).map(|reply| value(&reply?, plan, *decode).map(|decoded| decoded.data))
            }
            Progress::Ready(result) => Poll::Ready(taken(result)),
        }
    }
}

impl<T> fmt::Debug for Sending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Progress::Planned { plan, .. } => {
                f.debug_tuple("Sending").field(&format_args!("{}", plan.endpoint)).finish()
            }
            Progress::Ready(_) => f.write_str("Sending(ready)"),
        }
    }
}

impl<T> fmt::Debug for Receiving<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Receiving").field(&self.0).finish()
    }
}
