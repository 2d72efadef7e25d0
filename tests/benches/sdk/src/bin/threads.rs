//! `threads NUMBER shared|apart CALLS`: so many threads make calls without a network, with one key or each with its own. Prints
//! the nanoseconds that a call took, over all threads.

use std::convert::Infallible;
use std::time::Instant;

use bytes::Bytes;
use meetbit_client::{Client, Credentials, Customers, NewCustomer, RateLimit};
use tower::service_fn;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [threads, keys, calls] = &*arguments else { panic!("threads NUMBER shared|apart CALLS") };
    let number = |text: &str| text.parse::<u32>().expect("a number");
    let (threads, calls) = (number(threads), number(calls));
    let clients: Vec<_> = (0..threads).map(|thread| client(if keys == "shared" { 0 } else { thread })).collect();
    let started = Instant::now();
    std::thread::scope(|scope| {
        for client in clients {
            scope.spawn(move || make(&client, calls));
        }
    });
    println!("{}", started.elapsed().as_nanos() / u128::from(threads * calls));
}

/// Another tenant for each number, since the keys of one tenant share its limit.
fn client(tenant: u32) -> Client {
    let answer = service_fn(async |_: http::Request<Bytes>| {
        Ok::<_, Infallible>(http::Response::new(Bytes::from_static(workload::REPLY.as_bytes())))
    });
    Client::builder(format!("tenant-{tenant}.example.com"))
        .credentials(Credentials::new(workload::KEY_ID, workload::KEY_SECRET))
        .rate_limit(RateLimit::per_second(10_000_000))
        .service(answer)
        .build()
        .expect("a client")
}

fn make(client: &Client, calls: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let ada = NewCustomer::new().first_name("Ada");
    runtime.block_on(async {
        for _ in 0..calls {
            client.create_customer(&ada).await.expect("a customer");
        }
    });
}
