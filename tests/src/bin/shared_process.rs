//! One of several processes that share a rate limit.
//!
//! `shared_process URL KEY_ID STORE CALLERS TIMEOUT_MS` sends creates with this number of callers until it is killed. The store is
//! the URL of a Redis or the path of a file. A caller ends with its first error. Each create and each error is a line on
//! standard output; the line of an error starts with its kind and its outcome.

use std::{env, time::Duration};

use meetbit_client::{ClientBuilder, Error, FileLimit, RateLimit, RedisLimit, RetryPolicy};
use meetbit_tests::{
    client::{builder, create, credentials},
    server::ledger::marker,
};
use tokio::task::JoinSet;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [url, id, store, callers, timeout] = &arguments[..] else { panic!("five arguments") };
    let builder = match with_store(builder(url), store).await {
        Ok(builder) => builder,
        Err(error) => return print(&error),
    };
    let client = builder
        .credentials(credentials(id))
        .rate_limit(RateLimit::default())
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
                    Err(error) => return print(&error),
                }
            }
        });
    }
    tasks.join_all().await;
}

async fn with_store(builder: ClientBuilder, store: &str) -> Result<ClientBuilder, Error> {
    Ok(match store {
        url if url.contains("://") => builder.shared_limit(RedisLimit::connect(url).await?),
        path => builder.shared_limit(FileLimit::open(path)?),
    })
}

fn print(error: &Error) {
    println!("{:?} {:?}: {error}", error.kind(), error.outcome());
}
