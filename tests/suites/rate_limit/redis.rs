//! One limit in Redis, and what Redis can do wrong: promise 27.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod cluster;
mod tls;

use std::{
    env, fs,
    net::TcpListener,
    os::unix::fs::symlink,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use meetbit_client::{Client, ErrorKind, Outcome, RateLimit, RedisLimit};
use meetbit_tests::{
    client::{builder, create, credentials},
    probe::lateness::Lateness,
    server::{ledger::marker, raw_server::RawServer, redis::RedisServer, replies, script::Plan},
};
use tokio::{task::JoinSet, time::sleep};

use crate::processes::{Process, SECOND, assert_kept, server, signal};

/// Redis grants nothing for this long after it was started without data.
const PAUSE: Duration = Duration::from_secs(3);

async fn limit(redis: &RedisServer) -> RedisLimit {
    RedisLimit::connect(redis.url()).await.unwrap()
}

/// A client for this server with this store.
fn client(server: &RawServer, limit: RedisLimit, timeout: Duration) -> Client {
    builder(&server.url()).rate_limit(RateLimit::default()).shared_limit(limit).timeout(timeout).build().unwrap()
}

fn start(server: &RawServer, redis: &RedisServer) -> Vec<Process> {
    (0..3).map(|_| Process::start(server, "one", &redis.url(), 4, 60 * SECOND)).collect()
}

/// Waits until each process has made this number of further creates.
fn wait_for(processes: &mut [Process], creates: usize) {
    for process in processes {
        process.wait_for(creates);
    }
}

#[test]
fn promise_27_a_redis_that_starts_again_without_data_lets_nothing_through() {
    let (server, mut redis) = (server(), RedisServer::start());
    let mut processes = start(&server, &redis);
    wait_for(&mut processes, 3);
    redis.stop();
    thread::sleep(5 * SECOND); // the outage
    let stopped = server.record().requests.len();
    redis.restart();
    let started = Instant::now();
    thread::sleep(PAUSE * 29 / 30); // nothing may arrive in this span
    assert_eq!(server.record().requests.len(), stopped, "sent without a store");
    wait_for(&mut processes, 4);
    assert!(started.elapsed() < PAUSE + 8 * SECOND, "{:?}", started.elapsed());
    drop(processes);
    assert_kept(&server.finish(), &["one"]);
}

#[test]
fn promise_27_what_an_operator_does_to_redis_lets_nothing_through() {
    let (server, redis) = (server(), RedisServer::start());
    let mut processes = start(&server, &redis);
    wait_for(&mut processes, 2);
    let commands: [&[&str]; 5] = [
        &["SCRIPT", "FLUSH"],
        &["CLIENT", "KILL", "TYPE", "normal"],
        &["FLUSHALL"],
        &["DEBUG", "SLEEP", "2"],
        &["FLUSHALL"],
    ];
    for command in commands {
        redis.command(command);
        let started = Instant::now();
        wait_for(&mut processes, 2);
        assert!(started.elapsed() < PAUSE + 6 * SECOND, "{command:?} stopped all for {:?}", started.elapsed());
    }
    drop(processes);
    assert_kept(&server.finish(), &["one"]);
}

#[test]
fn promise_27_a_closed_gate_outlasts_the_data_of_redis() {
    let count = AtomicUsize::new(0);
    let server = RawServer::start(Plan::respond(move |_| match count.fetch_add(1, Ordering::Relaxed) {
        0 => replies::too_many_requests(Some("9")),
        _ => replies::customer(),
    }));
    let mut redis = RedisServer::start();
    // One of its callers ends with the 429, and the others wait.
    let mut refused = Process::start(&server, "one", &redis.url(), 8, 60 * SECOND);
    while !refused.line().starts_with("RateLimited Rejected") {}
    redis.restart();
    // A process that knows nothing of the 429.
    let mut other = Process::start(&server, "one", &redis.url(), 1, 60 * SECOND);
    assert_eq!(other.line(), "created");
    drop((refused, other));
    let requests = server.finish().requests;
    let arrivals = || requests.iter().map(|request| request.head_read);
    let (on_the_wire, open) = (requests[0].head_read + SECOND / 5, requests[0].head_read + 9 * SECOND);
    assert!(!arrivals().any(|at| on_the_wire < at && at < open), "early");
    assert!(arrivals().any(|at| open <= at && at < open + 2 * SECOND), "late");
}

#[tokio::test]
async fn promise_27_a_redis_that_never_answers_is_a_clear_error() {
    let (server, redis) = (server(), RedisServer::start());
    let client = client(&server, limit(&redis).await, 5 * SECOND);
    create(&client, &marker(0)).await.unwrap();
    signal(redis.id(), "-STOP");
    let control = Lateness::watch();
    let started = Instant::now();
    let error = create(&client, &marker(1)).timeout(2 * SECOND).await.unwrap_err();
    control.assert_within(started.elapsed(), 5 * SECOND / 2);
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::RateLimited, Outcome::NotSent));
    let text = error.to_string();
    assert!(text.contains("`RedisLimit`") && text.contains("in time"), "{text}");
    assert_eq!(server.record().requests.len(), 1);
    signal(redis.id(), "-CONT");
    create(&client, &marker(2)).await.unwrap();
}

/// A primary that an operator makes a replica keeps its connections.
#[tokio::test]
async fn promise_27_a_redis_that_becomes_a_replica_is_left_for_its_successor() {
    let (server, old, new) = (server(), RedisServer::start(), RedisServer::start());
    let name = env::temp_dir().join(format!("redis-{:016x}.sock", fastrand::u64(..)));
    let point_to = |redis: &RedisServer| {
        let _there_may_be_none = fs::remove_file(&name);
        symlink(redis.url().trim_start_matches("unix://"), &name).unwrap();
    };
    point_to(&old);
    let limit = RedisLimit::connect(format!("unix://{}", name.display())).await.unwrap();
    let client = client(&server, limit, 10 * SECOND);
    create(&client, &marker(0)).await.unwrap();
    old.command(&["REPLICAOF", "127.0.0.1", "9"]);
    point_to(&new);
    create(&client, &marker(1)).await.unwrap();
    fs::remove_file(&name).unwrap();
}

#[tokio::test]
async fn promise_27_a_redis_that_does_not_answer_from_the_start_is_an_error() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    for url in
        [format!("redis://user:hunter2@{address}"), "unix:///missing/socket".to_owned(), "http://here".to_owned()]
    {
        let started = Instant::now();
        let error = RedisLimit::connect(&url).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("Redis") && !format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        assert!(started.elapsed() < 5 * SECOND, "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn promise_27_a_share_is_used_while_redis_cannot_be_used_if_the_user_says_so() {
    let (server, mut redis) = (server(), RedisServer::start());
    let limit = limit(&redis).await.without_store(RateLimit::per_second(2));
    let client = client(&server, limit, 8 * SECOND);
    redis.stop();
    for n in 0..2 {
        create(&client, &marker(n)).await.unwrap();
    }
    let error = create(&client, &marker(2)).timeout(SECOND / 2).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotSent);
    redis.restart();
    let started = Instant::now();
    create(&client, &marker(3)).await.unwrap(); // Redis knows nothing of the two, and pauses
    assert!(started.elapsed() >= PAUSE * 5 / 6, "{:?}", started.elapsed());
}

/// Calls that are dropped while they wait give their places back.
#[tokio::test(flavor = "multi_thread")]
async fn promise_27_a_thousand_dropped_callers_take_no_place() {
    let (server, redis) = (server(), RedisServer::start());
    let limit = limit(&redis).await;
    let client = client(&server, limit, 60 * SECOND);
    create(&client, &marker(0)).await.unwrap();
    for _ in 0..10 {
        let mut calls = JoinSet::new();
        for n in 0..100 {
            let client = client.clone();
            calls.spawn(async move { create(&client, &marker(n)).await.map(drop) });
        }
        sleep(Duration::from_millis(fastrand::u64(1..200))).await;
        calls.shutdown().await;
    }
    let started = Instant::now();
    create(&client, &marker(1000)).await.unwrap();
    // At most what was sent before counts: a hold, on its way, and a period.
    assert!(started.elapsed() < PAUSE + SECOND / 2, "{:?}", started.elapsed());
    assert_kept(&server.finish(), &[]);
}

/// The rules of the documentation are enough, and no others are needed.
#[tokio::test]
async fn promise_27_a_user_of_redis_needs_few_permissions() {
    let redis = RedisServer::start();
    let answer = redis.command(&[
        "ACL",
        "SETUSER",
        "meetbit",
        "on",
        ">s3cret",
        "resetchannels",
        "~meetbit-limit:*",
        "+evalsha",
        "+eval",
        "+get",
        "+set",
        "+time",
    ]);
    assert_eq!(answer, "OK");
    redis.command(&["SCRIPT", "FLUSH"]);
    let server = server();
    let url = format!("{}?user=meetbit&pass=s3cret", redis.url());
    let client = client(&server, RedisLimit::connect(&url).await.unwrap(), 8 * SECOND);
    create(&client, &marker(0)).await.unwrap();
    let wrong = format!("{}?user=meetbit&pass=wr0ng", redis.url());
    let error = RedisLimit::connect(&wrong).await.unwrap_err();
    assert!(error.to_string().contains("authentication failed") && !error.to_string().contains("wr0ng"), "{error}");
}

#[tokio::test]
async fn promise_27_the_state_in_redis_is_small_and_names_neither_key_nor_server() {
    let (server, redis) = (server(), RedisServer::start());
    let limit = limit(&redis).await;
    let clients = ["one", "two", "three"].map(|key| {
        let builder = builder(&server.url()).credentials(credentials(key)).rate_limit(RateLimit::default());
        builder.shared_limit(limit.clone()).timeout(20 * SECOND).build().unwrap()
    });
    let mut calls = JoinSet::new();
    for n in 0..60 {
        let client = clients[n % 3].clone();
        calls.spawn(async move { create(&client, &marker(n as u64)).await.map(drop) });
    }
    sleep(5 * SECOND).await;
    let key = redis.command(&["KEYS", "*"]);
    assert!(key.starts_with("meetbit-limit:{") && !key.contains('\n'), "{key}");
    let busy: usize = redis.command(&["MEMORY", "USAGE", &key]).parse().unwrap();
    let script = "return cjson.encode(cmsgpack.unpack(redis.call('GET', KEYS[1])))";
    let text = redis.command(&["EVAL_RO", script, "1", &key]);
    assert!(text.contains("\"waiters\"") && !text.contains("127.0.0.1") && !text.contains("\"one\""), "{text}");
    calls.shutdown().await;
    sleep(4 * SECOND).await;
    let mut last = create(&clients[0], &marker(60)).await;
    assert!(last.as_mut().is_ok());
    let idle: usize = redis.command(&["MEMORY", "USAGE", &key]).parse().unwrap();
    println!("{busy} bytes at full load of three keys, {idle} with one request");
    assert!(busy < 8_000 && idle < 1_000, "{busy} and {idle} bytes");
}

/// A port that is free, and whose cluster bus port is.
fn free_port() -> u16 {
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if port < 55_535 && TcpListener::bind(("127.0.0.1", port + 10_000)).is_ok() {
            return port;
        }
    }
}
