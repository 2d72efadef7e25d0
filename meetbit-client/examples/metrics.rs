//! Counts calls, retries and waits with the crate `metrics`.
//!
//! ```sh
//! cargo run -p meetbit-client --features sandbox,tracing --example metrics
//! ```
//!
//! The counts come from the events of the feature `tracing`, because a tower layer sees neither calls nor waits: it runs once
//! for each attempt, and the wait for the rate limit is below it. The events have the target `meetbit_client`:
//!
//! | message | fields | counted as |
//! |---|---|---|
//! | `reply received` | `call`, `attempts`, `elapsed_ms` | `meetbit_calls` with the outcome `ok`, `meetbit_call_milliseconds` |
//! | `call failed` | `call`, `attempts`, `elapsed_ms`, `error.type`, `outcome` | `meetbit_calls` with the outcome `error`, `meetbit_call_milliseconds` |
//! | `retry` | `call`, `attempt`, `reason`, `wait_ms` | `meetbit_retries` |
//! | `waited for the rate limit` | `waited_ms`, `reason` | `meetbit_waits`, `meetbit_wait_milliseconds` |
//! | `gate closed` | `wait_ms` | `meetbit_gate_closed` |
//!
//! A program installs an exporter, such as `metrics-exporter-prometheus`, instead of the recorder here. It needs
//! `cargo add metrics tracing`, and `cargo add tracing-subscriber --no-default-features --features registry,std`.

use std::collections::BTreeMap;
use std::fmt;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use meetbit_client::sandbox::{Fault, Sandbox};
use meetbit_client::{Client, Error, ListUsers, RateLimit, Users};
use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit, counter,
    histogram,
};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

const USAGE: &str = "usage: metrics\n\nCounts calls to a sandbox. It takes no arguments.";

#[tokio::main]
async fn main() -> ExitCode {
    if let Some(argument) = std::env::args().nth(1) {
        if ["--help", "-h"].contains(&argument.as_str()) {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        eprintln!("unexpected argument `{argument}`\n\n{USAGE}");
        return ExitCode::from(2);
    }
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let recorder = Totals::default();
    metrics::set_global_recorder(recorder.clone())?;
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Metrics))?;
    calls().await?;
    print!("{recorder}");
    Ok(())
}

/// Two calls, a retry and a wait.
async fn calls() -> Result<(), Error> {
    let sandbox = Sandbox::start().await?;
    let client = Client::builder("acme.example.com")
        .base_url(sandbox.base_url())
        .credentials(sandbox.credentials())
        .rate_limit(RateLimit::per_second(2))
        .build()?;
    sandbox.fault(Fault::reset());
    client.list_users(&ListUsers::new()).await?;
    client.list_users(&ListUsers::new()).await?; // the third request of this second waits
    Ok(())
}

/// Turns the client's events into metrics.
struct Metrics;

impl<S: Subscriber> Layer<S> for Metrics {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != "meetbit_client" {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let call = fields.call;
        match fields.message.as_str() {
            "reply received" => finished(call, "ok", fields.elapsed_ms),
            "call failed" => finished(call, "error", fields.elapsed_ms),
            "retry" => counter!("meetbit_retries", "call" => call, "reason" => fields.reason).increment(1),
            "waited for the rate limit" => {
                counter!("meetbit_waits", "reason" => fields.reason).increment(1);
                histogram!("meetbit_wait_milliseconds").record(fields.waited_ms);
            }
            "gate closed" => counter!("meetbit_gate_closed").increment(1),
            _ => {}
        }
    }
}

fn finished(call: String, outcome: &'static str, elapsed_ms: f64) {
    counter!("meetbit_calls", "call" => call.clone(), "outcome" => outcome).increment(1);
    histogram!("meetbit_call_milliseconds", "call" => call).record(elapsed_ms);
}

/// The fields of an event that become metrics.
#[derive(Default)]
struct Fields {
    message: String,
    call: String,
    reason: String,
    elapsed_ms: f64,
    waited_ms: f64,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "call" {
            value.clone_into(&mut self.call);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a call takes less than 285,000 years")]
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "elapsed_ms" => self.elapsed_ms = value as f64,
            "waited_ms" => self.waited_ms = value as f64,
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "reason" => self.reason = format!("{value:?}"),
            _ => {}
        }
    }
}

/// The least recorder: the sum of each counter, and the number of values of each histogram.
#[derive(Clone, Default)]
struct Totals(Arc<Mutex<BTreeMap<String, Arc<Total>>>>);

#[derive(Default)]
struct Total(AtomicU64);

impl Totals {
    fn total(&self, key: &Key) -> Arc<Total> {
        let labels = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect::<Vec<_>>();
        let name = format!("{} {}", key.name(), labels.join(" "));
        let mut totals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        totals.entry(name.trim_end().to_owned()).or_default().clone()
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let totals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        totals.iter().try_for_each(|(name, total)| writeln!(f, "{name}: {}", total.0.load(Ordering::Relaxed)))
    }
}

impl CounterFn for Total {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, value: u64) {
        self.0.fetch_max(value, Ordering::Relaxed);
    }
}

impl HistogramFn for Total {
    fn record(&self, _: f64) {
        self.increment(1);
    }
}

impl Recorder for Totals {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.total(key))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.total(key))
    }
}
