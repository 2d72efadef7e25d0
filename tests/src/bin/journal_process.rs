//! One of several processes that create customers through a journal.
//!
//! `journal_process URL KEY_ID JOURNAL ROWS UNDER_WAY TIMEOUT_MS [KILL]` creates the customers of all rows, each under its own
//! key, with this number of calls under way. Each end is a line on standard output. `KILL` is the step of the first row at which
//! the process kills itself.

use std::{env, process, sync::Arc, time::Duration};

use meetbit_client::{
    BoxError, Client, ErrorKind,
    journal::{BoxFuture, Entry, Journal, Store},
};
use meetbit_tests::{
    client::{builder, create, credentials},
    server::ledger::marker,
};
use tokio::{sync::Semaphore, task::JoinSet};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [url, id, place, rows, under_way, timeout, kill @ ..] = &arguments[..] else { panic!("six arguments") };
    let timeout = Duration::from_millis(timeout.parse().expect("a number"));
    let client = builder(url).credentials(credentials(id)).timeout(timeout).build().expect("the settings are fine");
    let journal = open(place).await;
    let journal = match kill.first() {
        Some(point) => Journal::with_store(Killing { store: journal.store(), point: point.clone() }),
        None => journal,
    };
    let permits = Arc::new(Semaphore::new(under_way.parse().expect("a number")));
    let mut tasks = JoinSet::new();
    for row in 0..rows.parse().expect("a number") {
        let permit = permits.clone().acquire_owned().await.expect("it is open");
        let (client, journal) = (client.clone(), journal.clone());
        tasks.spawn(async move {
            println!("{row} {}", import(&client, &journal, row).await);
            drop(permit);
        });
    }
    tasks.join_all().await;
}

async fn open(place: &str) -> Journal {
    let opened =
        if place.starts_with("postgres:") { Journal::postgres(place).await } else { Journal::open(place).await };
    opened.expect("the journal can be opened")
}

async fn import(client: &Client, journal: &Journal, row: u64) -> String {
    match create(client, &marker(row)).once(journal, format!("row:{row}")).send().await {
        Ok(reply) if reply.replayed => "replayed".to_owned(),
        Ok(_) => "created".to_owned(),
        Err(error) if error.kind() == ErrorKind::InDoubt => "in doubt".to_owned(),
        Err(error) => format!("{:?} {:?} {error}", error.kind(), error.outcome()),
    }
}

/// A store that kills the process at one step.
struct Killing {
    store: Arc<dyn Store>,
    point: String,
}

impl Killing {
    fn reach(&self, point: &str) {
        if self.point == point {
            kill();
        }
    }
}

/// Kills this process, as a machine that loses power does: nothing is cleaned up.
fn kill() -> ! {
    let mut command = process::Command::new("kill");
    let _killed = command.args(["-KILL", &process::id().to_string()]).status();
    unreachable!("the process is killed")
}

impl Store for Killing {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Entry>, BoxError>> {
        self.store.get(key)
    }

    fn swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<i64>,
        new: Option<&'a Entry>,
    ) -> BoxFuture<'a, Result<bool, BoxError>> {
        Box::pin(async move {
            let is_intent = new.is_some_and(|new| !new.finished);
            self.reach(if is_intent { "before_intent" } else { "before_result" });
            let swapped = self.store.swap(key, expected, new).await;
            self.reach(if is_intent { "after_intent" } else { "after_result" });
            swapped
        })
    }

    fn unfinished(&self) -> BoxFuture<'_, Result<Vec<(String, Entry)>, BoxError>> {
        self.store.unfinished()
    }

    fn purge(&self, before: i64) -> BoxFuture<'_, Result<u64, BoxError>> {
        self.store.purge(before)
    }
}
