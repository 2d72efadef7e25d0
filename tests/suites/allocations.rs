//! What calls allocate, to the block and to the byte. Nothing else may run in this test binary.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use meetbit_client::{Address, Client, Credentials, Customers, ListUsers, NewCustomer, RateLimit, Users};
use meetbit_tests::probe::allocations::{self, Allocator};
use meetbit_tests::server::replies;
use tower::service_fn;

#[global_allocator]
static ALLOCATOR: Allocator = allocations::ALLOCATOR;

/// Blocks of one call, most of them of reqwest, hyper and serde. Three belong to the task as which a started call runs, so
/// that it goes on while nobody polls its future. A block that grows counts again.
const MOST: u64 = 54;

/// The heap is everybody's: one test after the other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn a_call_allocates_no_more_than_it_did() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
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

#[test]
fn a_list_of_any_length_holds_one_page() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let [one, many] = [1, 1_000].map(most_held);
    // A page is remembered by a hash of 8 bytes, in a table that doubles.
    assert!(many - one <= 1_000 * 32, "bytes held: {one} with one page and {many} with a thousand");
}

/// The most bytes that were held while a list of so many pages was read.
fn most_held(pages: u32) -> usize {
    const SIZE: u32 = 100;
    let left = Arc::new(AtomicU32::new(0));
    let (asked, full) = (left.clone(), users(1_000..1_000 + SIZE));
    let answer = service_fn(move |_: Request<Bytes>| {
        let left = asked.load(Ordering::Relaxed);
        asked.store(left.saturating_sub(1), Ordering::Relaxed);
        let page = if left > 0 { full.clone() } else { users(0..0) };
        let mut body = BytesMut::from(&page[..]); // one that is kept is then counted
        if let Some(mark) = page.windows(4).position(|part| part == b"1000") {
            body[mark..mark + 4].copy_from_slice(&(1_000 + left).to_string().as_bytes()[..4]); // each page is another
        }
        let body = body.freeze();
        std::future::ready(Ok::<_, Infallible>(Response::new(body)))
    });
    // Paced, each page would wait; what the pacer keeps of the last second is not the list's.
    let client = Client::builder("acme.example.com")
        .credentials(Credentials::new("id", "secret"))
        .rate_limit(RateLimit::unlimited())
        .service(answer)
        .build()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let read = |pages: u32| {
        left.store(pages, Ordering::Relaxed);
        let mut seen = 0;
        // Numbers of as many digits, so that every query is as long.
        let mut list = client.list_users(&ListUsers::new()).pages(SIZE).from_page(1_000_000);
        runtime.block_on(async {
            tokio::task::yield_now().await; // the runtime takes a few bytes for the first task that does
            while let Some(page) = list.next().await {
                seen += page.unwrap().len();
            }
        });
        assert_eq!(seen, (pages * SIZE) as usize);
    };
    read(200); // the lengths of the last trips are kept: enough of them
    (0..3).map(|_| allocations::measure(|| read(pages)).1.peak_bytes).min().unwrap()
}

/// A page of these users.
fn users(ids: std::ops::Range<u32>) -> Bytes {
    let users: Vec<_> = ids.map(|id| format!(r#"{{"id":{id},"email":"grace.{id}@example.com"}}"#)).collect();
    format!(r#"{{"message":"Users retrieved.","data":[{}]}}"#, users.join(",")).into()
}
