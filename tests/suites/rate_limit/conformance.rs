//! The suite for stores of others: good ones pass, and each broken one is found.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use meetbit_client::{
    BoxError, FileLimit, RedisLimit, SharedLimit,
    rate_limit::{self, Ask, BoxFuture, Event, Report, State, Verdict},
};
use meetbit_tests::server::redis::RedisServer;

use crate::processes::Directory;

type Change = fn(&mut Memory, &mut Ask);

/// A store in memory, and how it is broken.
#[derive(Clone, Default)]
struct Memory {
    tenants: Arc<Mutex<BTreeMap<String, State>>>,
    start: Option<Instant>,
    change: Option<Change>,
    drops_reports: bool,
    is_not_atomic: bool,
}

impl Memory {
    fn new() -> Self {
        Self { start: Some(Instant::now()), ..Self::default() }
    }

    fn now(&self) -> Duration {
        self.start.map_or(Duration::ZERO, |start| start.elapsed())
    }

    fn load(&self, tenant: &str) -> State {
        self.tenants.lock().unwrap().get(tenant).cloned().unwrap_or_default()
    }

    fn store(&self, tenant: &str, state: State) {
        self.tenants.lock().unwrap().insert(tenant.to_owned(), state);
    }
}

impl SharedLimit for Memory {
    fn ask<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Verdict, BoxError>> {
        Box::pin(async move {
            let (mut this, mut ask) = (self.clone(), ask.clone());
            if let Some(change) = self.change {
                change(&mut this, &mut ask);
            }
            let mut state = this.load(&ask.tenant);
            if self.is_not_atomic {
                tokio::task::yield_now().await;
            }
            let verdict = rate_limit::ask(&mut state, this.now(), &ask);
            this.store(&ask.tenant, state);
            Ok(verdict)
        })
    }

    fn tell<'a>(&'a self, report: &'a Report) -> BoxFuture<'a, Result<(), BoxError>> {
        if !self.drops_reports {
            let mut state = self.load(&report.tenant);
            rate_limit::tell(&mut state, self.now(), report);
            self.store(&report.tenant, state);
        }
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test]
async fn promise_27_a_store_in_memory_conforms() {
    rate_limit::conformance(Memory::new()).await;
}

#[tokio::test]
async fn promise_27_the_store_in_a_file_conforms() {
    let directory = Directory::new();
    rate_limit::conformance(FileLimit::open(directory.file()).unwrap()).await;
}

#[tokio::test]
async fn promise_27_the_store_in_redis_conforms() {
    let redis = RedisServer::start();
    rate_limit::conformance(RedisLimit::connect(redis.url()).await.unwrap()).await;
}

#[tokio::test]
async fn promise_27_the_store_in_valkey_conforms() {
    let Some(valkey) = RedisServer::start_valkey() else {
        return eprintln!(
            "skipped: there is no Valkey (Debian 13 or the backports of 12: apt-get install valkey-server)"
        );
    };
    rate_limit::conformance(RedisLimit::connect(valkey.url()).await.unwrap()).await;
}

/// All keys that a named store is asked about share one limit.
#[tokio::test]
async fn promise_27_keys_share_the_limit_of_a_name() {
    let (crm, shop) = (Memory::new(), Memory::new());
    let (crm, shop) = (crm.clone().named("crm"), shop.named("shop"));
    let question = |key: &str, id| Ask {
        tenant: "tenant".to_owned(),
        key: key.to_owned(),
        id,
        again: false,
        ticket: None,
        rate: meetbit_client::RateLimit::default().into(),
        within: Duration::from_mins(1),
    };
    for id in 0..5 {
        let key = ["one", "two"][usize::from(id % 2 == 0)];
        assert!(matches!(crm.ask(&question(key, id)).await, Ok(Verdict::Go { .. })));
    }
    let impatient = Ask { within: Duration::ZERO, ..question("three", 5) };
    assert!(matches!(crm.ask(&impatient).await, Ok(Verdict::Wait { .. })));
    assert!(matches!(shop.ask(&question("three", 6)).await, Ok(Verdict::Go { .. })));
    let (tenant, key, rate) = ("tenant".to_owned(), "three".to_owned(), question("", 0).rate);
    crm.tell(&Report { tenant, key, rate, event: Event::Released { id: 0 } }).await.unwrap();
    assert!(matches!(crm.ask(&question("three", 5)).await, Ok(Verdict::Go { .. })));
}

#[tokio::test]
async fn promise_27_each_broken_store_is_found() {
    let broken: [(&str, Memory); 9] = [
        ("it forgets", Memory { change: Some(|memory, _| memory.tenants.lock().unwrap().clear()), ..Memory::new() }),
        ("its clock stands still", Memory { start: None, ..Memory::new() }),
        ("it drops reports", Memory { drops_reports: true, ..Memory::new() }),
        ("it is not atomic", Memory { is_not_atomic: true, ..Memory::new() }),
        ("it loses `again`", Memory { change: Some(|_, ask| ask.again = false), ..Memory::new() }),
        ("it loses the ticket", Memory { change: Some(|_, ask| ask.ticket = None), ..Memory::new() }),
        ("its ids have 32 bits", Memory { change: Some(|_, ask| ask.id %= 2), ..Memory::new() }),
        ("its tenants share a state", Memory { change: Some(|_, ask| ask.tenant.clear()), ..Memory::new() }),
        ("it has one key", Memory { change: Some(|_, ask| ask.key.clear()), ..Memory::new() }),
    ];
    for (how, memory) in broken {
        let run = tokio::spawn(rate_limit::conformance(memory)).await;
        assert!(run.is_err(), "{how}, and the suite does not find it");
    }
}
