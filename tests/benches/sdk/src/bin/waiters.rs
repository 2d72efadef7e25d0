//! `waiters NUMBER REFUSALS SECONDS`: so many calls wait, after a `429`, for so many seconds to pass; the further `429`s come
//! while they wait. Then they are granted leave one after another. Prints the microseconds from one grant to the next.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use meetbit_client::{Client, Credentials, Customers, NewCustomer, RateLimit};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, yield_now};
use tower::service_fn;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<usize> = std::env::args().skip(1).map(|text| text.parse().expect("a number")).collect();
    let [waiters, refusals, seconds] = arguments[..] else { panic!("waiters NUMBER REFUSALS SECONDS") };
    let retry_after = HeaderValue::from(seconds);
    let granted: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let refuse = Arc::new(Semaphore::new(0));
    let (grants, may_refuse) = (granted.clone(), refuse.clone());
    let answer = service_fn(move |_: http::Request<Bytes>| {
        let mut grants = grants.lock().unwrap_or_else(PoisonError::into_inner);
        grants.push(Instant::now());
        let refused = grants.len() <= refusals;
        let (may_refuse, retry_after) = (may_refuse.clone(), retry_after.clone());
        async move {
            let mut reply = http::Response::new(Bytes::from_static(workload::REPLY.as_bytes()));
            if refused {
                may_refuse.acquire().await.expect("a semaphore that stays").forget();
                *reply.status_mut() = StatusCode::TOO_MANY_REQUESTS;
                reply.headers_mut().insert(header::RETRY_AFTER, retry_after);
            }
            Ok::<_, Infallible>(reply)
        }
    });
    let client = Client::builder("acme.example.com")
        .credentials(Credentials::new(workload::KEY_ID, workload::KEY_SECRET))
        .rate_limit(RateLimit::per_second(1_000_000).queue(20_000))
        .service(answer)
        .build()
        .expect("a client");
    let call = client.create_customer(&NewCustomer::new());
    let mut calls: JoinSet<_> = (0..refusals).map(|_| call.clone()).collect();
    let until_waiting = async |number| {
        while client.rate_limit_status().waiting < number {
            let left = granted.lock().unwrap_or_else(PoisonError::into_inner).len();
            assert!(left <= refusals, "the wait was over before all waited");
            yield_now().await;
        }
    };
    yield_now().await;
    refuse.add_permits(1);
    until_waiting(1).await;
    (0..waiters).for_each(|_| drop(calls.spawn(call.clone())));
    until_waiting(1 + waiters).await;
    refuse.add_permits(refusals - 1);
    until_waiting(refusals + waiters).await;
    while let Some(customer) = calls.join_next().await {
        customer.expect("a task that ends").expect("an answer");
    }
    let granted = granted.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = &granted[refusals..];
    let gaps = u32::try_from(waited.len() - 1).expect("as many as asked for");
    println!("{}", (waited[waited.len() - 1] - waited[0]).as_secs_f64() * 1e6 / f64::from(gaps.max(1)));
}
