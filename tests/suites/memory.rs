//! Bounded in memory: promise 13.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    io::Write,
    sync::Mutex,
    time::{Duration, Instant},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use meetbit_client::{Client, Credentials, ErrorKind, Outcome};
use meetbit_tests::{
    client::{builder, create},
    probe::{
        allocations::{self, Allocator},
        lateness::Lateness,
    },
    server::{
        ledger::marker,
        raw_server::RawServer,
        replies,
        script::{Plan, Script},
    },
};
use tokio::runtime;

#[global_allocator]
static ALLOCATOR: Allocator = allocations::ALLOCATOR;

const MIB: usize = 1024 * 1024;

/// The heap is everybody's: one test after the other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// What a reply with this much body comes to, and the heap that it took.
fn too_large(script: Script, max: usize, status: u16) -> usize {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let server = RawServer::start(Plan::each(move |_| script.clone()));
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = builder(&server.url()).max_response_size(max).build().unwrap();
    let control = Lateness::watch();
    let started = Instant::now();
    let (error, used) = allocations::measure(|| runtime.block_on(create(&client, &marker(1))).unwrap_err());
    control.assert_within(started.elapsed(), Duration::from_secs(5));
    if status == 200 {
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::TooLarge, Outcome::Done));
    } else {
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Server, Outcome::Unknown));
    }
    used.peak_bytes
}

fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Script {
    Script::new().read_request().write(replies::reply(status, headers, body)).close()
}

/// 200 MB of blanks, which are 200 kB.
fn bomb() -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let blanks = vec![b' '; MIB];
    (0..200).for_each(|_| encoder.write_all(&blanks).unwrap());
    encoder.finish().unwrap().into()
}

#[test]
fn promise_13_a_gzip_bomb_ends_at_the_limit() {
    let bomb = bomb();
    assert!((190_000..230_000).contains(&bomb.len()), "{}", bomb.len());
    for max in [8 * MIB, MIB, 1000] {
        let used = too_large(answer(200, &[("content-encoding", "gzip")], &bomb), max, 200);
        assert!(used < max + 2 * MIB, "{used} with {max}");
    }
    let used = too_large(answer(500, &[("content-encoding", "gzip")], &bomb), 8 * MIB, 500);
    assert!(used < 10 * MIB, "{used}");
}

#[test]
fn promise_13_endless_text_ends_at_the_limit() {
    let text = "x".repeat(MIB);
    let heads = [
        replies::head(200, &[("content-length", "300000000")]),
        replies::head(200, &[]),
        replies::head(500, &[("content-length", "300000000")]),
    ];
    for head in heads {
        let status = head[9..12].parse().unwrap();
        let script = Script::new().read_request().write(head).flood(text.clone(), Duration::ZERO);
        let used = too_large(script, 8 * MIB, status);
        assert!(used < 10 * MIB, "{used} with {status}");
    }
    let chunk = format!("100000\r\n{text}\r\n");
    let chunked = Script::new().read_request().write(replies::head(200, &[("transfer-encoding", "chunked")]));
    let used = too_large(chunked.flood(chunk, Duration::ZERO), 8 * MIB, 200);
    assert!(used < 10 * MIB, "{used} in chunks");
}

#[test]
fn promise_13_an_endless_head_ends() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let flood =
        Script::new().read_request().write("HTTP/1.1 200 OK\r\n").flood("x: y\r\n".repeat(1000), Duration::ZERO);
    let server = RawServer::start(Plan::each(move |_| flood.clone()));
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = builder(&server.url()).timeout(Duration::from_secs(5)).build().unwrap();
    let (error, used) = allocations::measure(|| runtime.block_on(create(&client, &marker(1))).unwrap_err());
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Network, Outcome::Unknown));
    assert!(used.peak_bytes < 2 * MIB, "{}", used.peak_bytes);
}

#[test]
fn promise_13_a_reply_of_exactly_the_limit_is_read() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let server = RawServer::start(Plan::respond(|_| replies::customer()));
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let size = replies::CUSTOMER.len();
    let exact = builder(&server.url()).max_response_size(size).build().unwrap();
    runtime.block_on(create(&exact, &marker(1))).unwrap();
    let less = builder(&server.url()).max_response_size(size - 1).build().unwrap();
    let error = runtime.block_on(create(&less, &marker(1))).unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::TooLarge, Outcome::Done));
}

#[test]
fn promise_13_a_limit_without_end_is_no_panic() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let body = replies::CUSTOMER.to_owned() + &" ".repeat(20 * MIB);
    let server = RawServer::start(Plan::respond(move |_| replies::reply(200, &[], &body)));
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for max in [usize::MAX, usize::MAX / 2, 100 * MIB] {
        let client = builder(&server.url()).max_response_size(max).build().unwrap();
        let (_, used) = allocations::measure(|| runtime.block_on(create(&client, &marker(1))).unwrap());
        assert!(used.peak_bytes < 100 * MIB, "{}", used.peak_bytes);
    }
}

#[test]
fn promise_13_an_error_of_many_values_takes_no_more_than_its_text() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let values = format!("[{}0]", "0,".repeat(4 * MIB));
    for status in [400, 401] {
        let reply = replies::reply(status, &[], &values);
        let server = RawServer::start(Plan::respond(move |_| reply.clone()));
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = builder(&server.url()).build().unwrap();
        let (_, used) = allocations::measure(|| runtime.block_on(create(&client, &marker(1))).unwrap_err());
        assert!(used.peak_bytes < 10 * MIB, "{} with {status}", used.peak_bytes);
    }
}

/// Builds a client for each of so many tenants.
fn clients(count: usize) -> Vec<Client> {
    let tenant = |n| {
        let client = Client::builder(format!("tenant-{n}.example.com")).credentials(Credentials::new("id", "secret"));
        client.build().unwrap()
    };
    (0..count).map(tenant).collect()
}

/// The CPU time of this thread so far.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

#[test]
fn promise_13_clients_share_their_tls_configuration() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let started = cpu_time();
    drop(clients(1));
    println!("the first client: {:?} of CPU", cpu_time().saturating_sub(started));
    for count in [1, 100, 1000] {
        let started = cpu_time();
        drop(clients(count));
        let each = (cpu_time().saturating_sub(started)) / u32::try_from(count).unwrap();
        let (clients, used) = allocations::measure(|| clients(count));
        println!("{count} clients more: {each:?} of CPU and {} bytes each", used.peak_bytes / count);
        assert!(used.peak_bytes / count <= 20 * 1024, "{count}: {used:?}");
        // The least of several runs, because another thread may take the caches away.
        let least = (0..3).map(|_| {
            let started = cpu_time();
            drop(self::clients(count));
            (cpu_time().saturating_sub(started)) / u32::try_from(count).unwrap()
        });
        assert!(count < 1000 || least.min().unwrap().min(each) <= Duration::from_micros(200), "{each:?}");
        drop(clients);
    }
}

/// serde quotes a text that has the wrong type, which would take several times its length.
#[test]
fn promise_13_a_long_text_of_the_wrong_type_takes_no_more_than_the_reply() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let text = "x".repeat(3 * MIB);
    let escaped = "\\u0001".repeat(MIB / 2);
    let (text, escaped) = (format!("\"{text}\""), format!("\"{escaped}\""));
    let bodies = [
        format!(r#"{{"data":{{"id":{text}}}}}"#),
        format!(r#"{{"data":{{"id":{escaped}}}}}"#),
        format!(r#"{{"data":{text}}}"#),
        format!(r#"{{"data":{{"id":1,"address":{text}}}}}"#),
        format!(r#"{{"data":{{"id":1,"created_at":{text}}}}}"#),
        format!(r#"{{"data":{{"id":1,{text}:1}}}}"#),
        format!(r#"{{"message":{{"a":{text}}},"data":{{"id":null}}}}"#),
        text.clone(),
    ];
    for body in bodies {
        let start = body[..40].to_owned();
        let body = Bytes::from(body);
        let answer = tower::service_fn(move |_: http::Request<Bytes>| {
            std::future::ready(Ok::<_, std::convert::Infallible>(http::Response::new(body.clone())))
        });
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = builder("http://127.0.0.1:9").service(answer).build().unwrap();
        let (error, used) = allocations::measure(|| runtime.block_on(create(&client, &marker(1))).unwrap_err());
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Decode, Outcome::Done), "{start}");
        assert!(error.to_string().len() < 1000, "{start}");
        assert!(used.peak_bytes < MIB, "{} besides the reply, with {start}", used.peak_bytes);
    }
}
