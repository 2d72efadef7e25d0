//! Waits for a call in a program without an async runtime.

use std::future::IntoFuture;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::client::call::Call;

use crate::error::Error;

/// Drives the connections of all blocking calls, so that they are reused between calls.
static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();

pub(crate) fn wait<T>(call: Call<T>) -> Result<T, Error> {
    if Handle::try_current().is_ok() {
        return Err(Error::invalid_request(
            "`wait` would block the async runtime it is called in; await the call instead",
        ));
    }
    let build = || Builder::new_multi_thread().worker_threads(1).thread_name("meetbit").enable_all().build().ok();
    match RUNTIME.get_or_init(build) {
        Some(runtime) => runtime.block_on(call.into_future()),
        None => Err(Error::invalid_request("the system has no thread left to wait on")),
    }
}
