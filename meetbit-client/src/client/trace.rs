//! The span of a call and its events, with the feature `tracing`. Without it, nothing is recorded.
//!
//! No event has a text of the server, because that may quote personal data.

use std::time::Duration;

use crate::error::Error;

/// Records that the request is sent again after `wait`.
#[cfg(not(feature = "tracing"))]
pub(crate) fn retry(_: &Error, _: Duration) {}

#[cfg(feature = "tracing")]
pub(crate) fn retry(error: &Error, wait: Duration) {
    tracing::warn!(
        target: "meetbit_client",
        call = error.endpoint().map(Endpoint::name),
        attempt = error.attempts(),
        reason = ?error.kind(),
        http.response.status_code = error.status().map(|status| status.as_u16()),
        wait_ms = millis(wait),
        "retry",
    );
}

#[cfg(feature = "tracing")]
use {
    crate::client::prepared::Prepared, crate::endpoint::Endpoint, crate::response::decode::Reply, std::future::Future,
    tokio::time::Instant, tracing::Instrument, tracing::Span, tracing::field,
};

/// Runs the call in its span.
#[cfg(feature = "tracing")]
pub(crate) async fn in_span(
    call: &Prepared,
    execution: impl Future<Output = Result<Reply, Error>>,
) -> Result<Reply, Error> {
    let (span, started) = (span(call), Instant::now());
    let result = execution.instrument(span.clone()).await;
    record(&span, &result);
    span.in_scope(|| finished(call.parts.endpoint, &result, started.elapsed()));
    result
}

/// The fields have the names of OpenTelemetry's HTTP semantic conventions.
#[cfg(feature = "tracing")]
fn span(call: &Prepared) -> Span {
    let (endpoint, url) = (call.parts.endpoint, &call.client.0.base_url.url);
    tracing::info_span!(
        target: "meetbit_client",
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
    )
}

#[cfg(feature = "tracing")]
fn record(span: &Span, result: &Result<Reply, Error>) {
    let (status, attempts) = match result {
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
}

#[cfg(feature = "tracing")]
fn finished(endpoint: &Endpoint, result: &Result<Reply, Error>, elapsed: Duration) {
    let elapsed_ms = millis(elapsed);
    match result {
        Ok(reply) => tracing::info!(
            target: "meetbit_client",
            call = endpoint.name(),
            attempts = reply.attempts,
            elapsed_ms,
            "reply received",
        ),
        Err(error) => tracing::warn!(
            target: "meetbit_client",
            call = endpoint.name(),
            attempts = error.attempts(),
            elapsed_ms,
            error.r#type = ?error.kind(),
            outcome = ?error.outcome(),
            "call failed",
        ),
    }
}

#[cfg(feature = "tracing")]
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
