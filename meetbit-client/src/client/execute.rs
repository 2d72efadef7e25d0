//! Carries out a call: an attempt, the retry decision, and again.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::time::{Instant, sleep};
use tower::retry::budget::Budget;

use crate::client::access_key::AccessKey;
use crate::client::prepared::Prepared;
use crate::client::retry::{self, RetryDecision};
use crate::client::trace;
use crate::error::redact::Redactor;
use crate::error::{Error, ErrorBuilder, ErrorKind, Outcome};
use crate::rate_limit::limiter::Turn;
use crate::rate_limit::moment::after;
use crate::response::decode::Reply;
use crate::response::status::{self, ErrorContext};
use crate::transport::error::{TransportError, seconds};
#[cfg(feature = "journal")]
use crate::transport::intent::Intent;
use crate::transport::observer::{AttemptObserver, ErrorHead};

/// The wait after a `429` that states none, if the limiter does not know of it because middleware has made it.
const UNSTATED_WAIT: Duration = Duration::from_secs(1);

/// Sends a call until it succeeds or must not be sent again. `intent` is durable before each request departs.
pub(crate) async fn execute(
    call: Arc<Prepared>,
    #[cfg(feature = "journal")] intent: Option<Arc<dyn Intent>>,
) -> Result<Reply, Error> {
    let client = &*call.client.0;
    let policy = call.retry.as_ref().unwrap_or(&client.retry);
    let deadline = after(Instant::now(), call.timeout());
    let mut turn = Turn::new(client.limits.rate_limit, deadline, policy.max_wait);
    client.budget.deposit();
    let mut attempts = 0;
    let mut last: Option<Error> = None;
    loop {
        let key = match client.keys.current() {
            Ok(key) => key,
            Err(error) => return Err(not_tried(error.with(|e| e.endpoint(call.parts.endpoint)), last, attempts)),
        };
        let observer = AttemptObserver::new(turn, client.limits.attempt_timeout, key.rotating_limiter());
        #[cfg(feature = "journal")]
        let observer = observer.with_intent(intent.clone());
        let observer = Arc::new(observer);
        let AttemptFailure { error, was_tried } = match attempt(&call, &key, &observer).await {
            Ok(reply) => return Ok(Reply { attempts: attempts + 1, ..reply }),
            Err(failure) => failure,
        };
        if !was_tried {
            return Err(not_tried(error, last, attempts));
        }
        attempts += 1;
        let may_have_acted = last.as_ref().is_some_and(|last| last.outcome() == Outcome::Unknown);
        let changes = !call.parts.endpoint.method().is_safe();
        let error = as_far_as_known(error.with(|e| e.attempts(attempts)), changes && may_have_acted);
        let (wait, needs_budget) = match retry::decide(policy, call.parts.endpoint.is_idempotent(), &error) {
            RetryDecision::Stop => return Err(error),
            RetryDecision::Requeue => (wait_beyond_gate(&call, &key, &error), false),
            RetryDecision::BackOff { at_least, jitter } => (at_least + retry::jittered(jitter), true),
        };
        if Instant::now() + wait >= deadline || needs_budget && !client.budget.withdraw() {
            return Err(error);
        }
        #[cfg(feature = "journal")]
        if let Some(intent) = &intent {
            intent.suspend(error.outcome()).await;
        }
        let whole_wait = wait.max(error.retry_after().unwrap_or_default());
        // The limiter refuses a longer wait, and the call fails.
        if whole_wait <= policy.max_wait && after(Instant::now(), whole_wait) < deadline {
            trace::retry(&error, whole_wait);
        }
        sleep(wait).await;
        last = Some(error);
        turn = observer.turn.clone();
    }
}

/// An attempt that failed, and whether a request was tried at all.
struct AttemptFailure {
    error: Error,
    was_tried: bool,
}

async fn attempt(call: &Prepared, key: &AccessKey, observer: &Arc<AttemptObserver>) -> Result<Reply, AttemptFailure> {
    let client = &*call.client.0;
    let response = client.transport.send(&call.outgoing(key), observer).await;
    let (head, body) = match response.map(http::Response::into_parts) {
        Ok(parts) => parts,
        Err(failure) => {
            let was_tried = observer.has_permit() || !failure.without_permit;
            let error =
                status_error(call, key, observer, b"").unwrap_or_else(|| transport_error(call, observer, failure));
            return Err(AttemptFailure { error: as_far_as_known(error, observer.may_have_acted()), was_tried });
        }
    };
    if !head.status.is_success() {
        let timeout = || transport_error(call, observer, TransportError::timeout());
        let error = status_error(call, key, observer, &body).unwrap_or_else(timeout);
        return Err(AttemptFailure { error: as_far_as_known(error, observer.may_have_acted()), was_tried: true });
    }
    if body.len() > client.max_response_size {
        return Err(AttemptFailure {
            error: transport_error(call, observer, TransportError::too_large()),
            was_tried: true,
        });
    }
    let (rate_limit, secret) = (observer.rate_limit(), key.rotating_secret());
    Ok(Reply {
        status: head.status,
        headers: head.headers,
        body,
        rate_limit,
        attempts: 0,
        secret,
        #[cfg(feature = "journal")]
        replayed: false,
    })
}

/// A call may send several requests. If one of the others may have been processed, the outcome of the last is too certain.
fn as_far_as_known(error: Error, may_have_acted: bool) -> Error {
    let is_certain = matches!(error.outcome(), Outcome::NotSent | Outcome::Rejected);
    if is_certain && may_have_acted { error.with(|e| e.outcome(Outcome::Unknown)) } else { error }
}

/// The error for an error status, once the head of such a reply has been read.
fn status_error(call: &Prepared, key: &AccessKey, observer: &AttemptObserver, body: &[u8]) -> Option<Error> {
    let client = &*call.client.0;
    let ErrorHead { status, headers, retry_after } = observer.error_head()?;
    let context = ErrorContext {
        endpoint: call.parts.endpoint,
        permissions: call.parts.permissions().collect(),
        redactor: Redactor::new(key.secret()),
        base_url: &client.base_url.url,
    };
    let error = status::error(&context, status, &headers, body).with(|e| e.temporary(is_temporary(status)));
    Some(match (error.kind(), retry_after) {
        (ErrorKind::RateLimited, asked) => rate_limited(call, key, error, asked.unwrap_or(UNSTATED_WAIT)),
        (_, Some(wait)) => error.with(|e| e.retry_after(wait)),
        (_, None) => error,
    })
}

fn is_temporary(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// The wait that the limiter does not know of, because middleware has made the `429`.
fn wait_beyond_gate(call: &Prepared, key: &AccessKey, error: &Error) -> Duration {
    let closed_for = key.limiter.status(call.client.0.limits.rate_limit).closed_for.unwrap_or_default();
    error.retry_after().unwrap_or_default().saturating_sub(closed_for)
}

/// States how long nothing may be sent. It may be longer than this reply asked for.
fn rate_limited(call: &Prepared, key: &AccessKey, error: Error, asked: Duration) -> Error {
    let wait = key.limiter.status(call.client.0.limits.rate_limit).closed_for.unwrap_or(asked);
    let message = format!("too many requests (429): nothing may be sent for {}", seconds(wait));
    error.with(|e| e.retry_after(wait).message(message))
}

fn transport_error(call: &Prepared, observer: &AttemptObserver, failure: TransportError) -> Error {
    let TransportError { kind, outcome, temporary, message, retry_after, source, .. } = failure;
    Error::new(kind, message).with(|e| {
        let e = e.outcome(outcome).temporary(temporary).endpoint(call.parts.endpoint).status(observer.status());
        let e = source.into_iter().fold(e, ErrorBuilder::source);
        retry_after.into_iter().fold(e, ErrorBuilder::retry_after)
    })
}

/// The error of a call whose next request was not tried. After an attempt, it keeps the status and the outcome of that attempt.
fn not_tried(error: Error, last: Option<Error>, attempts: u32) -> Error {
    let error = error.with(|e| e.attempts(attempts));
    match last {
        Some(last) => error.with(|e| e.outcome(last.outcome()).status(last.status())),
        None => error,
    }
}
