//! A whole receiver of webhooks with axum: verifies, ignores repeats, answers at once, works afterwards.
//!
//! ```sh
//! MEETBIT_WEBHOOK_SECRET=... cargo run -p meetbit-tests --example webhook_axum
//! ```
//!
//! listens on `127.0.0.1:3000` for `POST /webhooks`; with `--once` it sends itself a webhook and its repeat instead, says what
//! happened, and ends.

use std::{env, error::Error, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{FromRequest, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use meetbit_client::webhook::{Deduplicator, Event, MemoryDeduplicator, Seen, Signer, Verifier, Webhook};
use tokio::{net::TcpListener, sync::mpsc};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    if env::args().any(|argument| argument == "--once") {
        return once().await;
    }
    let secret =
        env::var("MEETBIT_WEBHOOK_SECRET").map_err(|_| "set MEETBIT_WEBHOOK_SECRET to the destination's secret")?;
    let (receiver, queue) = Receiver::new(Verifier::new(secret)?);
    tokio::spawn(work(queue));
    axum::serve(TcpListener::bind("127.0.0.1:3000").await?, receiver.router()).await?;
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
        let (queue, taken) = mpsc::channel(1000);
        (Self { verifier, seen: Arc::new(MemoryDeduplicator::new()), queue }, taken)
    }

    fn router(self) -> Router {
        Router::new().route("/webhooks", post(receive)).with_state(self)
    }
}

/// Never waits, so the answer is far within the 10 seconds.
///
/// This queue is in memory, so a crash loses what is in it: where that matters, write the webhook to a table or broker here.
async fn receive(State(receiver): State<Receiver>, Verified(webhook): Verified) -> StatusCode {
    // A place is taken before the id is remembered: a webhook that finds no place is no repeat when it comes again.
    let Ok(place) = receiver.queue.try_reserve() else {
        return StatusCode::SERVICE_UNAVAILABLE;
    };
    match receiver.seen.check(&webhook.id) {
        Seen::First => place.send(webhook),
        Seen::Repeat => println!("webhook {} came again: ignored", webhook.id),
    }
    StatusCode::NO_CONTENT
}

/// A webhook whose signature was checked over the raw body, which axum limits to 2 MB.
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

/// Serves on a free port, sends itself a webhook, its repeat and a forgery, and checks the answers.
async fn once() -> Result<(), Box<dyn Error>> {
    let (receiver, mut queue) = Receiver::new(Verifier::new("a secret for this run")?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/webhooks", listener.local_addr()?);
    let server = tokio::spawn(axum::serve(listener, receiver.router()).into_future());

    let body = r#"{"event":"meeting_links.scheduled","data":{"id":1234}}"#;
    let headers = Signer::new("a secret for this run")?.headers("3f0e2f9b", jiff::Timestamp::now(), body.as_bytes())?;
    let client = reqwest::Client::new();
    let tries = [("a webhook", body, 204), ("its repeat", body, 204), ("a forgery", "{}", 401)];
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
