//! Carries out a call under a key: looks up what is known of the key, and sends the call, or does not.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep, timeout_at};

use crate::client::prepared::{Once, Prepared};
use crate::error::Error;
use crate::journal::failure::{StoreFailure, in_doubt, other_request, still_under_way};
use crate::journal::record::{Decision, Record, Request, decide};
use crate::journal::records::Key;
use crate::journal::session::Session;
use crate::rate_limit::moment::after;
use crate::response::decode::Reply;

/// The pauses between looks at a call that is under way elsewhere.
const PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

impl Once for Key {
    fn execute(self: Arc<Self>, call: Arc<Prepared>) -> Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send>> {
        Box::pin(async move {
            let endpoint = call.parts.endpoint;
            self.run(call).await.map_err(|error| match error.endpoint() {
                Some(_) => error,
                None => error.with(|e| e.endpoint(endpoint)),
            })
        })
    }
}

impl Key {
    async fn run(self: Arc<Self>, call: Arc<Prepared>) -> Result<Reply, Error> {
        let deadline = after(Instant::now(), call.timeout());
        let request = request(&call);
        let mut pause = PAUSE;
        loop {
            let failed =
                |failure: StoreFailure| failure.into_error("nothing was sent, because the journal cannot be read");
            let known = self.load(deadline).await.map_err(failed)?;
            match decide(known, &request.fingerprint, Timestamp::now()) {
                Decision::Replay(reply) => return Ok(reply.reply()),
                Decision::InDoubt { since, reason, outcome } => {
                    return Err(in_doubt(&self.name, since, &reason, outcome));
                }
                Decision::OtherRequest { endpoint } => return Err(other_request(&self.name, &endpoint)),
                Decision::Wait => {
                    if Instant::now() + pause >= deadline {
                        return Err(still_under_way(&self.name));
                    }
                    sleep(pause).await;
                    pause = (2 * pause).min(LONGEST_PAUSE);
                }
                Decision::Send { replaces, since } => {
                    let since = since.unwrap_or_else(Timestamp::now);
                    let session = Session::new(self.clone(), call.clone(), request.clone(), since, deadline, replaces);
                    if let Some(result) = Arc::new(session).send().await {
                        return result;
                    }
                }
            }
        }
    }

    async fn load(&self, deadline: Instant) -> Result<Option<(i64, Record)>, StoreFailure> {
        timeout_at(deadline, self.records.get(&self.name)).await.unwrap_or_else(|_| Err(StoreFailure::timeout()))
    }
}

/// What identifies the request of a call.
fn request(call: &Prepared) -> Request {
    let (endpoint, url) = (call.parts.endpoint, call.parts.url(&call.client.0.base_url));
    let mut hash = Sha256::new();
    for part in [endpoint.name().as_bytes(), endpoint.method().as_str().as_bytes(), url.as_str().as_bytes()] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.update(&call.parts.body);
    let fingerprint = base16ct::lower::encode_string(&hash.finalize());
    Request { fingerprint, endpoint: format!("{} ({endpoint})", endpoint.name()), is_raw: call.is_raw }
}
