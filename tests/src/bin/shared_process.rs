//! One of several processes that share a rate limit in a file.
//!
//! `shared_process URL KEY_ID PATH CALLERS TIMEOUT_MS` sends creates with this number of callers until it is killed. A caller
//! ends with its first error. Each create and each error is a line on standard output.

use std::{env, time::Duration};

use meetbit_client::{FileLimit, RateLimit, RetryPolicy};
use meetbit_tests::{
    client::{builder, create, credentials},
    server::ledger::marker,
};
use tokio::task::JoinSet;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [url, id, path, callers, timeout] = &arguments[..] else { panic!("five arguments") };
    let client = builder(url)
        .credentials(credentials(id))
        .rate_limit(RateLimit::default())
        .shared_limit(FileLimit::open(path).expect("the file can be used"))
        .timeout(Duration::from_millis(timeout.parse().expect("a number")))
        .retry(RetryPolicy::never())
        .build()
        .expect("the settings are fine");
    let mut tasks = JoinSet::new();
    for _ in 0..callers.parse().expect("a number") {
        let client = client.clone();
        tasks.spawn(async move {
            loop {
                match create(&client, &marker(0)).await {
                    Ok(_) => println!("created"),
                    Err(error) => return println!("{:?} {:?}", error.kind(), error.outcome()),
                }
            }
        });
    }
    tasks.join_all().await;
}
