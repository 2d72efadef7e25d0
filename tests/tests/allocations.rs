//! What one call allocates, to the block. Nothing else may run in this test binary.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use meetbit_client::{Address, Client, Credentials, Customers, NewCustomer, RateLimit};
use meetbit_tests::allocations::{self, Allocator};
use meetbit_tests::replies;

#[global_allocator]
static ALLOCATOR: Allocator = allocations::ALLOCATOR;

/// Blocks of one call: of reqwest, of hyper and of serde for the most part. A block that grows counts again.
const MOST: u64 = 51;

#[test]
fn a_call_allocates_no_more_than_it_did() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/api/public/v2.0", listener.local_addr().unwrap());
    std::thread::spawn(move || answer(listener.accept().unwrap().0));

    let client = Client::builder("acme.example.com")
        .base_url(url)
        .credentials(Credentials::new("id", "secret"))
        .rate_limit(RateLimit::per_second(1_000_000))
        .build()
        .unwrap();
    let address = Address::new().line_1("12 St James's Square").city("London").country_code("GB");
    let ada = NewCustomer::new().first_name("Ada").last_name("Lovelace").email("ada@example.com").address(address);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let call = || drop(runtime.block_on(async { client.create_customer(&ada).await.unwrap() }));

    call(); // connects
    // The least of many counts: what happens now and then (a clock's tick, a buffer that is full) is not the call's.
    let least = (0..100).map(|_| allocations::measure(call).1.count).min().unwrap();
    assert!(least <= MOST, "{least} blocks");
}

/// Answers every request without allocating: each comes in one piece.
fn answer(mut stream: TcpStream) {
    let reply = replies::customer();
    let mut received = [0; 4096];
    while stream.read(&mut received).unwrap() > 0 {
        stream.write_all(&reply).unwrap();
    }
}
