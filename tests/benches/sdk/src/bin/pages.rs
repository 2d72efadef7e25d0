//! `pages NUMBER`: reads a list of so many users, 100 at a time, without a network.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::{Bytes, BytesMut};
use meetbit_client::{Client, Credentials, ListUsers, RateLimit, Users};
use tower::service_fn;

const SIZE: u32 = 100;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let users: u32 = std::env::args().nth(1).and_then(|number| number.parse().ok()).expect("a number");
    let sent = Arc::new(AtomicU32::new(0));
    let (full, none) = (list(1_000_000..1_000_000 + SIZE), list(0..0));
    let id = full.windows(7).position(|part| part == b"1000000").expect("the first id");
    let answer = service_fn(move |_: http::Request<Bytes>| {
        let sent = sent.fetch_add(1, Ordering::Relaxed);
        let is_full = sent < users / SIZE;
        let mut list = BytesMut::from(if is_full { &full[..] } else { &none[..] }); // a body that is kept is then counted
        if is_full {
            // Each page is another, because a page that comes again ends the list.
            list[id..id + 7].copy_from_slice((1_000_000 + sent).to_string().as_bytes());
        }
        std::future::ready(Ok::<_, Infallible>(http::Response::new(list.freeze())))
    });
    let client = Client::builder("acme.example.com")
        .credentials(Credentials::new(workload::KEY_ID, workload::KEY_SECRET))
        .rate_limit(RateLimit::unlimited()) // a limit remembers the requests of the last second, which are not the list's
        .service(answer)
        .build()
        .expect("a client");
    let mut pages = client.list_users(&ListUsers::new()).pages(SIZE);
    let mut seen = 0;
    while let Some(page) = pages.next().await {
        seen += page.expect("a page").len();
    }
    assert_eq!(seen, users as usize);
}

/// Puts no more on the heap than the list, which would hide what is held later.
fn list(ids: std::ops::Range<u32>) -> Bytes {
    let mut list = String::with_capacity(1_000 * ids.len() + 100);
    list.push_str(r#"{"message":"Users retrieved.","data":["#);
    for id in ids {
        list.push_str(if list.ends_with('[') { "" } else { "," });
        list.push_str(&user(id));
    }
    list.push_str("]}");
    list.into()
}

fn user(id: u32) -> String {
    let start = r#"{"hour":9,"minute":0,"second":0}"#;
    let end = r#"{"hour":17,"minute":0,"second":0}"#;
    let day = format!(r#"[{{"start":{start},"end":{end}}}]"#);
    format!(
        r#"{{"id":{id},"department_id":7,"first_name":"Grace","last_name":"Hopper","email":"grace.{id}@example.com",
        "status":1,"timezone":"America/New_York","role":"Agent","work_hours":{{"monday":{day},"tuesday":{day},
        "wednesday":{day},"thursday":{day},"friday":{day}}},"created_at":"2024-08-22T01:04:05.000000Z",
        "updated_at":"2024-08-22T01:04:05.000000Z","deleted_at":null}}"#
    )
}
