//! The seam for a call that is sent at most once.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::client::prepared::Prepared;
use crate::error::Error;
use crate::response::decode::Reply;

/// Carries out a call instead of [`execute`](crate::client::execute::execute). The room `journal` implements it.
pub(crate) trait Once: fmt::Debug + Send + Sync {
    fn execute(self: Arc<Self>, call: Arc<Prepared>) -> Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send>>;
}
