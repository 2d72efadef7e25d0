//! Waits for a call in a program without an async runtime.

use std::future::Future;
use std::pin::pin;
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::runtime::{Builder, Runtime};
use tokio::task::coop::consume_budget;

use crate::client::call::Call;
use crate::error::Error;

/// Runs all blocking calls of a process, so that their connections are reused. A forked process has a copy of it without its
/// thread, so the process makes its own.
static RUNTIME: Mutex<Option<(ProcessId, &'static Runtime)>> = Mutex::new(None);

type ProcessId = u32;

impl<T> Call<T> {
    /// Sends the call and blocks the thread until it is done, for code without an async runtime. It works on any thread that
    /// may block, inside `spawn_blocking` and `block_in_place` too. The call itself runs on a thread of the SDK.
    ///
    /// Needs the feature `blocking`.
    ///
    /// # Errors
    /// As [`send`](Self::send). Called from async code, it returns [`InvalidRequest`](crate::ErrorKind::InvalidRequest) without
    /// sending anything, because it would block the runtime's other tasks. Code under `tokio::task::unconstrained` cannot be
    /// recognized; there it blocks.
    ///
    /// # Examples
    /// ```no_run
    /// # fn example() -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::{Client, Customers, NewCustomer};
    ///
    /// let client = Client::from_env()?;
    /// let ada = NewCustomer::new().first_name("Ada");
    /// println!("customer {}", client.create_customer(&ada).wait()?.id);
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait(self) -> Result<T, Error> {
        if is_async_code() {
            return Err(Error::invalid_request(
                "`wait` would block the async runtime that it is called in: await the call instead, or call `wait` inside \
                 `tokio::task::spawn_blocking`",
            ));
        }
        let _context = runtime()?.enter();
        block_on(self.unless_started("`wait` cannot take it over from its runtime: await it"))
    }
}

fn runtime() -> Result<&'static Runtime, Error> {
    let process = process::id();
    if let Some((_, runtime)) = known().filter(|(owner, _)| *owner == process) {
        return Ok(runtime);
    }
    let built = Builder::new_multi_thread().worker_threads(1).thread_name("meetbit").enable_all().build();
    let built = built.map_err(|error| {
        let message = "the system has no thread left to send a blocking call on";
        Error::invalid_request(message).with(|e| e.source(Arc::new(error)))
    })?;
    let mut known = known();
    match *known {
        Some((owner, runtime)) if owner == process => Ok(runtime), // another thread was faster
        _ => Ok(known.insert((process, Box::leak(Box::new(built)))).1),
    }
}

fn known() -> MutexGuard<'static, Option<(ProcessId, &'static Runtime)>> {
    RUNTIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// True inside the poll of a task. tokio has no public API for this. Only inside the poll of a task is the cooperative
/// budget limited, so a budget that runs out means async code.
fn is_async_code() -> bool {
    const MORE_THAN_THE_LIMIT: usize = 1000;
    let mut context = Context::from_waker(Waker::noop());
    (0..MORE_THAN_THE_LIMIT).any(|_| pin!(consume_budget()).poll(&mut context).is_pending())
}

/// tokio's own `block_on` panics on some threads that may block.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
