//! Random interleavings of begin, finish, crash and resolve.

use std::{
    future::pending,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use meetbit_client::{
    BoxError, Call, Client, Customer, Customers, NewCustomer, Outcome, RateLimit, RetryPolicy,
    journal::{BoxFuture, Entry, Journal, Resolution, Store},
    sandbox::{Fault, Sandbox},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    join,
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::stores::{Opened, Place, on_each_store};

const KEYS: usize = 3;
const TIME: Duration = Duration::from_millis(300);
/// What a process had under way is in doubt this long after the time of its call, and a little more.
const MARGIN: Duration = Duration::from_millis(5500);

on_each_store!(promise_28_random_interleavings_never_create_twice);

/// Processes use few keys at once. Some crash, some calls are dropped, some fail, and what is in doubt is resolved by the truth.
/// However they interleave, each key is created at most once. `MEETBIT_SEED` runs one seed again.
async fn promise_28_random_interleavings_never_create_twice(opened: Opened) {
    let seed = std::env::var("MEETBIT_SEED").ok().map(|text| text.parse::<u64>().unwrap());
    let seeds = match opened.place {
        Place::Memory => 60,
        Place::Sqlite(_) => 24,
        Place::Postgres(..) => 12, // each journal has a connection
    };
    let mut runs = JoinSet::new();
    for seed in seed.map_or(0..seeds, |seed| seed..seed + 1) {
        runs.spawn(interleave(seed, opened.another().await));
    }
    runs.join_all().await;
}

async fn interleave(seed: u64, opened: Opened) {
    let mut rng = Rng::with_seed(seed);
    let sandbox = Sandbox::builder().unlimited().start().await.unwrap();
    let builder = Client::builder("acme.example.com").base_url(sandbox.base_url()).credentials(sandbox.credentials());
    let client = builder.rate_limit(RateLimit::unlimited()).retry(RetryPolicy::never()).build().unwrap();
    for _ in 0..rng.usize(3..12) {
        for _ in 0..rng.usize(0..3) {
            sandbox.fault(fault(&mut rng));
        }
        let mut processes = JoinSet::new();
        for _ in 0..rng.usize(1..4) {
            let process = Process::start(opened.journal.store());
            processes.spawn(process.run(client.clone(), rng.fork()));
        }
        processes.join_all().await;
        if rng.bool() {
            resolve(&sandbox, &opened.journal).await;
        }
        check(&sandbox, seed);
    }
    sleep(TIME + MARGIN).await; // what the processes that crashed had under way is in doubt
    finish(&sandbox, &client, &opened.journal, seed).await;
    resolve(&sandbox, &opened.journal).await;
    finish(&sandbox, &client, &opened.journal, seed).await;
}

/// A process with a journal of its own. When it crashes, nothing that it asks the store has an answer.
struct Process {
    journal: Journal,
    has_crashed: Arc<AtomicBool>,
}

impl Process {
    fn start(store: Arc<dyn Store>) -> Self {
        let has_crashed = Arc::new(AtomicBool::new(false));
        let journal = Journal::with_store(Mortal { store, has_crashed: has_crashed.clone() });
        Self { journal, has_crashed }
    }

    /// Sends calls, some of which are dropped. A process of three crashes at a random moment. On a busy machine a database may
    /// give no answer in time, and then the error of a call has the kind `Journal`.
    async fn run(self, client: Client, mut rng: Rng) {
        let mut calls = JoinSet::new();
        for _ in 0..rng.usize(1..4) {
            let key = rng.usize(..KEYS);
            let call = create(&client, key).timeout(TIME).once(&self.journal, format!("key:{key}")).send();
            let dropped_after = if rng.bool() { Duration::from_micros(rng.u64(0..4000)) } else { Duration::MAX };
            calls.spawn(timeout(dropped_after, call));
        }
        if rng.u32(..3) == 0 {
            sleep(Duration::from_micros(rng.u64(0..6000))).await;
            self.has_crashed.store(true, Ordering::Relaxed);
            calls.abort_all();
        }
        while let Some(ended) = calls.join_next().await {
            assert!(ended.is_ok() || self.has_crashed.load(Ordering::Relaxed), "{ended:?}");
        }
    }
}

/// The store of a process that can crash. What has begun may still be carried out.
struct Mortal {
    store: Arc<dyn Store>,
    has_crashed: Arc<AtomicBool>,
}

impl Mortal {
    fn answer<'a, T: Send + 'a>(&self, answer: BoxFuture<'a, T>) -> BoxFuture<'a, T> {
        if self.has_crashed.load(Ordering::Relaxed) { Box::pin(pending()) } else { answer }
    }
}

impl Store for Mortal {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Entry>, BoxError>> {
        self.answer(self.store.get(key))
    }

    fn swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<i64>,
        new: Option<&'a Entry>,
    ) -> BoxFuture<'a, Result<bool, BoxError>> {
        self.answer(self.store.swap(key, expected, new))
    }

    fn unfinished(&self) -> BoxFuture<'_, Result<Vec<(String, Entry)>, BoxError>> {
        self.answer(self.store.unfinished())
    }

    fn purge(&self, before: i64) -> BoxFuture<'_, Result<u64, BoxError>> {
        self.answer(self.store.purge(before))
    }
}

/// In the end, what is not in doubt is a customer, and a customer only once.
async fn finish(sandbox: &Sandbox, client: &Client, journal: &Journal, seed: u64) {
    for key in 0..KEYS {
        let once = || create(client, key).once(journal, format!("key:{key}"));
        let mut result = once().await;
        while result.as_ref().is_err_and(|error| matches!(error.outcome(), Outcome::Rejected | Outcome::NotSent)) {
            result = once().await; // a fault of before
        }
        if result.is_ok() {
            assert_eq!(created(sandbox, key), 1, "seed {seed}: key {key} is reported created");
        }
    }
    check(sandbox, seed);
}

fn fault(rng: &mut Rng) -> Fault {
    match rng.u32(..5) {
        0 => Fault::status(403),
        1 => Fault::status(503),
        2 => Fault::reset(),
        3 => Fault::reset().after_acting(),
        _ => Fault::delay(Duration::from_millis(rng.u64(1..20))),
    }
}

fn create(client: &Client, key: usize) -> Call<Customer> {
    client.create_customer(&NewCustomer::new().first_name(format!("customer-{key}")))
}

/// The number of customers that the sandbox has made for a key: requests that were read in full and not refused.
fn created(sandbox: &Sandbox, key: usize) -> usize {
    let name = format!("\"customer-{key}\"");
    let is_it = |body: &[u8]| String::from_utf8_lossy(body).contains(&name);
    let requests = sandbox.requests();
    let acted = |status: Option<meetbit_client::StatusCode>| status.is_some_and(|status| status.is_success());
    requests.iter().filter(|request| request.complete && acted(request.status) && is_it(&request.body)).count()
}

/// Lets the sandbox act on the requests of calls that were dropped. Its tasks and these round trips wait for the same sockets
/// in the same runtime, so a busy machine makes both take longer.
async fn settle() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    for _ in 0..20 {
        sleep(Duration::from_millis(10)).await; // a fault delays the sandbox by up to twice this
        let (near, far) = join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        near.unwrap().write_all(b"?").await.unwrap();
        far.unwrap().0.read_u8().await.unwrap();
    }
}

/// Says what the sandbox knows, when nothing is on its way any more.
async fn resolve(sandbox: &Sandbox, journal: &Journal) {
    settle().await;
    for doubt in journal.in_doubt().await.unwrap() {
        let key: usize = doubt.key.trim_start_matches("key:").parse().unwrap();
        let resolution = match created(sandbox, key) {
            0 => Resolution::NotDone,
            _ => Resolution::done(&Customer::new(7)).unwrap(),
        };
        journal.resolve(&doubt.key, resolution).await.unwrap();
    }
}

fn check(sandbox: &Sandbox, seed: u64) {
    for key in 0..KEYS {
        let created = created(sandbox, key);
        assert!(created <= 1, "seed {seed}: key {key} was created {created} times");
    }
}
