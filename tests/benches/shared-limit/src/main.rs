//! `shared-limit STORE NUMBER`: makes this number of calls without a network, with a shared limit in a store: `none`, the URL of
//! a Redis, or the path of a file.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use meetbit_client::{Client, ClientBuilder, Credentials, Customers, FileLimit, NewCustomer, RateLimit, RedisLimit};
use tower::service_fn;
use workload::{KEY_ID, KEY_SECRET, REPLY};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [store, number] = &*arguments else { panic!("STORE NUMBER") };
    let number: u32 = number.parse().expect("a number of calls");
    let answer = service_fn(async |_: http::Request<Bytes>| {
        Ok::<_, Infallible>(http::Response::new(Bytes::from_static(REPLY.as_bytes())))
    });
    // A request counts until its answer, so that no call waits and the state is as small as with a few calls a second.
    let limit = RateLimit::per_second(1_000_000).min_round_trip(Duration::from_secs(2));
    let builder =
        Client::builder("acme.example.com").credentials(Credentials::new(KEY_ID, KEY_SECRET)).rate_limit(limit);
    let client = with_store(builder, store).await.service(answer).build().expect("a client");
    let ada = NewCustomer::new().first_name("Ada").email("ada@analytical-engines.example.com");
    for _ in 0..number {
        client.create_customer(&ada).await.expect("a customer");
    }
}

async fn with_store(builder: ClientBuilder, store: &str) -> ClientBuilder {
    match store {
        "none" => builder,
        url if url.contains("://") => builder.shared_limit(RedisLimit::connect(url).await.expect("a Redis")),
        path => builder.shared_limit(FileLimit::open(path).expect("a file")),
    }
}
