//! A started call is a task.
//!
//! The limiter needs every started call to run, because others wait for its permit and its reply can close the gate for all.
//! A future runs only while it is polled, so the first poll spawns a task, and the future becomes a handle of it.

use std::future::Future;
use std::panic;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle};

use crate::client::execute::execute;
use crate::client::prepared::Prepared;
#[cfg(feature = "tracing")]
use crate::client::trace;
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

    pub(crate) fn is_started(&self) -> bool {
        self.task.is_some()
    }

    /// Changes a call that has not been started.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Prepared)) {
        if !self.is_started() {
            change(Arc::make_mut(&mut self.call));
        }
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
    #[cfg(feature = "journal")]
    return match call.once.clone() {
        Some(once) => once.execute(call),
        None => Box::pin(execute(call, None)),
    };
    #[cfg(not(feature = "journal"))]
    Box::pin(execute(call))
}

/// The task keeps the caller's span and subscriber.
#[cfg(feature = "tracing")]
fn spawn(runtime: &Handle, call: Arc<Prepared>) -> JoinHandle<Result<Reply, Error>> {
    use tracing::Instrument;
    use tracing::instrument::WithSubscriber;
    let execution = async move { trace::in_span(&call, boxed(call.clone())).await };
    runtime.spawn(execution.in_current_span().with_current_subscriber())
}
