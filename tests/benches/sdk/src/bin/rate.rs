//! `rate URL LIMIT`: 64 callers send as fast as the client lets them. Prints which part of the limit was used once the first
//! second is over, and how many requests were refused.

use std::time::{Duration, Instant};

use meetbit_client::{Client, Credentials, Customers, NewCustomer, RateLimit};
use tokio::task::JoinSet;

const TIME: Duration = Duration::from_secs(20);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let (url, limit) = (arguments.next().expect("a URL"), arguments.next().expect("a limit"));
    let limit: u32 = limit.parse().expect("a number");
    let client = Client::builder("acme.example.com")
        .base_url(url)
        .credentials(Credentials::new(workload::KEY_ID, workload::KEY_SECRET))
        .rate_limit(RateLimit::per_second(limit))
        .build()
        .expect("a client");
    let started = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..64 {
        let client = client.clone();
        callers.spawn(async move {
            let (mut counted, mut refused) = (0_u32, 0);
            loop {
                let response = client.create_customer(&NewCustomer::new()).send().await.expect("an answer");
                refused += response.attempts - 1;
                match started.elapsed() {
                    now if now > TIME => return (counted, refused),
                    now if now > Duration::from_secs(1) => counted += 1,
                    _ => {}
                }
            }
        });
    }
    let sums = callers.join_all().await;
    let (counted, refused) = sums.into_iter().fold((0, 0), |sum, caller| (sum.0 + caller.0, sum.1 + caller.1));
    let allowed = f64::from(limit) * (TIME.as_secs_f64() - 1.0);
    println!("{:.1}% {refused}", f64::from(counted) * 100.0 / allowed);
}
