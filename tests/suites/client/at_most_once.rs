//! Creates happen at most once, whatever befalls them: promises 1 to 6.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    env,
    future::Future,
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use meetbit_client::{Call, Client, Customer, Error, ErrorKind, Outcome, RetryPolicy, journal::Journal};
use meetbit_tests::{
    client::{THING, Thing, Things, builder, client, create},
    probe::lateness::Lateness,
    server::{
        faults,
        ledger::{Ledger, marker},
        raw_server::RawServer,
        record::Request,
        replies,
        script::{Plan, Script},
        tls::{Authority, PROTOCOL_VERSION_ALERT},
        unreachable::{Refusing, Unanswering},
    },
};
use tokio::{io::AsyncReadExt, net::TcpListener, sync::Semaphore, task::JoinSet};

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

/// Retries that do not make a test slow.
fn brisk() -> RetryPolicy {
    RetryPolicy::default().backoff(Duration::from_millis(5), Duration::from_millis(20))
}

/// Runs seeds from `MEETBIT_SEED` on, `MEETBIT_SEEDS` of them; a failure names its seed. The long run is
/// `MEETBIT_SEEDS=10000 cargo test -p meetbit-tests --test client random`.
#[tokio::test(flavor = "multi_thread")]
async fn promise_1_random_misfortune_never_makes_a_create_happen_twice() {
    let number = |name: &str, or: u64| env::var(name).map_or(or, |value| value.parse().unwrap());
    let (first, count) = (number("MEETBIT_SEED", 0), number("MEETBIT_SEEDS", 300));
    let at_once = Arc::new(Semaphore::new(60));
    let mut seeds = JoinSet::new();
    for seed in first..first + count {
        let turn = at_once.clone().acquire_owned().await.unwrap();
        seeds.spawn(async move {
            misfortune(seed).await;
            drop(turn);
        });
    }
    while let Some(seed) = seeds.join_next().await {
        seed.unwrap();
    }
}

async fn misfortune(seed: u64) {
    let server = RawServer::start(faults::plan(seed));
    let client = builder(&server.url())
        .timeout(Duration::from_millis(1300))
        .attempt_timeout(Duration::from_millis(400))
        .retry(brisk())
        .build()
        .unwrap();
    let mut calls = JoinSet::new();
    let mut results = Vec::new();
    for n in 0..6 {
        let marker = marker(seed * 1000 + n);
        let call = create(&client, &marker);
        calls.spawn(async move { (marker, call.send().await.map(|response| response.status)) });
        if n % 2 == 1 {
            let _ = client.get_thing("1").await; // meets the same misfortune, and leaves connections in any state
            results.extend(calls.join_all().await);
            calls = JoinSet::new();
        }
    }
    let record = tokio::task::spawn_blocking(|| server.finish()).await.unwrap();
    let ledger = Ledger::of(&record.requests);
    let repeats = ledger.unjustified_repeats();
    assert!(repeats.is_empty(), "seed {seed}: {repeats:?}");
    for (marker, result) in results {
        let readings = ledger.readings(&marker);
        let last = readings.last().copied().flatten();
        let context = format!("seed {seed}: {result:?} after {readings:?}");
        match result {
            Ok(status) => assert_eq!(last, Some(status.as_u16()), "{context}"),
            Err(error) => {
                assert!(error.attempts() as usize >= readings.len(), "{context}");
                match error.outcome() {
                    Outcome::NotSent => assert!(readings.iter().all(|status| *status == Some(429)), "{context}"),
                    Outcome::Rejected => assert!(last.is_some_and(|status| (400..500).contains(&status)), "{context}"),
                    Outcome::Done => assert_eq!(last, Some(200), "{context}"),
                    Outcome::Unknown => {}
                }
            }
        }
    }
}

async fn failed(server: &RawServer, retry: RetryPolicy) -> Error {
    let client = builder(&server.url()).retry(retry).timeout(Duration::from_secs(5)).build().unwrap();
    create(&client, &marker(1)).await.unwrap_err()
}

/// Each connection reads one request and ends like this.
fn ending(end: impl Fn(Script) -> Script + Send + 'static) -> RawServer {
    RawServer::start(Plan::each(move |_| end(Script::new().read_request())))
}

#[tokio::test]
async fn promise_1_a_create_is_not_repeated_after_a_reset_or_a_5xx() {
    for status in [500, 502, 503, 504] {
        let server = RawServer::start(Plan::respond(move |_| replies::reply(status, &[("retry-after", "0")], "no")));
        let error = failed(&server, brisk()).await;
        assert_eq!((error.kind(), error.outcome(), error.attempts()), (ErrorKind::Server, Outcome::Unknown, 1));
        assert!(error.to_string().ends_with("check before sending it again"), "{error}");
        assert_eq!(server.finish().requests.len(), 1);
    }
    let server = ending(Script::reset);
    let error = failed(&server, brisk()).await;
    assert_eq!((error.kind(), error.outcome(), error.attempts()), (ErrorKind::Network, Outcome::Unknown, 1));
    assert_eq!(server.finish().requests.len(), 1);
}

#[tokio::test]
async fn promise_1_a_create_is_not_repeated_after_a_time_out() {
    let server = ending(Script::silence);
    let client = builder(&server.url()).attempt_timeout(Duration::from_millis(50)).retry(brisk()).build().unwrap();
    let error = create(&client, &marker(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome(), error.attempts()), (ErrorKind::Timeout, Outcome::Unknown, 1));
    assert_eq!(server.finish().requests.len(), 1);
}

#[tokio::test]
async fn promise_1_a_4xx_is_final() {
    for status in [400, 401, 403, 404, 408, 409, 413, 418, 422, 425] {
        let server = RawServer::start(Plan::respond(move |_| replies::reply(status, &[], "no")));
        let error = failed(&server, brisk()).await;
        assert_eq!((error.outcome(), error.attempts()), (Outcome::Rejected, 1), "{status}");
        assert_eq!(client(&server).get_thing("1").await.unwrap_err().attempts(), 1, "{status}");
    }
}

#[tokio::test]
async fn promise_1_a_create_is_repeated_after_a_429() {
    let server = RawServer::start(Plan::scripts([Script::new()
        .read_request()
        .write(replies::too_many_requests(Some("1")))
        .read_request()
        .write(replies::customer())]));
    let response = create(&client(&server), &marker(1)).send().await.unwrap();
    assert_eq!(response.attempts, 2);
    let record = server.finish();
    assert_eq!(Ledger::of(&record.requests).readings(&marker(1)), [Some(429), Some(200)]);
}

#[tokio::test]
async fn promise_1_a_create_is_repeated_after_a_refused_connection() {
    let gone = Refusing::new();
    let url = format!("http://{}", gone.address());
    let client = builder(&url).retry(brisk()).build().unwrap();
    let error = create(&client, &marker(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome(), error.attempts()), (ErrorKind::Connect, Outcome::NotSent, 3));
    let error = create(&client, &marker(1)).retry(RetryPolicy::never()).await.unwrap_err();
    assert_eq!(error.attempts(), 1);
}

#[tokio::test]
async fn promise_1_a_deadline_that_passes_while_connecting_is_not_sent() {
    let busy = Unanswering::new().await;
    let client = builder(&format!("http://{}", busy.address())).timeout(Duration::from_millis(100)).build().unwrap();
    let errors = [create(&client, &marker(1)).await.unwrap_err(), client.get_thing("1").await.unwrap_err()];
    for error in errors {
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Timeout, Outcome::NotSent));
        assert!(error.to_string().contains("could not be sent in time"), "{error}");
    }
}

#[tokio::test]
async fn promise_1_idempotent_calls_are_repeated_after_temporary_failures_alone() {
    let fails = |status: u16| {
        RawServer::start(Plan::respond(move |request| match request.target() {
            "/things/1" | "/things/search" => replies::reply(status, &[], "no"),
            _ => replies::reply(200, JSON, THING),
        }))
    };
    for (status, attempts) in [(500, 3), (502, 3), (503, 3), (504, 3), (501, 1), (505, 1)] {
        let server = fails(status);
        let client = builder(&server.url()).retry(brisk()).build().unwrap();
        assert_eq!(client.get_thing("1").await.unwrap_err().attempts(), attempts, "{status}");
        assert_eq!(client.search_things(&Thing::default()).await.unwrap_err().attempts(), attempts, "{status}");
        assert_eq!(server.finish().requests.len(), 2 * attempts as usize, "{status}");
    }
    let server = ending(Script::reset);
    let client = builder(&server.url()).retry(brisk()).build().unwrap();
    assert_eq!(client.get_thing("1").await.unwrap_err().attempts(), 3);
    assert_eq!(server.finish().requests.len(), 3);
}

#[tokio::test]
async fn promise_1_the_outcome_of_a_call_is_that_of_all_its_attempts() {
    for (failed, rejected) in [(500, 404), (502, 400), (503, 422), (504, 409)] {
        let server = || {
            RawServer::start(Plan::each(move |_| {
                let failed = || replies::reply(failed, &[], "");
                let script = Script::new().read_request().write(failed()).read_request().write(failed());
                script.read_request().write(replies::reply(rejected, &[], "{}"))
            }))
        };
        let client = |server: &RawServer| builder(&server.url()).retry(brisk()).build().unwrap();
        let changing = server();
        let error = client(&changing).search_things(&Thing::default()).await.unwrap_err();
        assert_eq!((error.outcome(), error.attempts()), (Outcome::Unknown, 3), "{error}");
        // A safe request asks for no change, so its last answer says everything.
        let reading = server();
        let error = client(&reading).get_thing("1").await.unwrap_err();
        assert_eq!((error.outcome(), error.attempts()), (Outcome::Rejected, 3), "{error}");
    }
}

#[tokio::test]
async fn promise_1_a_connection_that_is_refused_later_proves_nothing_about_an_earlier_attempt() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        drop(listener);
        assert_ne!(stream.read(&mut [0; 4096]).await.unwrap(), 0); // and no answer
    });
    let client = builder(&url).retry(brisk()).build().unwrap();
    let error = client.search_things(&Thing::default()).await.unwrap_err();
    server.await.unwrap();
    assert_eq!((error.kind(), error.outcome(), error.attempts()), (ErrorKind::Connect, Outcome::Unknown, 3), "{error}");
}

/// The error of a create and of an idempotent call to this TLS server, which must see one handshake for each.
async fn refused_handshake(
    server: RawServer,
    trusting: &Authority,
    host: &str,
    set: fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
) {
    let url = server.url().replace("127.0.0.1", host);
    let root = reqwest::Certificate::from_der(trusting.der()).unwrap();
    let http = set(reqwest::Client::builder().no_proxy().tls_certs_only([root]));
    let client = builder(&url).http_client(http).retry(brisk()).timeout(Duration::from_secs(5)).build().unwrap();
    let errors = [create(&client, &marker(1)).await.unwrap_err(), client.get_thing("1").await.unwrap_err()];
    for error in errors {
        assert_eq!(
            (error.kind(), error.outcome(), error.attempts()),
            (ErrorKind::Connect, Outcome::NotSent, 1),
            "{error:?}"
        );
    }
    let record = server.finish();
    assert_eq!((record.connections.len(), record.requests.len()), (2, 0));
}

#[tokio::test]
async fn promise_2_what_tls_does_not_accept_is_final_after_one_handshake() {
    let (known, unknown) = (Authority::new(), Authority::new());
    let tls = |config| RawServer::start_tls(Plan::each(|_| Script::new()), config);
    refused_handshake(tls(unknown.trusted()), &known, "127.0.0.1", |http| http).await;
    refused_handshake(tls(known.wrong_host()), &known, "127.0.0.1", |http| http).await;
    refused_handshake(tls(known.wrong_host()), &known, "localhost", |http| http).await;
    refused_handshake(tls(known.expired()), &known, "127.0.0.1", |http| http).await;
    let newer = |http: reqwest::ClientBuilder| http.tls_version_min(reqwest::tls::Version::TLS_1_3);
    refused_handshake(tls(known.only_tls12()), &known, "127.0.0.1", newer).await;
}

#[tokio::test]
async fn promise_2_an_alert_about_the_version_is_final() {
    let server =
        RawServer::start(Plan::each(|_| Script::new().read_exact(5).write(PROTOCOL_VERSION_ALERT).stop_reading()));
    let client = builder(&server.url().replace("http:", "https:")).retry(brisk()).build().unwrap();
    let error = client.get_thing("1").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome(), error.attempts()),
        (ErrorKind::Connect, Outcome::NotSent, 1),
        "{error:?}"
    );
    assert_eq!(server.finish().connections.len(), 1);
}

#[tokio::test]
async fn promise_2_a_trusted_server_is_called() {
    let authority = Authority::new();
    let server = RawServer::start_tls(Plan::respond(|_| replies::customer()), authority.trusted());
    let root = reqwest::Certificate::from_der(authority.der()).unwrap();
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([root]);
    let client = builder(&server.url()).http_client(http).build().unwrap();
    create(&client, &marker(1)).await.unwrap();
    let record = server.finish();
    assert_eq!((record.handshakes(), record.read_in_full()), (1, 1));
}

#[tokio::test]
async fn promise_3_an_end_before_the_reply_proves_nothing() {
    let ends: [fn(Script) -> Script; 4] = [
        Script::close,
        Script::half_close,
        |script| script.write("HTTP/1.1 2").close(),
        |script| script.write(replies::head(103, &[])).close(),
    ];
    for end in ends {
        let server = ending(end);
        let error = failed(&server, brisk()).await;
        assert_eq!((error.kind(), error.outcome(), error.attempts()), (ErrorKind::Network, Outcome::Unknown, 1));
        assert_eq!(server.record().requests.len(), 1);
        let error = client(&server).get_thing("1").retry(RetryPolicy::never()).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Network, Outcome::Unknown));
    }
}

#[tokio::test]
async fn promise_4_what_could_send_twice_cannot_be_switched_on() {
    let elsewhere = RawServer::start(Plan::scripts([]));
    let location = format!("{}/customers", elsewhere.url());
    let server = RawServer::start(Plan::respond(move |request| match request.method() {
        "POST" => replies::reply(303, &[("location", &location)], ""),
        _ => replies::reply(503, &[], ""),
    }));
    #[expect(clippy::redundant_closure_for_method_calls, reason = "its type has no public name")]
    let eager = reqwest::retry::for_host("127.0.0.1").classify_fn(|request| request.retryable());
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::limited(10))
        .referer(true)
        .retry(eager)
        .connection_verbose(true);
    let client = builder(&server.url()).http_client(http).retry(RetryPolicy::never()).build().unwrap();
    assert_eq!(create(&client, &marker(1)).await.unwrap_err().kind(), ErrorKind::UnexpectedStatus);
    assert_eq!(client.get_thing("1").await.unwrap_err().attempts(), 1);
    let record = server.finish();
    assert_eq!(record.requests.len(), 2);
    assert!(record.requests.iter().all(|request| request.header("referer").is_none()));
}

/// How many of these creates, one after the other, end ambiguously.
async fn ambiguous(client: &Client, markers: Range<u64>) -> usize {
    let mut ambiguous = 0;
    for n in markers {
        match create(client, &marker(n)).await {
            Ok(_) => {}
            Err(error) if error.outcome() == Outcome::Unknown => ambiguous += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    ambiguous
}

#[tokio::test]
async fn promise_5_fresh_connections_never_meet_a_connection_that_closes() {
    let server = ending(|script| script.write(replies::customer()).close());
    let client = builder(&server.url()).fresh_connections(true).build().unwrap();
    assert_eq!(ambiguous(&client, 0..300).await, 0);
    let record = server.finish();
    assert_eq!((record.connections.len(), record.requests.len()), (300, 300));
}

#[tokio::test]
async fn promise_5_a_server_that_closes_after_each_answer_makes_few_creates_ambiguous() {
    let server = ending(|script| script.write(replies::customer()).wait(Duration::from_millis(1)).close());
    let client = client(&server);
    let mut after_the_close = 0;
    for n in 0..50 {
        after_the_close += ambiguous(&client, n..n + 1).await;
        // Blocks the runtime, which therefore has not seen the close when the next call starts.
        thread::sleep(Duration::from_millis(12));
        while server.record().connections.iter().any(|connection| connection.closed_by_server.is_none()) {
            thread::yield_now();
        }
    }
    assert!(after_the_close <= 3, "{after_the_close} of 50: if closes went unnoticed, it would be every second one");
    ambiguous(&client, 100..200).await; // a call that starts before the close may be ambiguous, but is not sent twice
    assert!(Ledger::of(&server.finish().requests).unjustified_repeats().is_empty());
}

#[tokio::test]
async fn promise_5_an_idle_connection_is_closed_before_servers_close_it() {
    let server = RawServer::start(Plan::respond(|_| replies::customer()));
    let client = builder(&server.url()).idle_timeout(Duration::from_millis(50)).build().unwrap();
    create(&client, &marker(1)).await.unwrap();
    let closed = server.until(|record| record.connections[0].closed_by_client.is_some());
    tokio::time::timeout(Duration::from_secs(3), closed).await.unwrap();
}

#[tokio::test]
async fn promise_6_an_outage_is_not_multiplied_over_all_clones() {
    let server = RawServer::start(Plan::respond(|_| replies::reply(503, &[], "down")));
    let client = builder(&server.url()).retry(brisk()).build().unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..100 {
        let clone = client.clone();
        calls.spawn(async move { clone.get_thing("1").await.unwrap_err().attempts() });
    }
    let attempts: u32 = calls.join_all().await.into_iter().sum();
    assert!((110..=131).contains(&attempts), "{attempts}");
    assert_eq!(server.finish().requests.len(), attempts as usize);
}

#[tokio::test]
async fn promise_6_waits_between_attempts_grow_and_a_wait_past_the_deadline_is_not_begun() {
    let server = RawServer::start(Plan::respond(|_| replies::reply(503, &[("retry-after", "1")], "down")));
    let client = builder(&server.url()).build().unwrap();
    let control = Lateness::watch();
    let started = Instant::now();
    let error = client.get_thing("1").timeout(Duration::from_millis(900)).await.unwrap_err();
    control.assert_within(started.elapsed(), Duration::from_millis(500));
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Server, 1));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
    let error = client.get_thing("1").retry(brisk().max_attempts(2)).await.unwrap_err();
    assert_eq!(error.attempts(), 2);
    assert!(started.elapsed() >= Duration::from_secs(1), "an asked wait is kept");
}

#[test]
fn promise_5_a_connection_that_was_closed_while_nothing_ran_is_not_used() {
    let server = RawServer::start(Plan::each(|_| Script::new().read_request().write(replies::customer()).close()));
    let client = client(&server);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for n in 0..20 {
        runtime.block_on(create(&client, &marker(n))).unwrap();
        thread::sleep(Duration::from_millis(20)); // the runtime sees nothing meanwhile
    }
}

#[test]
fn promise_14_a_reply_that_nobody_asked_for_is_not_the_next_ones() {
    let unasked = Script::new().read_request().write(replies::customer()).wait(Duration::from_millis(5));
    let unasked = unasked.write(replies::customer());
    let refused = Script::new().read_request().write(replies::reply(401, &[], "Access denied."));
    let server = RawServer::start(Plan::scripts([unasked, refused]));
    let client = client(&server);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(create(&client, &marker(0))).unwrap();
    thread::sleep(Duration::from_millis(50)); // the runtime sees nothing meanwhile
    let error = runtime.block_on(create(&client, &marker(1))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
}

fn is_of(request: &Request, n: u64) -> bool {
    String::from_utf8_lossy(&request.body).contains(&marker(n))
}

/// A call whose request is on the wire.
async fn sent(client: &Client, server: &RawServer, n: u64) -> Call<Customer> {
    let mut call = create(client, &marker(n));
    assert!(Pin::new(&mut call).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    server.until(|record| record.requests.iter().any(|request| is_of(request, n))).await;
    call
}

/// Whatever is done with a call that is under way, its request is not sent again.
#[tokio::test]
async fn promise_1_a_call_that_was_polled_sends_one_request() {
    let server = RawServer::start(Plan::respond(|_| replies::customer()));
    let client = client(&server);
    sent(&client, &server, 0).await.await.unwrap();
    sent(&client, &server, 1).await.send().await.unwrap();
    sent(&client, &server, 2).await.timeout(Duration::ZERO).header("x-late", "1").await.unwrap();
    (&mut sent(&client, &server, 3).await).await.unwrap();
    let journal = Journal::in_memory();
    let error = sent(&client, &server, 4).await.once(&journal, "crm:4").await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::InvalidRequest, Outcome::Unknown), "{error}");
    let call = sent(&client, &server, 5).await;
    let error = tokio::task::spawn_blocking(|| call.wait()).await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::InvalidRequest, Outcome::Unknown), "{error}");
    let call = sent(&client, &server, 6).await;
    let clone = call.clone();
    call.await.unwrap();
    let requests = server.record().requests;
    let counts = (0..=6).map(|n| requests.iter().filter(|request| is_of(request, n)).count());
    assert_eq!(counts.collect::<Vec<_>>(), [1; 7]);
    assert_eq!(requests.iter().find_map(|request| request.header("x-late")), None, "it had been sent without");
    clone.await.unwrap();
    assert_eq!(server.finish().requests.len(), 8, "a clone is a call of its own");
}

#[test]
fn a_call_outside_a_runtime_says_so() {
    let server = RawServer::start(Plan::respond(|_| replies::customer()));
    let client = client(&server);
    let mut call = Box::pin(create(&client, &marker(0)));
    let context = &mut Context::from_waker(Waker::noop());
    let Poll::Ready(Err(error)) = call.as_mut().poll(context) else { panic!("it waits") };
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::InvalidRequest, Outcome::NotSent));
    assert!(error.to_string().contains("runtime"), "{error}");
}
