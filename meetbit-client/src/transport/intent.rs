//! The seam for what must be durable before a request departs.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::error::Outcome;
use crate::transport::error::TransportError;

/// Records that a request is about to be sent. The room `journal` implements it.
pub(crate) trait Intent: fmt::Debug + Send + Sync {
    /// Makes the intent durable, and returns the moment until which it lets a request of the attempt depart. It runs while a
    /// permit is held. `limit` is the end of the request's time.
    fn begin(&self, limit: Instant) -> Pin<Box<dyn Future<Output = Result<Timestamp, TransportError>> + Send + '_>>;

    /// A request that has begun ends without having been processed: it has not departed and never will, or it was rejected.
    fn settled(&self);

    /// A request that has begun waits for another permit. It has not departed.
    fn requeue(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// The attempt has ended with this outcome, and another one follows.
    fn suspend(&self, outcome: Outcome) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}
