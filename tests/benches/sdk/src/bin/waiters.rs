//! `waiters NUMBER`: so many calls wait for the end of a `Retry-After`, and are granted leave one after another. Prints the
//! microseconds from one grant to the next.

use std::convert::Infallible;
use std::future::IntoFuture;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use meetbit_client::{Client, Credentials, Customers, NewCustomer, RateLimit};
use tokio::task::JoinSet;
use tower::service_fn;

/// Enough for all to queue up, under valgrind too.
const RETRY_AFTER: &str = "10";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let waiters: u32 = std::env::args().nth(1).and_then(|number| number.parse().ok()).expect("a number");
    let granted: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let grants = granted.clone();
    let answer = service_fn(move |_: http::Request<Bytes>| {
        let mut grants = grants.lock().unwrap_or_else(PoisonError::into_inner);
        grants.push(Instant::now());
        let mut reply = http::Response::new(Bytes::from_static(workload::REPLY.as_bytes()));
        if grants.len() == 1 {
            *reply.status_mut() = http::StatusCode::TOO_MANY_REQUESTS;
            reply.headers_mut().insert(http::header::RETRY_AFTER, http::HeaderValue::from_static(RETRY_AFTER));
        }
        std::future::ready(Ok::<_, Infallible>(reply))
    });
    let client = Client::builder("acme.example.com")
        .credentials(Credentials::new(workload::KEY_ID, workload::KEY_SECRET))
        .rate_limit(RateLimit::per_second(1_000_000).queue(20_000))
        .service(answer)
        .build()
        .expect("a client");
    let call = client.create_customer(&NewCustomer::new());
    let refused = tokio::spawn(call.clone().into_future());
    tokio::task::yield_now().await;
    let mut calls: JoinSet<_> = (0..waiters).map(|_| call.clone().into_future()).collect();
    while let Some(customer) = calls.join_next().await {
        customer.expect("a task that ends").expect("an answer");
    }
    refused.await.expect("a task that ends").expect("an answer");
    let granted = granted.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = &granted[1..];
    let took = waited.first().zip(waited.last()).map_or(0.0, |(first, last)| (*last - *first).as_secs_f64());
    println!("{:.1}", took * 1e6 / f64::from(waiters.max(1)));
}
