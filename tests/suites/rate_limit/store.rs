//! A store of one's own behind the public seam: promise 27.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    collections::BTreeSet,
    convert::Infallible,
    future::{Future, pending},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use meetbit_client::{
    BoxError, Client, ErrorKind, Outcome, RateLimit, SharedLimit,
    rate_limit::{Ask, BoxFuture, Event, Report, Verdict},
};
use meetbit_tests::{
    client::{builder, create},
    server::ledger::marker,
};
use tokio::time::{Instant, Sleep, sleep};
use tower::Service;

const SECOND: Duration = Duration::from_secs(1);
const GO: Result<Verdict, &str> = Ok(Verdict::Go { ticket: 0 });

/// `None` means no answer at all.
type Answer = Option<Result<Verdict, &'static str>>;

/// The answer to a question. It depends on the number of questions before, too.
type Answers = dyn Fn(&Ask, usize) -> Answer + Send + Sync;

/// A store with scripted answers.
#[derive(Clone)]
struct Scripted {
    answer: Arc<Answers>,
    asks: Arc<Mutex<Vec<Ask>>>,
    reports: Arc<Mutex<Vec<Report>>>,
}

impl Scripted {
    fn new(answer: impl Fn(&Ask, usize) -> Answer + Send + Sync + 'static) -> Self {
        Self { answer: Arc::new(answer), asks: Arc::default(), reports: Arc::default() }
    }

    fn asks(&self) -> Vec<Ask> {
        self.asks.lock().unwrap().clone()
    }

    fn events(&self) -> Vec<Event> {
        self.reports.lock().unwrap().iter().map(|report| report.event).collect()
    }
}

impl SharedLimit for Scripted {
    fn ask<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Verdict, BoxError>> {
        let mut asks = self.asks.lock().unwrap();
        let answer = (self.answer)(ask, asks.len());
        asks.push(ask.clone());
        match answer {
            Some(answer) => Box::pin(async move { answer.map_err(BoxError::from) }),
            None => Box::pin(pending()),
        }
    }

    fn tell<'a>(&'a self, report: &'a Report) -> BoxFuture<'a, Result<(), BoxError>> {
        self.reports.lock().unwrap().push(report.clone());
        Box::pin(async { Ok(()) })
    }
}

/// A store that takes no report before a moment.
struct OutOfReach {
    store: Scripted,
    until: Instant,
}

impl SharedLimit for OutOfReach {
    fn ask<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Verdict, BoxError>> {
        self.store.ask(ask)
    }

    fn tell<'a>(&'a self, report: &'a Report) -> BoxFuture<'a, Result<(), BoxError>> {
        if self.until <= Instant::now() {
            return self.store.tell(report);
        }
        Box::pin(async { Err("out of reach".into()) })
    }
}

/// A service that is ready for its first request after a time, as a connection is, and replies with a status.
#[derive(Debug)]
struct SlowToConnect {
    first: Duration,
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    calls: Arc<AtomicUsize>,
    clones: Arc<AtomicUsize>,
    connecting: Option<Pin<Box<Sleep>>>,
}

impl SlowToConnect {
    fn new(first: Duration, status: u16) -> Self {
        let headers = &[("retry-after", "60")];
        Self { first, status, headers, calls: Arc::default(), clones: Arc::default(), connecting: None }
    }
}

impl Clone for SlowToConnect {
    fn clone(&self) -> Self {
        let (calls, clones) = (self.calls.clone(), self.clones.clone());
        Self { calls, clones, connecting: None, ..*self }
    }
}

impl Service<Request<Bytes>> for SlowToConnect {
    type Response = Response<Bytes>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Bytes>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        let (first, clones) = (self.first, &self.clones);
        let connecting = self.connecting.get_or_insert_with(|| {
            let is_first = clones.fetch_add(1, Ordering::Relaxed) == 0;
            Box::pin(sleep(if is_first { first } else { Duration::ZERO }))
        });
        connecting.as_mut().poll(context).map(Ok)
    }

    fn call(&mut self, _: Request<Bytes>) -> Self::Future {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let body = r#"{"message":"Created.","data":{"id":1,"created_at":"2024-08-22T01:04:05Z"}}"#;
        let response = Response::builder().status(self.status);
        let response = self.headers.iter().fold(response, |response, (name, value)| response.header(*name, *value));
        std::future::ready(Ok(response.body(body.into()).unwrap()))
    }
}

fn client(store: &Scripted, service: &SlowToConnect) -> Client {
    client_with(store.clone(), service)
}

fn client_with(store: impl SharedLimit, service: &SlowToConnect) -> Client {
    let builder = builder("http://127.0.0.1:9").rate_limit(RateLimit::default()).timeout(10 * SECOND);
    builder.shared_limit(store).service(service.clone()).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn promise_27_a_request_whose_permit_of_the_store_has_ended_does_not_depart() {
    let service = SlowToConnect::new(SECOND * 3 / 2, 201);
    let refuses_renewal = Scripted::new(|ask, _| Some(if ask.again { Err("no renewal") } else { GO }));
    let _ = create(&client(&refuses_renewal, &service), &marker(0)).await;
    let ids: BTreeSet<u64> = refuses_renewal.asks().iter().map(|ask| ask.id).collect();
    assert_eq!((ids.len(), service.calls.load(Ordering::Relaxed)), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn promise_27_a_permit_of_the_store_is_renewed_while_its_request_connects() {
    let service = SlowToConnect::new(SECOND * 3 / 2, 201);
    let store = Scripted::new(|_, _| Some(GO));
    let _ = create(&client(&store, &service), &marker(0)).await;
    let asks = store.asks();
    assert!(asks.len() >= 3 && asks.iter().all(|ask| ask.id == asks[0].id), "{asks:?}");
    assert!(asks.iter().skip(1).all(|ask| ask.again));
}

/// Connecting can take this long, and another process may get a `429` meanwhile.
#[tokio::test(start_paused = true)]
async fn promise_27_a_gate_that_another_process_closes_holds_back_a_request_that_connects() {
    let service = SlowToConnect::new(SECOND * 3 / 10, 201);
    let store = Scripted::new(|_, before| {
        let closed = Verdict::Closed { wait: 2 * SECOND, refusals: 1, ticket: 0 };
        Some(if before == 1 { Ok(closed) } else { GO })
    });
    let started = Instant::now();
    let _ = create(&client(&store, &service), &marker(0)).await;
    assert!(started.elapsed() >= 2 * SECOND, "{:?}", started.elapsed());
    assert_eq!(service.calls.load(Ordering::Relaxed), 1);
    assert_eq!(store.asks().len(), 3, "the permit that has ended is not renewed: {:?}", store.asks());
}

#[tokio::test(start_paused = true)]
async fn promise_27_a_store_that_does_not_answer_or_fails_ends_the_call_in_time_and_sends_nothing() {
    for answer in [None, Some(Err("out of order"))] {
        let service = SlowToConnect::new(Duration::ZERO, 201);
        let store = Scripted::new(move |_, _| answer);
        let started = Instant::now();
        let error = create(&client(&store, &service), &marker(0)).timeout(3 * SECOND).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::RateLimited, Outcome::NotSent));
        assert!(error.to_string().contains("`Scripted`"), "{error}");
        assert!(started.elapsed() <= 3 * SECOND, "{:?}", started.elapsed());
        assert_eq!(service.calls.load(Ordering::Relaxed), 0);
        let asks = store.asks();
        assert!((3..20).contains(&asks.len()) && asks[1..].iter().all(|ask| ask.again && ask.id == asks[0].id));
    }
}

#[tokio::test(start_paused = true)]
async fn promise_27_a_gate_that_the_store_closes_closes_this_process() {
    let closed = |wait, refusals| Some(Ok(Verdict::Closed { wait, refusals, ticket: 7 }));
    let service = SlowToConnect::new(Duration::ZERO, 201);
    let store = Scripted::new(move |_, before| if before == 0 { closed(2 * SECOND, 1) } else { Some(GO) });
    let started = Instant::now();
    let _ = create(&client(&store, &service), &marker(0)).await;
    assert!((2 * SECOND..3 * SECOND).contains(&started.elapsed()), "{:?}", started.elapsed());
    assert_eq!(service.calls.load(Ordering::Relaxed), 1);
    assert_eq!(store.asks()[1].ticket, Some(7));

    for (wait, refusals) in [(60 * SECOND, 1), (2 * SECOND, 3)] {
        let client = client(&Scripted::new(move |_, _| closed(wait, refusals)), &service);
        let started = Instant::now();
        let error = create(&client, &marker(1)).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::RateLimited, Outcome::NotSent));
        assert!(started.elapsed() < SECOND / 2 && error.retry_after() > Some(wait.mul_f64(0.9)), "{error:?}");
        assert!(client.rate_limit_status().closed_for.is_some());
    }
    assert_eq!(service.calls.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn promise_27_a_store_sees_hashes_and_knows_of_a_429_when_the_call_ends() {
    let service = SlowToConnect::new(Duration::ZERO, 429);
    let store = Scripted::new(|_, _| Some(GO));
    let error = create(&client(&store, &service), &marker(0)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    let Ask { tenant, key, id, .. } = store.asks()[0].clone();
    let is_hash = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(is_hash(&tenant) && is_hash(&key) && id < 1 << 53);
    let told = store.events().into_iter().find_map(|event| match event {
        Event::Answered { id: answered, feedback, .. } if answered == id => Some(feedback),
        _ => None,
    });
    let told = told.unwrap();
    assert!(told.is_429 && told.retry_after == Some(60 * SECOND), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn promise_27_a_call_that_is_dropped_gives_its_place_back() {
    let service = SlowToConnect::new(Duration::ZERO, 201);
    let wait = Verdict::Wait { wait: SECOND, reason: meetbit_client::rate_limit::WaitReason::Key, ticket: 3 };
    let store = Scripted::new(move |_, _| Some(Ok(wait)));
    let call = create(&client(&store, &service), &marker(0));
    assert!(tokio::time::timeout(SECOND / 2, call).await.is_err());
    sleep(SECOND / 10).await;
    assert!(store.events().contains(&Event::Withdrawn { ticket: 3 }), "{:?}", store.events());
}

/// What no longer matters is not reported.
#[tokio::test(start_paused = true)]
async fn promise_27_a_429_is_reported_when_the_store_works_again_as_long_as_its_gate_is_closed() {
    for (status, outage, left) in [(429, 20, Some(40 * SECOND)), (429, 61, None), (201, 20, None)] {
        let service = SlowToConnect::new(Duration::ZERO, status);
        let store = Scripted::new(|_, _| Some(GO));
        let until = Instant::now() + outage * SECOND;
        let client = client_with(OutOfReach { store: store.clone(), until }, &service);
        let _ = create(&client, &marker(0)).await;
        sleep(62 * SECOND).await;
        let told = store.events().into_iter().find_map(|event| match event {
            Event::Answered { departed, feedback, .. } => Some((departed, feedback.retry_after)),
            _ => None,
        });
        let (departed, retry_after) = told.unzip();
        assert_eq!(told.is_some(), left.is_some(), "{status}, {outage}: {told:?}");
        assert!(departed.is_none_or(|departed| departed >= outage * SECOND), "{departed:?}");
        // It was told within half a second.
        let is_exact = |wait| left.is_some_and(|left| left <= wait + SECOND / 2 && wait <= left);
        assert!(retry_after.flatten().is_none_or(is_exact), "{retry_after:?}");
    }
}

/// The third refusal in a row closes for four seconds by the client's own rule.
#[tokio::test(start_paused = true)]
async fn promise_27_a_429_without_retry_after_is_reported_as_long_as_its_gate_is_closed() {
    let service = SlowToConnect { headers: &[], ..SlowToConnect::new(Duration::ZERO, 429) };
    let store = Scripted::new(|_, _| Some(GO));
    let until = Instant::now() + SECOND * 11 / 2; // the refusals come after 0, 1 and 3 seconds
    let client = client_with(OutOfReach { store: store.clone(), until }, &service);
    let error = create(&client, &marker(0)).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::RateLimited, 3));
    sleep(10 * SECOND).await;
    let told: Vec<_> = store.events().into_iter().filter(|event| matches!(event, Event::Answered { .. })).collect();
    let [Event::Answered { departed, feedback, .. }] = told[..] else { panic!("{told:?}") };
    assert!((2 * SECOND..3 * SECOND).contains(&departed) && feedback.is_429, "{told:?}");
}

/// A `Reset` beyond a minute is a point in time, and holds one period.
#[tokio::test(start_paused = true)]
async fn promise_27_a_reset_that_is_no_span_is_not_reported_for_as_long() {
    let headers = &[("ratelimit-limit", "5"), ("ratelimit-remaining", "0"), ("ratelimit-reset", "1700000000")];
    let service = SlowToConnect { headers, ..SlowToConnect::new(Duration::ZERO, 201) };
    let store = Scripted::new(|_, _| Some(GO));
    let client = client_with(OutOfReach { store: store.clone(), until: Instant::now() + 20 * SECOND }, &service);
    let _ = create(&client, &marker(0)).await;
    assert!(client.rate_limit_status().closed_for.is_some());
    sleep(22 * SECOND).await;
    assert_eq!(store.events(), [], "it no longer matters");
}
