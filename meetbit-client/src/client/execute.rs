//! Carries out a call: deadline, pacer, attempt, decision, and round again.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout_at};

use crate::client::prepared::Plan;
use crate::client::retry::{self, Failed, Next};
use crate::error::{Error, ErrorKind, Outcome};
use crate::rate_limit::moment::Moment;
use crate::rate_limit::pacer::{Permit, Refusal};
use crate::response::status::{self, Reply};
use crate::transport::Failure;
use crate::transport::observer::Watch;

/// Sends a call until it succeeds or must not be sent again.
pub(crate) async fn execute(plan: Arc<Plan>) -> Result<Reply, Error> {
    plan.check()?;
    if Handle::try_current().is_err() {
        let message =
            "a call is sent in an async runtime of tokio's; without one, use `wait` of the feature `blocking`";
        return Err(Error::invalid_request(message).with(|e| e.endpoint(plan.endpoint)));
    }
    let client = &*plan.client.0;
    let policy = plan.retry.unwrap_or(client.retry);
    let started = Instant::now();
    let deadline = after(started, plan.timeout());
    let moment = |instant| Moment::of(instant, client.start);
    client.budget.request(moment(started));
    let place = client.pacer.place();
    let mut attempts = 0;
    let mut last: Option<Error> = None;
    let mut was_idle = client.idle.ends(moment(started));
    loop {
        let watch = match permit(&plan, place, deadline, policy.max_wait, mem::take(&mut was_idle)).await {
            Ok(permit) => {
                let limit = deadline.min(after(permit.granted_at(), client.attempt_timeout));
                Watch::new(permit, limit)
            }
            Err(refusal) => return Err(refused(&plan, refusal, last, attempts)),
        };
        let (error, failed) = match attempt(&plan, &watch).await {
            Attempt::Answered(reply) => return Ok(Reply { attempts: attempts + 1, ..reply }),
            Attempt::HeldBack => continue,
            Attempt::Failed(error, failed) => (error, failed),
        };
        attempts += 1;
        let error = error.with(|e| e.attempts(attempts));
        match retry::next(&policy, plan.endpoint.is_idempotent(), attempts, failed) {
            Next::Stop => return Err(error),
            Next::Requeue => {}
            Next::BackOff { at_least, jitter } => {
                let wait = at_least + retry::jittered(jitter);
                let now = Instant::now();
                if now + wait >= deadline || !client.budget.allows_retry(moment(now)) {
                    return Err(error);
                }
                sleep(wait).await;
            }
        }
        last = Some(error);
    }
}

async fn permit(
    plan: &Plan,
    place: u64,
    deadline: Instant,
    max_wait: Duration,
    was_idle: bool,
) -> Result<Permit, Refusal> {
    let client = &*plan.client.0;
    #[cfg(feature = "tracing")]
    let asked = Instant::now();
    let mut acquire = client.pacer.acquire(place, client.rate_limit, deadline, max_wait);
    if was_idle {
        acquire.arrive();
        yield_now().await; // lets the runtime see which connections have been closed since it last looked
    }
    let granted = acquire.await?;
    #[cfg(feature = "tracing")]
    if let Some(reason) = granted.waited_for {
        let waited_ms = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(waited_ms, ?reason, endpoint = plan.endpoint.name(), "waited for the rate limit");
    }
    Ok(granted.permit)
}

/// How an attempt ended.
enum Attempt {
    /// With a status that says success.
    Answered(Reply),
    /// The server asked to wait before the request could leave.
    HeldBack,
    Failed(Error, Failed),
}

/// Makes one attempt, which ends with the call at the latest.
async fn attempt(plan: &Plan, watch: &Arc<Watch>) -> Attempt {
    let client = &*plan.client.0;
    let sent = timeout_at(watch.limit(), client.transport.send(plan, watch)).await;
    let response = sent.unwrap_or(Err(Failure::TIMEOUT));
    if response.is_err() && watch.is_held_back() && !watch.has_departed() {
        return Attempt::HeldBack;
    }
    let (error, failed) = match response.map(http::Response::into_parts) {
        Ok((head, body)) => {
            if !head.status.is_success() {
                rejection(plan, watch, &body).unwrap_or_else(|| failure(plan, watch, Failure::TIMEOUT))
            } else if body.len() > client.max_response_size {
                failure(plan, watch, Failure::TOO_LARGE)
            } else {
                let rate_limit = watch.rate_limit();
                let (status, mut headers) = (head.status, head.headers);
                conceal(&mut headers, client.secret.as_bytes());
                return Attempt::Answered(Reply { status, headers, body, rate_limit, attempts: 0 });
            }
        }
        Err(failed) => {
            let failed = if watch.has_departed() { failed } else { failed.not_sent() };
            rejection(plan, watch, b"").unwrap_or_else(|| failure(plan, watch, failed))
        }
    };
    Attempt::Failed(error, failed)
}

/// A server may echo the secret; `Debug` of the reply does not.
fn conceal(headers: &mut HeaderMap, secret: &[u8]) {
    let echoes = |value: &HeaderValue| value.as_bytes().windows(secret.len().max(1)).any(|part| part == secret);
    headers.values_mut().filter(|value| echoes(value)).for_each(|value| value.set_sensitive(true));
}

/// The error that a status means, once one has been read that is no success.
fn rejection(plan: &Plan, watch: &Watch, body: &[u8]) -> Option<(Error, Failed)> {
    let head = watch.refusal()?;
    let error = status::refusal(plan, head.status, &head.headers, body);
    let temporary = matches!(
        head.status,
        StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    );
    let asked = head.retry_after.unwrap_or_default();
    let failed = Failed { kind: error.kind(), outcome: error.outcome(), temporary, asked };
    Some(match error.kind() {
        ErrorKind::RateLimited => (rate_limited(plan, error), Failed { asked: Duration::ZERO, ..failed }),
        _ if asked.is_zero() => (error, failed),
        _ => (error.with(|e| e.retry_after(asked)), failed),
    })
}

/// Says how long the way is closed, which may be longer than this one reply asked for.
fn rate_limited(plan: &Plan, error: Error) -> Error {
    let client = &*plan.client.0;
    let wait = client.pacer.status(client.rate_limit).closed_for.unwrap_or_default();
    error.with(|e| {
        e.retry_after(wait).message(format!("too many requests (429): nothing may be sent for {}", seconds(wait)))
    })
}

fn failure(plan: &Plan, watch: &Watch, failure: Failure) -> (Error, Failed) {
    let Failure { kind, outcome, temporary, message, source } = failure;
    let error = Error::new(kind, message).with(|e| {
        let e = e.outcome(outcome).endpoint(plan.endpoint);
        let e = watch.status().into_iter().fold(e, crate::error::Details::status);
        source.into_iter().fold(e, crate::error::Details::source)
    });
    (error, Failed { kind, outcome, temporary, asked: Duration::ZERO })
}

/// The error of a call that was not given leave to send. After an attempt it stays the error of that attempt.
fn refused(plan: &Plan, refusal: Refusal, last: Option<Error>, attempts: u32) -> Error {
    let error = match refusal {
        Refusal::Closed { wait, warned } => {
            let message = if warned {
                format!(
                    "the server refused several requests in a row although each full wait had passed, and no request is \
                     repeated by itself now, lest it suspend the key; nothing may be sent for {}",
                    seconds(wait)
                )
            } else {
                format!(
                    "too many requests: the server asked to send nothing for {}, longer than this call may wait",
                    seconds(wait)
                )
            };
            Error::new(ErrorKind::RateLimited, message).with(|e| e.retry_after(wait))
        }
        Refusal::TooLate => {
            Error::new(ErrorKind::Timeout, "the rate limit leaves no time to send it before its deadline")
        }
        Refusal::QueueFull => Error::new(ErrorKind::RateLimited, "too many calls wait for the rate limit already"),
    };
    let (status, outcome) = last.map_or((None, Outcome::NotSent), |last| (last.status(), last.outcome()));
    error.with(|e| {
        let e = e.outcome(outcome).endpoint(plan.endpoint).attempts(attempts);
        status.into_iter().fold(e, crate::error::Details::status)
    })
}

/// So long from then; a time without end is a century.
fn after(start: Instant, limit: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    start + limit.min(CENTURY)
}

/// Whole seconds, rounded up: nobody should come back early.
fn seconds(wait: Duration) -> String {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    if seconds == 1 { "1 second".to_owned() } else { format!("{seconds} seconds") }
}
