//! A started call is a task.
//!
//! The limiter needs every started call to run, because others wait for its permit and its reply can close the gate for all.
//! A future runs only while somebody polls it, so the first poll spawns a task, and the future becomes a handle of it.

use std::future::Future;
use std::panic;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle};

use crate::client::execute::execute;
use crate::client::prepared::Prepared;
use crate::error::{Error, ErrorKind};
use crate::response::decode::Reply;

/// The future of a call's reply. Dropping it aborts the task.
#[derive(Debug)]
pub(crate) struct CallTask {
    call: Arc<Prepared>,
    task: Option<JoinHandle<Result<Reply, Error>>>,
}

impl CallTask {
    pub(crate) fn new(call: Arc<Prepared>) -> Self {
        Self { call, task: None }
    }

    pub(crate) fn call(&self) -> &Arc<Prepared> {
        &self.call
    }

    fn start(&self) -> Result<JoinHandle<Result<Reply, Error>>, Error> {
        self.call.parts.check()?;
        let runtime = Handle::try_current().map_err(|_| {
            let message = "a call needs a tokio runtime; without one, use `wait` of the feature `blocking`";
            Error::invalid_request(message).with(|e| e.endpoint(self.call.parts.endpoint))
        })?;
        Ok(spawn(&runtime, self.call.clone()))
    }

    /// The task ended without a result: it panicked, in which case the panic goes on here, or its runtime was shut down.
    fn interrupted(&self, error: JoinError) -> Error {
        match error.try_into_panic() {
            Ok(panic) => panic::resume_unwind(panic),
            Err(error) => Error::new(ErrorKind::Network, "the runtime that sent the call was shut down")
                .with(|e| e.endpoint(self.call.parts.endpoint).source(Arc::new(error))),
        }
    }
}

impl Future for CallTask {
    type Output = Result<Reply, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let task = match &mut this.task {
            Some(task) => task,
            None => this.task.insert(this.start()?),
        };
        // The handle stays, so that another poll panics, as for every future, instead of sending the request again.
        let result = ready!(Pin::new(task).poll(context));
        Poll::Ready(result.unwrap_or_else(|error| Err(this.interrupted(error))))
    }
}

impl Drop for CallTask {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// The task holds a box, because tokio copies what a task holds several times, and the state of a call is 1.5 kB.
#[cfg(not(feature = "tracing"))]
fn spawn(runtime: &Handle, call: Arc<Prepared>) -> JoinHandle<Result<Reply, Error>> {
    runtime.spawn(boxed(call))
}

type Execution = Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send>>;

fn boxed(call: Arc<Prepared>) -> Execution {
    Box::pin(execute(call))
}

/// The task keeps the caller's span and subscriber.
#[cfg(feature = "tracing")]
fn spawn(runtime: &Handle, call: Arc<Prepared>) -> JoinHandle<Result<Reply, Error>> {
    use tracing::Instrument;
    use tracing::instrument::WithSubscriber;
    runtime.spawn(in_span(call).in_current_span().with_current_subscriber())
}

/// Runs the call in a span with the field names of OpenTelemetry's HTTP semantic conventions.
#[cfg(feature = "tracing")]
async fn in_span(call: Arc<Prepared>) -> Result<Reply, Error> {
    use tracing::{Instrument, field};
    let (endpoint, url) = (call.parts.endpoint, &call.client.0.base_url.url);
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
    let result = boxed(call).instrument(span.clone()).await;
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
