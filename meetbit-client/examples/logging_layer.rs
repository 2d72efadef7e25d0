//! Logs every attempt of a call with a tower layer, without secrets and without personal data.
//!
//! ```sh
//! cargo run -p meetbit-client --features sandbox --example logging_layer
//! ```
//!
//! A layer sees whole bodies, as `Bytes`, so layers that wrap a body, such as tower-http's `TraceLayer`, do not fit.
//! Layers that only look at or change a request or response do: `SetRequestHeaderLayer`, `MapRequestLayer`, or this one.
//! The feature `tracing` logs calls, retries and waits without a layer.
//!
//! It needs `cargo add tower --features util`.

use std::process::ExitCode;
use std::time::Instant;

use meetbit_client::http::{Request, Response};
use meetbit_client::sandbox::{Fault, Sandbox};
use meetbit_client::{Bytes, Client, Error, ListUsers, Transport, Users};
use tower::layer::layer_fn;
use tower::{BoxError, ServiceExt, service_fn};

const USAGE: &str = "usage: logging_layer\n\nLogs the attempts of a call to a sandbox. It takes no arguments.";

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

async fn run() -> Result<(), Error> {
    let sandbox = Sandbox::start().await?;
    let client = Client::builder("acme.example.com")
        .base_url(sandbox.base_url())
        .credentials(sandbox.credentials())
        .layer(layer_fn(|inner: Transport| service_fn(move |request| logged(inner.clone(), request))))
        .build()?;

    // The layer runs once per attempt, so this call writes two lines.
    sandbox.fault(Fault::reset());
    let users = client.list_users(&ListUsers::new()).await?;
    println!("{} users", users.len());
    Ok(())
}

async fn logged(inner: Transport, request: Request<Bytes>) -> Result<Response<Bytes>, BoxError> {
    // Neither the query nor the body is logged, because both can contain personal data.
    let line = format!("{} {} {}", request.method(), request.uri().path(), headers(&request));
    let start = Instant::now();
    let result = inner.oneshot(request).await;
    let outcome = match &result {
        Ok(response) => response.status().to_string(),
        Err(error) => error.to_string(),
    };
    println!("{line} -> {outcome} in {:?}", start.elapsed());
    result
}

/// The key headers are marked as sensitive, so that a layer can tell which values are secret.
fn headers(request: &Request<Bytes>) -> String {
    let headers = request.headers().iter().map(|(name, value)| {
        let value = if value.is_sensitive() { "[redacted]" } else { value.to_str().unwrap_or("[not text]") };
        format!("{name}: {value}")
    });
    headers.collect::<Vec<_>>().join(", ")
}
