//! What a shared limit costs: the figures of BENCHMARKS.md. With `MEETBIT_SOAK`, with up to 64 processes.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    convert::Infallible,
    env,
    time::{Duration, Instant},
};

use bytes::Bytes;
use meetbit_client::{Client, ClientBuilder, FileLimit, RateLimit, RedisLimit};
use meetbit_tests::{
    client::{builder, create},
    server::{ledger::marker, redis::RedisServer},
};
use tokio::time::sleep;
use tower::service_fn;

use crate::processes::{Directory, Process, SECOND, assert_kept, server};

const REPLY: &[u8] = br#"{"message":"Created.","data":{"id":1,"created_at":"2024-08-22T01:04:05Z","updated_at":"2024-08-22T01:04:05Z"}}"#;

/// A client without a network, so that a call is mostly its limiter.
fn client(store: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
    let answer = service_fn(|_: http::Request<Bytes>| async {
        let response = http::Response::builder().status(201).body(Bytes::from_static(REPLY));
        Ok::<_, Infallible>(response.unwrap())
    });
    let builder = builder("http://127.0.0.1:9").rate_limit(RateLimit::default()).timeout(20 * SECOND);
    store(builder).service(answer).build().unwrap()
}

#[tokio::test]
async fn a_call_with_each_store_beside_none() {
    let (directory, redis) = (Directory::new(), RedisServer::start());
    let file = FileLimit::open(directory.file()).unwrap();
    let limit = RedisLimit::connect(redis.url()).await.unwrap();
    let clients = [
        ("none", client(|builder| builder)),
        ("file", client(|builder| builder.shared_limit(file))),
        ("Redis", client(|builder| builder.shared_limit(limit))),
    ];
    let mut times = [(); 3].map(|()| Vec::new());
    let mut commands = 0;
    for round in 0..8 {
        for ((_, client), times) in clients.iter().zip(&mut times) {
            for n in 0..4 {
                let started = Instant::now();
                create(client, &marker(n)).await.unwrap();
                times.extend((round > 0).then(|| started.elapsed())); // the first connects and waits
            }
        }
        sleep(SECOND * 3 / 2).await;
        commands = if round == 0 { scripts(&redis) } else { commands };
    }
    let medians = times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    });
    for ((name, _), median) in clients.iter().zip(medians) {
        println!("{name}: {median:?}, {:.1}", median.as_secs_f64() / medians[0].as_secs_f64());
    }
    let commands = scripts(&redis) - commands;
    assert_eq!(commands, 2 * 28, "two commands a call: a question and a report");
}

#[test]
fn commands_of_redis_grow_with_the_processes_that_wait() {
    let numbers: &[usize] = if env::var("MEETBIT_SOAK").is_ok() { &[1, 4, 16, 64] } else { &[1, 4] };
    for processes in numbers.iter().copied() {
        let (server, redis) = (server(), RedisServer::start());
        let mut running: Vec<Process> =
            (0..processes).map(|_| Process::start(&server, "one", &redis.url(), 1, 120 * SECOND)).collect();
        for process in &mut running {
            process.wait_for(1);
        }
        let before = (scripts(&redis), server.record().requests.len());
        std::thread::sleep(Duration::from_secs(10)); // the span that is measured
        let after = (scripts(&redis), server.record().requests.len());
        drop(running);
        assert_kept(&server.finish(), &["one"]);
        let (commands, requests) = (after.0 - before.0, after.1 - before.1);
        let tenths = 10 * commands / requests;
        println!("{processes} processes: {requests} requests, {}.{} commands for each", tenths / 10, tenths % 10);
        // A process asks at least once a second, and more often when its turn is near.
        assert!(commands <= 4 * requests + 40 * processes, "{commands} commands for {requests} requests");
    }
}

/// How many times Redis has run the script.
fn scripts(redis: &RedisServer) -> usize {
    let statistics = redis.command(&["INFO", "commandstats"]);
    let calls = |name: &str| {
        let (_, rest) = statistics.split_once(&format!("cmdstat_{name}:calls="))?;
        rest.split(',').next()?.parse::<usize>().ok()
    };
    calls("evalsha").unwrap_or(0)
}
