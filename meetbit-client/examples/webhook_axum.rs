//! A complete receiver of webhooks with axum: it verifies, ignores repeats, answers at once and does the work afterwards.
//!
//! ```sh
//! MEETBIT_WEBHOOK_SECRET=... cargo run -p meetbit-client --features webhooks --example webhook_axum
//! ```
//!
//! In a crate of your own it needs `cargo add axum`.
//!
//! It listens on `127.0.0.1:3000` for `POST /webhooks`, or on the address of `--listen`. With `--once` it sends itself a webhook, a repeat and a forgery, prints
//! the answers, and ends.

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use meetbit_client::webhook::{Deduplicator, Event, MemoryDeduplicator, Seen, Signer, Verifier, Webhook};
use meetbit_client::{jiff, reqwest};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const USAGE: &str = "\
usage: webhook_axum [--once | --listen ADDRESS]

Receives webhooks at http://127.0.0.1:3000/webhooks until Ctrl-C.

  --listen ADDRESS  listen on this address and port instead
  --once            send a webhook, a repeat and a forgery to itself, and end
  --help            print this text

environment:
  MEETBIT_WEBHOOK_SECRET  the secret of the webhook destination; not needed for --once";

const ADDRESS: &str = "127.0.0.1:3000";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => serve(ADDRESS).await,
        ["--listen", address] => serve(address).await,
        ["--once"] => once().await,
        ["--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => {
            eprintln!("unexpected arguments: {}\n\n{USAGE}", arguments.join(" "));
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(address: &str) -> Result<(), Box<dyn Error>> {
    let secret = env::var("MEETBIT_WEBHOOK_SECRET").unwrap_or_default();
    if secret.is_empty() {
        return Err("set MEETBIT_WEBHOOK_SECRET to the secret of the webhook destination".into());
    }
    let (receiver, queue) = Receiver::new(Verifier::new(secret)?);
    tokio::spawn(work(queue));
    let listener = TcpListener::bind(address).await.map_err(|error| format!("{address} cannot be used: {error}"))?;
    println!("listening on http://{}/webhooks", listener.local_addr()?);
    axum::serve(listener, receiver.router()).await?;
    Ok(())
}

#[derive(Clone)]
struct Receiver {
    verifier: Verifier,
    seen: Arc<dyn Deduplicator>,
    queue: mpsc::Sender<Webhook>,
}

impl Receiver {
    fn new(verifier: Verifier) -> (Self, mpsc::Receiver<Webhook>) {
        let (queue, receiver) = mpsc::channel(1000);
        (Self { verifier, seen: Arc::new(MemoryDeduplicator::new()), queue }, receiver)
    }

    fn router(self) -> Router {
        Router::new().route("/webhooks", post(receive)).with_state(self)
    }
}

/// Does not wait, because MeetBit expects the answer within 10 seconds.
///
/// The queue is in memory, so a crash loses its webhooks. If that matters, write the webhook to a table or a broker here.
async fn receive(State(receiver): State<Receiver>, Verified(webhook): Verified) -> StatusCode {
    // Reserves room in the queue before the id is remembered, so that a webhook that finds the queue full is not ignored as
    // a repeat when MeetBit sends it again.
    let Ok(permit) = receiver.queue.try_reserve() else {
        return StatusCode::SERVICE_UNAVAILABLE;
    };
    match receiver.seen.check(&webhook.id) {
        Seen::First => permit.send(webhook),
        Seen::Repeat => println!("ignored a repeat of webhook {}", webhook.id),
    }
    StatusCode::NO_CONTENT
}

/// A webhook with a verified signature over the raw body, which axum limits to 2 MB.
struct Verified(Webhook);

impl FromRequest<Receiver> for Verified {
    type Rejection = Response;

    async fn from_request(request: Request, receiver: &Receiver) -> Result<Self, Self::Rejection> {
        let headers = request.headers().clone();
        let body = Bytes::from_request(request, receiver).await.map_err(IntoResponse::into_response)?;
        match receiver.verifier.verify(&headers, &body) {
            Ok(webhook) => Ok(Self(webhook)),
            Err(error) => {
                eprintln!("webhook refused: {error}");
                Err(error.status().into_response())
            }
        }
    }
}

async fn work(mut queue: mpsc::Receiver<Webhook>) {
    while let Some(webhook) = queue.recv().await {
        handle(&webhook);
    }
}

fn handle(webhook: &Webhook) {
    match &webhook.event {
        Event::MeetingLinkScheduled(link) => println!("meeting link {} was scheduled", link.id),
        Event::EventCreated(event) => println!("event {} was created (or reassigned)", event.id),
        Event::EventDeleted(event) => println!("event {} was cancelled", event.id),
        other => println!("nothing to do for {}", other.name()),
    }
}

/// Serves on a free port, sends itself a webhook, a repeat and a forgery, and checks the answers.
async fn once() -> Result<(), Box<dyn Error>> {
    let (receiver, mut queue) = Receiver::new(Verifier::new("a secret for this run")?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/webhooks", listener.local_addr()?);
    let server = tokio::spawn(axum::serve(listener, receiver.router()).into_future());

    let body = r#"{"event":"meeting_links.scheduled","data":{"id":1234}}"#;
    let headers = Signer::new("a secret for this run")?.headers("3f0e2f9b", jiff::Timestamp::now(), body.as_bytes())?;
    let client = reqwest::Client::new();
    let tries = [("a webhook", body, 204), ("a repeat", body, 204), ("a forgery", "{}", 401)];
    for (what, body, expected) in tries {
        let answer = client.post(&url).headers(headers.clone()).body(body).send().await?;
        println!("sent {what}: answered {}", answer.status());
        if answer.status() != expected {
            return Err(format!("{what} should have been answered with {expected}").into());
        }
    }

    let queued = queue.recv().await.ok_or("the webhook should be in the queue")?;
    handle(&queued);
    if queue.try_recv().is_ok() {
        return Err("the repeat should not be in the queue".into());
    }
    server.abort();
    Ok(())
}
