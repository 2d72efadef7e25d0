//! The innermost layer: each request that really leaves takes a permit of its own.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until};

use crate::rate_limit::limiter::Limiter;
use crate::rate_limit::moment::after;
use crate::rate_limit::permit::Permit;
use crate::transport::error::TransportError;
use crate::transport::observer::AttemptObserver;

/// A permit is renewed this often until its request departs. A request that still connects learns so of a gate that another
/// process has closed. It is less than half of what a permit holds.
const RENEWAL: Duration = Duration::from_millis(100);

/// A reply, or the reason why there is none.
pub(crate) type Sent = Result<http::Response<Bytes>, TransportError>;

/// A request that can be sent with a permit, more than once if the permit ends before the departure.
pub(crate) trait Exchange: Sync {
    /// Sends it. `limit` is the end of its time.
    fn send(&self, permit: Arc<Permit>, limit: Instant) -> impl Future<Output = Sent> + Send;
}

/// Waits for a permit and sends with it, until a request has departed or failed. If the permit ends before the departure, the
/// request goes back into the queue with its ticket.
pub(crate) async fn send(limiter: &Limiter, observer: &AttemptObserver, request: &impl Exchange) -> Sent {
    loop {
        let permit = Arc::new(observer.acquire(limiter).await?);
        let _watch = observer.watch(permit.clone());
        let limit = observer.turn.deadline.min(after(permit.granted_at, observer.attempt_timeout));
        #[cfg(not(feature = "journal"))]
        let sending = request.send(permit.clone(), limit);
        #[cfg(feature = "journal")]
        let sending = send_durably(observer, request, permit.clone(), limit);
        let result = until(limit, &permit, pin!(sending)).await;
        #[cfg(feature = "shared-limit")]
        permit.reported(observer.turn.deadline).await;
        match result {
            // The permit ended before the departure: the request takes another.
            Err(_) if permit.is_revoked() =>
            {
                #[cfg(feature = "journal")]
                if let Some(intent) = &observer.intent {
                    intent.requeue().await;
                }
            }
            // `cancel` and `depart` race. If `cancel` wins, the request never departs.
            Err(error) if permit.cancel() => return Err(error.not_sent()),
            result => return result,
        }
    }
}

/// Sends a request after its intent is durable, if it has one. The permit is renewed meanwhile.
#[cfg(feature = "journal")]
async fn send_durably(
    observer: &AttemptObserver,
    request: &impl Exchange,
    permit: Arc<Permit>,
    limit: Instant,
) -> Sent {
    if let Some(intent) = &observer.intent {
        permit.depart_by(intent.begin(limit).await?);
    }
    request.send(permit, limit).await
}

/// Drives one request until its time limit, and renews its permit until it departs.
async fn until(limit: Instant, permit: &Permit, mut request: Pin<&mut impl Future<Output = Sent>>) -> Sent {
    let mut timer = pin!(sleep_until(limit.min(permit.granted_at + RENEWAL)));
    poll_fn(|context| {
        loop {
            if let Poll::Ready(result) = request.as_mut().poll(context) {
                return Poll::Ready(result);
            }
            ready!(timer.as_mut().poll(context));
            if timer.deadline() >= limit {
                return Poll::Ready(Err(TransportError::timeout()));
            }
            let next = if permit.has_departed() {
                limit
            } else {
                permit.renew();
                limit.min(Instant::now() + RENEWAL)
            };
            timer.as_mut().reset(next);
        }
    })
    .await
}
