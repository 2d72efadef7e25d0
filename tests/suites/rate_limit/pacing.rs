//! Never early, never too many, and nothing wasted: promises 7 to 10.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    env,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use meetbit_client::{Client, Credentials, ErrorKind, Outcome, RateLimit, RetryPolicy, sandbox::Sandbox};
use meetbit_tests::{
    client::{SECRET, THING, Things, builder, create, keyed, limited},
    probe::lateness::Lateness,
    server::{
        ledger::{Ledger, marker},
        raw_server::RawServer,
        record::Request,
        replies,
        script::{Plan, Script},
        tls::Authority,
    },
};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::{
    task::{JoinSet, yield_now},
    time::{sleep, timeout},
};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn promise_7_nothing_is_sent_before_retry_after_by_any_client_of_the_key() {
    const PAUSE: Duration = Duration::from_millis(150);
    let server = RawServer::start(Plan::each(|connection| {
        let first = if connection == 1 { replies::too_many_requests(Some("2")) } else { replies::customer() };
        Script::new().read_request().wait(PAUSE).write(first).respond(|_| replies::customer())
    }));
    let limit = RateLimit::per_second(4);
    let clients = [keyed(&server.url(), "shared", limit), keyed(&server.url(), "shared", limit)];
    let mut calls = JoinSet::new();
    for n in 0..30 {
        let client = clients[n % 2].clone();
        calls.spawn(async move { create(&client, &marker(n as u64)).await.map(drop) });
    }
    server.until(|record| record.requests.len() == 12).await;
    calls.abort_all();
    let requests = server.finish().requests;
    assert_eq!(requests.iter().filter(|request| request.answered == Some(429)).count(), 1);
    let refused = requests.iter().find(|request| request.answered == Some(429)).unwrap();
    let open = refused.head_read + PAUSE + 2 * SECOND;
    let early =
        requests.iter().filter(|request| request.head_read > refused.head_read + PAUSE && request.head_read < open);
    assert_eq!(early.count(), 0);
    assert_eq!(requests.iter().filter(|request| request.head_read < open).count(), 4, "4 were in flight");
}

/// Resolves every name to this address, all but the first time after a while.
struct SlowLater(SocketAddr, Duration, AtomicBool);

impl Resolve for SlowLater {
    fn resolve(&self, _: Name) -> Resolving {
        let wait = if self.2.swap(true, Ordering::Relaxed) { self.1 } else { Duration::ZERO };
        let address = self.0;
        Box::pin(async move {
            tokio::time::sleep(wait).await; // the way is this long
            Ok(Box::new([address].into_iter()) as Addrs)
        })
    }
}

#[tokio::test]
async fn promise_7_a_request_whose_connection_comes_after_the_429_is_held_back() {
    let any = |request: &Request| match request.method() {
        "GET" => replies::reply(200, &[], THING),
        _ => replies::customer(),
    };
    let authority = Authority::new();
    let connected = Duration::from_millis(400);
    let server = RawServer::start_tls(
        Plan::each(move |connection| match connection {
            0 => Script::new().read_request().write(replies::too_many_requests(Some("1"))).respond(any),
            _ => Script::new().respond(any),
        }),
        authority.trusted(),
    );
    let resolver = SlowLater(server.address(), connected, AtomicBool::new(false));
    let http = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([reqwest::Certificate::from_der(authority.der()).unwrap()])
        .dns_resolver(std::sync::Arc::new(resolver));
    let url = format!("https://acme.example.com:{}", server.address().port());
    let client = builder(&url).http_client(http).build().unwrap();
    let refused = create(&client, &marker(1)).send();
    let held = (create(&client, &marker(2)).send(), client.get_thing("1").send());
    let (refused, created, got) = tokio::join!(refused, held.0, held.1);
    assert_eq!((refused.unwrap().attempts, created.unwrap().attempts, got.unwrap().attempts), (2, 1, 1));
    let record = server.finish();
    let first = record.requests[0].head_read;
    for connection in &record.connections[1..3] {
        assert_eq!(connection.handshake, Some(Ok(())), "it was connected");
        assert!(connection.accepted < first + SECOND);
    }
    assert_eq!(record.requests.len(), 4);
    assert!(record.requests[1..].iter().all(|request| request.head_read >= first + SECOND));
}

#[tokio::test]
async fn promise_7_other_keys_and_tenants_go_on() {
    let server = RawServer::start(Plan::respond(|request| match request.header("x-access-key-id") {
        Some("closed") => replies::too_many_requests(Some("60")),
        _ => replies::customer(),
    }));
    let closed = keyed(&server.url(), "closed", RateLimit::default());
    let never = RetryPolicy::never();
    assert_eq!(create(&closed, "a").retry(never).await.unwrap_err().kind(), ErrorKind::RateLimited);
    create(&keyed(&server.url(), "open", RateLimit::default()), "b").await.unwrap();
    let other = RawServer::start(Plan::respond(|_| replies::customer()));
    create(&keyed(&other.url(), "closed", RateLimit::default()), "c").await.unwrap();
}

#[tokio::test]
async fn promise_7_what_was_refused_goes_first_when_the_way_opens() {
    let server = RawServer::start(Plan::each(|_| {
        Script::new().read_request().write(replies::too_many_requests(Some("1"))).respond(|_| replies::customer())
    }));
    let client = limited(&server, RateLimit::per_second(1));
    let first = tokio::spawn(create(&client, &marker(1)).send());
    server.until(|record| record.requests.len() == 1).await;
    let second = tokio::spawn(create(&client, &marker(2)).send());
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    let bodies: Vec<_> =
        server.finish().requests.into_iter().map(|request| String::from_utf8(request.body.to_vec()).unwrap()).collect();
    let order: Vec<_> = bodies.iter().map(|body| body.contains(&marker(1))).collect();
    assert_eq!(order, [true, true, false]);
}

#[tokio::test]
async fn promise_8_a_wait_that_is_too_long_is_returned_at_once() {
    let server = RawServer::start(Plan::respond(|_| replies::too_many_requests(Some("120"))));
    let client = limited(&server, RateLimit::default());
    let control = Lateness::watch();
    let started = Instant::now();
    let told = create(&client, &marker(1)).await.unwrap_err();
    assert_eq!((told.kind(), told.outcome(), told.attempts()), (ErrorKind::RateLimited, Outcome::Rejected, 1));
    let before = create(&client.clone(), &marker(2)).await.unwrap_err();
    assert_eq!((before.kind(), before.outcome(), before.attempts()), (ErrorKind::RateLimited, Outcome::NotSent, 0));
    for wait in [told.retry_after().unwrap(), before.retry_after().unwrap()] {
        assert!(wait > 119 * SECOND && wait <= 120 * SECOND, "{wait:?}");
    }
    control.assert_within(started.elapsed(), SECOND / 2);
    assert!(client.rate_limit_status().closed_for.unwrap() > 119 * SECOND);
    assert_eq!(server.finish().requests.len(), 1);
}

#[tokio::test]
async fn promise_8_a_wait_past_the_calls_deadline_is_returned_at_once() {
    let server = RawServer::start(Plan::respond(|_| replies::too_many_requests(Some("5"))));
    let client = limited(&server, RateLimit::default());
    let control = Lateness::watch();
    let started = Instant::now();
    let error = create(&client, &marker(1)).timeout(4 * SECOND).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::RateLimited, 1));
    control.assert_within(started.elapsed(), SECOND / 2);
}

#[tokio::test]
async fn promise_8_an_absent_wait_is_at_least_a_second_and_grows() {
    let server = RawServer::start(Plan::each(|_| {
        let none = || replies::too_many_requests(None);
        Script::new().read_request().write(none()).read_request().write(none()).respond(|_| replies::customer())
    }));
    let response = create(&limited(&server, RateLimit::default()), &marker(1)).send().await.unwrap();
    assert_eq!(response.attempts, 3);
    let requests = server.finish().requests;
    assert!(requests[1].head_read >= requests[0].head_read + SECOND);
    assert!(requests[2].head_read >= requests[1].head_read + 2 * SECOND);
}

#[tokio::test]
async fn promise_8_after_three_refusals_in_a_row_the_client_stops_by_itself() {
    let server = RawServer::start(Plan::respond(|_| replies::too_many_requests(Some("1"))));
    let client = limited(&server, RateLimit::default());
    let error = create(&client, &marker(1)).retry(RetryPolicy::default().max_attempts(9)).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::RateLimited, 3));
    assert!(error.to_string().contains("although each full wait had passed"), "{error}");
    assert_eq!(client.rate_limit_status().refusals, 3);
    assert_eq!(server.finish().requests.len(), 3);
}

#[tokio::test]
async fn promise_9_remaining_0_holds_the_next_request_until_reset() {
    let server = RawServer::start(Plan::each(|_| {
        let headers = &[("ratelimit-limit", "5"), ("ratelimit-remaining", "0"), ("ratelimit-reset", "2")];
        let full = replies::reply(200, headers, replies::CUSTOMER);
        Script::new().read_request().write(full).respond(|_| replies::customer())
    }));
    let client = limited(&server, RateLimit::default());
    let response = create(&client, &marker(1)).send().await.unwrap();
    assert_eq!((response.rate_limit.limit, response.rate_limit.remaining), (Some(5), Some(0)));
    create(&client, &marker(2)).await.unwrap();
    let requests = server.finish().requests;
    assert!(requests[1].head_read >= requests[0].head_read + 2 * SECOND);
}

#[tokio::test]
async fn promise_9_a_lower_limit_of_the_server_is_kept() {
    let server =
        RawServer::start(Plan::respond(|_| replies::reply(200, &[("ratelimit-limit", "2")], replies::CUSTOMER)));
    let client = limited(&server, RateLimit::default());
    create(&client, &marker(0)).await.unwrap();
    assert_eq!(client.rate_limit_status().limit, 2);
    let mut calls = JoinSet::new();
    (1..5).for_each(|n| drop(calls.spawn(create(&client, &marker(n)))));
    calls.join_all().await;
    assert_eq!(server.finish().busiest(SECOND), 2);
}

#[tokio::test]
async fn promise_9_every_attempt_counts() {
    let server = RawServer::start(Plan::respond(|_| replies::reply(503, &[], "down")));
    let client = limited(&server, RateLimit::per_second(2));
    let policy = RetryPolicy::default().backoff(Duration::ZERO, Duration::ZERO).max_attempts(5);
    assert_eq!(client.get_thing("1").retry(policy).await.unwrap_err().attempts(), 5);
    assert_eq!(server.finish().busiest(SECOND), 2);
}

#[tokio::test]
async fn promise_9_callers_are_served_in_order_of_arrival_and_one_that_leaves_gives_its_place_back() {
    let server = RawServer::start(Plan::respond(|_| replies::customer()));
    let client = limited(&server, RateLimit::per_second(2));
    let control = Lateness::watch();
    let mut calls = Vec::new();
    for n in 0..8 {
        calls.push(tokio::spawn(create(&client, &marker(n))));
        while client.rate_limit_status().waiting + client.rate_limit_status().in_use < calls.len() {
            yield_now().await; // until it stands in the queue
        }
    }
    calls[2].abort(); // the first in the queue, and two others
    calls[4].abort();
    calls[7].abort();
    server.until(|record| record.requests.len() == 5).await;
    while client.rate_limit_status().waiting > 0 {
        yield_now().await;
    }
    let requests = server.finish().requests;
    let ledger = Ledger::of(&requests);
    let sent: Vec<_> = (0..8).filter(|n| !ledger.readings(&marker(*n)).is_empty()).collect();
    assert_eq!(sent, [0, 1, 3, 5, 6]);
    let turn = |n: u64| {
        requests.iter().position(|request| String::from_utf8_lossy(&request.body).contains(&marker(n))).unwrap() / 2
    };
    assert_eq!([0, 1, 3, 5, 6].map(turn), [0, 0, 1, 1, 2]);
    let waited = requests[4].head_read - requests[0].head_read;
    control.assert_within(waited, Duration::from_millis(2300)); // an abandoned place delays nobody
}

#[tokio::test]
async fn promise_9_the_queue_is_bounded_and_what_comes_too_late_is_refused_at_once() {
    let server = RawServer::start(Plan::respond(|_| replies::customer()));
    let client = limited(&server, RateLimit::per_second(1).queue(3));
    let mut calls = JoinSet::new();
    for n in 0..4 {
        calls.spawn(create(&client, &marker(n)));
    }
    while client.rate_limit_status().waiting < 3 {
        yield_now().await;
    }
    let full = create(&client, &marker(5)).await.unwrap_err();
    assert_eq!((full.kind(), full.outcome()), (ErrorKind::RateLimited, Outcome::NotSent));
    calls.abort_all();
    while calls.join_next().await.is_some() {}
    assert_eq!(client.rate_limit_status().waiting, 0);

    create(&client, &marker(6)).await.unwrap();
    let control = Lateness::watch();
    let started = Instant::now();
    let late = create(&client, &marker(7)).timeout(SECOND / 2).await.unwrap_err();
    assert_eq!((late.kind(), late.outcome(), late.attempts()), (ErrorKind::Timeout, Outcome::NotSent, 0));
    control.assert_within(started.elapsed(), SECOND / 4); // not at its deadline
}

/// How long a soak takes: 6 seconds, or as many as `MEETBIT_SOAK` says. The long run is
/// `MEETBIT_SOAK=60 cargo test -p meetbit-tests --test rate_limit -- full_load path_with_jitter`.
pub(crate) fn soak_time() -> Duration {
    Duration::from_secs(env::var("MEETBIT_SOAK").map_or(6, |seconds| seconds.parse().unwrap()))
}

/// The requests that count at the same time, of two keys or of the tenant.
const PLACES: usize = 10;

/// A place is used again at least 95 % as soon as the control's: from one answer to the next one but nine.
#[track_caller]
fn assert_used(answers: &Mutex<Vec<Instant>>, control: Duration) {
    let answers = answers.lock().unwrap();
    let again: Vec<Duration> = answers.windows(PLACES + 1).map(|used| used[PLACES] - used[0]).collect();
    let mean = again.iter().sum::<Duration>() / u32::try_from(again.len()).unwrap();
    assert!(mean.mul_f64(0.95) <= control, "a place is used again after {mean:?}, the control's after {control:?}");
}

/// The control for the rate that a busy machine can reach: as many places, each of which is used again for a plain request to
/// this server one second after an answer, because the request may have arrived as late. Returns the mean time between uses.
async fn control(url: String) -> Duration {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let end = Instant::now() + soak_time();
    let places: JoinSet<_> = (0..PLACES).map(|_| uses(client.clone(), url.clone(), end)).collect();
    let times = places.join_all().await.concat();
    times.iter().sum::<Duration>() / u32::try_from(times.len()).unwrap()
}

/// The times between the uses of one place of the control, until this moment.
async fn uses(client: reqwest::Client, url: String, end: Instant) -> Vec<Duration> {
    let mut times = Vec::new();
    while Instant::now() < end {
        let started = Instant::now();
        client.get(&url).send().await.unwrap().bytes().await.unwrap();
        sleep(SECOND).await;
        times.push(started.elapsed());
    }
    times
}

/// Keeps 64 callers waiting, 32 for each of these two clients, and records when they have an answer.
fn load(clients: &[Client; 2], answers: &Arc<Mutex<Vec<Instant>>>) -> JoinSet<()> {
    let mut callers = JoinSet::new();
    for client in clients.iter().flat_map(|client| std::iter::repeat_n(client.clone(), 32)) {
        let answers = answers.clone();
        callers.spawn(async move {
            loop {
                create(&client, &marker(0)).await.unwrap();
                answers.lock().unwrap().push(Instant::now());
            }
        });
    }
    callers
}

/// Two keys at full load against a server with this plan. Another one with the same plan is for the control.
async fn full_load(plan: impl Fn() -> Plan) {
    let (server, of_control) = (RawServer::start(plan()), RawServer::start(plan()));
    let control = tokio::spawn(control(of_control.url()));
    let clients = ["one", "two"].map(|id| keyed(&server.url(), id, RateLimit::default()));
    let answers = Arc::default();
    let mut callers = load(&clients, &answers);
    let failed = timeout(soak_time(), callers.join_next()).await;
    assert!(failed.is_err(), "{failed:?}");
    callers.shutdown().await;
    let record = server.finish();
    assert!(record.busiest(SECOND) <= 10, "{} in a second", record.busiest(SECOND));
    for key in ["one", "two"].map(|id| record.with_key(id)) {
        assert!(key.busiest(SECOND) <= 5, "{} in a second", key.busiest(SECOND));
    }
    assert_used(&answers, control.await.unwrap());
}

#[tokio::test]
async fn promise_10_full_load_uses_what_is_allowed_and_no_more() {
    full_load(|| Plan::respond(|_| replies::customer())).await;
}

#[tokio::test]
async fn promise_10_full_load_against_a_slow_server() {
    let slow = |millis| {
        let answer = Script::new().read_request().wait(Duration::from_millis(millis)).write(replies::customer());
        let most = 1000 * soak_time().as_secs() / millis + 1; // on one connection
        let script = (0..most).fold(Script::new(), |script, _| script.append(answer.clone()));
        full_load(move || {
            let script = script.clone();
            Plan::each(move |_| script.clone())
        })
    };
    tokio::join!(slow(100), slow(1000));
}

#[tokio::test]
async fn promise_10_full_load_against_a_server_that_closes_after_each_answer() {
    full_load(|| Plan::each(|_| Script::new().read_request().write(closing()).close())).await;
}

fn closing() -> bytes::Bytes {
    replies::reply(200, &[("connection", "close")], replies::CUSTOMER)
}

#[tokio::test]
async fn promise_10_full_load_against_the_sandbox_earns_no_penalty() {
    let sandbox = Sandbox::builder().credentials("one", SECRET).key("two", SECRET, ["*.*.*"]).start().await.unwrap();
    let clients = ["one", "two"].map(|id| keyed(sandbox.base_url(), id, RateLimit::default()));
    let of_control = Sandbox::builder().unlimited().start().await.unwrap();
    let control = tokio::spawn(control(of_control.base_url().to_owned()));
    let answers = Arc::default();
    let mut callers = load(&clients, &answers);
    let failed = timeout(soak_time(), callers.join_next()).await;
    assert!(failed.is_err(), "{failed:?}");
    let requests = sandbox.requests();
    assert_eq!((sandbox.penalties(), sandbox.suspended()), (0, false));
    assert!(requests.iter().all(|request| request.status.is_none_or(|status| status == 200)), "a 429 among them");
    assert_used(&answers, control.await.unwrap());
}

#[tokio::test]
async fn promise_7_the_sandbox_punishes_nobody_who_waits() {
    let sandbox = Sandbox::start().await.unwrap();
    let clients: Vec<_> = (0..2)
        .map(|_| {
            let credentials = Credentials::new(sandbox.access_key_id(), sandbox.access_key_secret());
            builder(sandbox.base_url()).credentials(credentials).rate_limit(RateLimit::default()).build().unwrap()
        })
        .collect();
    let asked = http::Response::builder().status(429).header("retry-after", "1").body("Too many requests.");
    sandbox.reply(asked.unwrap());
    let mut calls = JoinSet::new();
    calls.spawn(create(&clients[0], &marker(0)));
    while clients[0].rate_limit_status().closed_for.is_none() {
        yield_now().await;
    }
    (1..12).for_each(|n| drop(calls.spawn(create(&clients[n % 2], &marker(n as u64)))));
    assert!(calls.join_all().await.iter().all(Result::is_ok));
    assert_eq!((sandbox.penalties(), sandbox.suspended()), (0, false));
    assert_eq!(sandbox.requests().iter().filter(|request| request.status != Some(http::StatusCode::OK)).count(), 1);
}

#[tokio::test]
async fn promise_9_a_call_that_is_not_polled_keeps_nobody_waiting() {
    let server = RawServer::start(Plan::respond(|_| replies::customer()));
    let client = limited(&server, RateLimit::per_second(1));
    create(&client, &marker(0)).await.unwrap();
    let set_aside = create(&client, &marker(1)).send();
    tokio::pin!(set_aside);
    assert!(tokio::time::timeout(Duration::from_millis(10), &mut set_aside).await.is_err());
    create(&client, &marker(2)).timeout(Duration::from_secs(5)).await.unwrap();
    set_aside.await.unwrap();
    assert_eq!(server.finish().busiest(SECOND), 1);
}

#[tokio::test]
async fn promise_9_the_tenants_limit_alone_is_kept_too() {
    let server = RawServer::start(Plan::respond(|_| replies::customer()));
    let limit = RateLimit::unlimited().tenant(2);
    let clients = ["one", "two"].map(|id| keyed(&server.url(), id, limit));
    let calls: JoinSet<_> = (0..7).map(|n| create(&clients[n % 2], &marker(n as u64))).collect();
    assert!(calls.join_all().await.iter().all(Result::is_ok));
    let record = server.finish();
    assert_eq!((record.requests.len(), record.busiest(SECOND)), (7, 2));
}
