//! Random interleavings of begin, finish, crash and resolve.

use std::{future::IntoFuture, time::Duration};

use fastrand::Rng;
use meetbit_client::{
    Client, Customers, ErrorKind, NewCustomer, Outcome, RateLimit, RetryPolicy,
    journal::{Journal, Resolution},
    sandbox::{Fault, Sandbox},
};
use tokio::task::JoinSet;

const KEYS: usize = 3;

/// Tasks use few keys at once. Some are aborted, some calls fail, and what is in doubt is resolved by the truth. However they
/// interleave, each key is created at most once. `MEETBIT_SEED` runs one seed again.
#[tokio::test(flavor = "multi_thread")]
async fn promise_28_random_interleavings_never_create_twice() {
    let seed = std::env::var("MEETBIT_SEED").ok().map(|text| text.parse::<u64>().unwrap());
    let seeds = seed.map_or(0..60, |seed| seed..seed + 1);
    let mut runs = JoinSet::new();
    for seed in seeds {
        runs.spawn(interleave(seed));
        if runs.len() == 6 {
            runs.join_next().await.unwrap().unwrap();
        }
    }
    runs.join_all().await;
}

async fn interleave(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let sandbox = Sandbox::builder().unlimited().start().await.unwrap();
    let builder = Client::builder("acme.example.com").base_url(sandbox.base_url()).credentials(sandbox.credentials());
    let client = builder.rate_limit(RateLimit::unlimited()).retry(RetryPolicy::never()).build().unwrap();
    let journal = Journal::in_memory();
    for _ in 0..rng.usize(3..12) {
        for _ in 0..rng.usize(0..3) {
            sandbox.fault(fault(&mut rng));
        }
        let mut tasks = JoinSet::new();
        for _ in 0..rng.usize(1..5) {
            let call = call(&client, rng.usize(..KEYS)).timeout(Duration::from_millis(300));
            let (key, abort_after) = (call.1, rng.bool().then(|| rng.u64(0..4000)));
            let call = call.0.once(&journal, format!("key:{key}"));
            tasks.spawn(async move {
                let result = match abort_after {
                    None => call.await,
                    Some(micros) => {
                        let abort = tokio::time::timeout(Duration::from_micros(micros), call.into_future());
                        match abort.await {
                            Ok(result) => result,
                            Err(_) => return,
                        }
                    }
                };
                if let Err(error) = result {
                    assert_ne!(error.kind(), ErrorKind::Journal, "seed {seed}: {error}");
                }
            });
        }
        tasks.join_all().await;
        if rng.bool() {
            resolve(&sandbox, &journal).await;
        }
        check(&sandbox, seed);
    }
    finish(&sandbox, &client, &journal, seed).await;
}

/// In the end, what is not in doubt is a customer, and a customer only once.
async fn finish(sandbox: &Sandbox, client: &Client, journal: &Journal, seed: u64) {
    for key in 0..KEYS {
        let once = || call(client, key).0.once(journal, format!("key:{key}"));
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

struct Keyed(meetbit_client::Call<meetbit_client::Customer>, usize);

impl Keyed {
    fn timeout(self, time: Duration) -> Self {
        Self(self.0.timeout(time), self.1)
    }
}

fn call(client: &Client, key: usize) -> Keyed {
    Keyed(client.create_customer(&NewCustomer::new().first_name(format!("customer-{key}"))), key)
}

/// The number of customers that the sandbox has made for a key: requests that were read in full and not refused.
fn created(sandbox: &Sandbox, key: usize) -> usize {
    let name = format!("\"customer-{key}\"");
    let is_it = |body: &[u8]| String::from_utf8_lossy(body).contains(&name);
    let requests = sandbox.requests();
    let acted = |status: Option<meetbit_client::StatusCode>| status.is_some_and(|status| status.is_success());
    requests.iter().filter(|request| request.complete && acted(request.status) && is_it(&request.body)).count()
}

/// Says what the sandbox knows, when nothing is on its way any more.
async fn resolve(sandbox: &Sandbox, journal: &Journal) {
    tokio::time::sleep(Duration::from_millis(50)).await; // the sandbox acts late on requests whose calls were dropped
    for doubt in journal.in_doubt().await.unwrap() {
        let key: usize = doubt.key.trim_start_matches("key:").parse().unwrap();
        let resolution = match created(sandbox, key) {
            0 => Resolution::NotDone,
            _ => Resolution::done(&meetbit_client::Customer::new(7)).unwrap(),
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
