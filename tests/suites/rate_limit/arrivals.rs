//! What the server counts, whatever is between the client's loop and the server: promise 9.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use meetbit_client::{Client, RateLimit, Transport, sandbox::Sandbox};
use meetbit_tests::{
    client::{builder, create, keyed, limited},
    server::{
        ledger::marker,
        raw_server::RawServer,
        record::Record,
        replies,
        script::{Plan, Script},
        slow_path::SlowPath,
    },
};
use tokio::{
    sync::OnceCell,
    task::JoinSet,
    time::{Instant as TokioInstant, sleep_until, timeout},
};
use tower::{BoxError, Layer, ServiceExt, layer::layer_fn, service_fn, util::BoxCloneSyncService};

use crate::pacing::soak_time;

const SECOND: Duration = Duration::from_secs(1);

/// Asserts that no half-open second holds more requests than these limits allow.
#[track_caller]
fn assert_kept(record: &Record, keys: &[&str], key: usize, tenant: usize) {
    assert!(record.busiest(SECOND) <= tenant, "{} of the tenant in a second", record.busiest(SECOND));
    for id in keys {
        let busiest = record.with_key(id).busiest(SECOND);
        assert!(busiest <= key, "{busiest} of {id} in a second");
    }
}

/// Three keys with 64 callers at full load, over a path that delays each request by up to this time.
async fn kept_over_a_path(key: u32, longest: Duration) {
    const KEYS: [&str; 3] = ["one", "two", "three"];
    let server = RawServer::start(Plan::respond(|_| replies::customer()));
    let path = SlowPath::to(server.address(), longest);
    let clients = KEYS.map(|id| keyed(&path.url(), id, RateLimit::per_second(key)));
    let mut callers = JoinSet::new();
    for n in 0..64 {
        let client = clients[n % 3].clone();
        callers.spawn(async move {
            loop {
                create(&client, &marker(0)).await.unwrap();
            }
        });
    }
    let failed = timeout(soak_time(), callers.join_next()).await;
    assert!(failed.is_err(), "{failed:?}");
    callers.shutdown().await;
    let record = server.finish();
    assert!(record.requests.len() > 2 * key as usize, "{} requests in a soak", record.requests.len());
    assert_kept(&record, &KEYS, key as usize, 2 * key as usize);
}

#[tokio::test]
async fn promise_9_a_path_with_jitter_squeezes_nothing_together() {
    let millis = Duration::from_millis;
    tokio::join!(kept_over_a_path(5, millis(100)), kept_over_a_path(5, millis(300)), kept_over_a_path(20, millis(120)),);
}

/// Middleware that holds every request until this long after the first one.
fn holding(time: Duration) -> impl Layer<Transport, Service = Boxed> + Clone + Send + 'static {
    let opens = std::sync::Arc::new(OnceCell::new());
    layer_fn(move |inner: Transport| {
        let opens = opens.clone();
        Boxed::new(service_fn(move |request: Request<Bytes>| {
            let (inner, opens) = (inner.clone(), opens.clone());
            async move {
                sleep_until(*opens.get_or_init(async || TokioInstant::now() + time).await).await;
                inner.oneshot(request).await
            }
        }))
    })
}

type Boxed = BoxCloneSyncService<Request<Bytes>, Response<Bytes>, BoxError>;

/// Middleware that sends every request four times and passes on the last reply.
fn repeating() -> impl Layer<Transport, Service = Boxed> + Clone + Send + 'static {
    layer_fn(|inner: Transport| {
        Boxed::new(service_fn(move |request: Request<Bytes>| {
            let inner = inner.clone();
            async move {
                for _ in 0..3 {
                    inner.clone().oneshot(request.clone()).await?;
                }
                inner.oneshot(request).await
            }
        }))
    })
}

/// So many creates at once, all of which succeed.
async fn creates(client: &Client, count: u64) {
    let calls: JoinSet<_> = (0..count).map(|n| create(client, &marker(n))).collect();
    for result in calls.join_all().await {
        result.unwrap();
    }
}

/// So many creates at once through this middleware, to a server that counts and to the sandbox, which punishes.
async fn kept_through<L>(layer: impl Fn() -> L, creates_at_once: u64, requests: usize)
where
    L: Layer<Transport, Service = Boxed> + Send + 'static,
{
    let server = RawServer::start(Plan::respond(|_| replies::customer()));
    let client = builder(&server.url()).rate_limit(RateLimit::default()).layer(layer()).build().unwrap();
    let sandbox = Sandbox::start().await.unwrap();
    let of_sandbox = builder(sandbox.base_url()).credentials(sandbox.credentials()).rate_limit(RateLimit::default());
    let of_sandbox = of_sandbox.layer(layer()).build().unwrap();
    tokio::join!(creates(&client, creates_at_once), creates(&of_sandbox, creates_at_once));
    let record = server.finish();
    assert_eq!(record.requests.len(), requests);
    assert!(record.busiest(SECOND) <= 5, "{} in a second", record.busiest(SECOND));
    assert_eq!((sandbox.penalties(), sandbox.suspended(), sandbox.requests().len()), (0, false, requests));
}

#[tokio::test]
async fn promise_9_middleware_that_holds_requests_back_squeezes_nothing_together() {
    kept_through(|| holding(Duration::from_millis(4600)), 20, 20).await;
}

#[tokio::test]
async fn promise_9_middleware_that_repeats_requests_does_not_multiply_the_rate() {
    kept_through(repeating, 6, 24).await;
}

/// A server that is slow to answer at random: a request that is answered late may have arrived early or late.
#[tokio::test]
async fn promise_9_answers_that_take_different_times_squeeze_nothing_together() {
    let server = RawServer::start(Plan::each(|_| {
        let answer = || {
            let work = Duration::from_millis(fastrand::u64(0..300));
            Script::new().read_request().wait(work).write(replies::customer())
        };
        (0..100).fold(Script::new(), |script, _| script.append(answer()))
    }));
    let client = limited(&server, RateLimit::default());
    let started = Instant::now();
    creates(&client, 30).await;
    assert!(started.elapsed() >= 5 * SECOND);
    assert!(server.finish().busiest(SECOND) <= 5);
}
