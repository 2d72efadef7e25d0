//! Processes that are killed with SIGKILL, and continued by others.

use std::{collections::BTreeMap, process::Child, sync::Arc, time::Duration};

use fastrand::Rng;
use meetbit_client::sandbox::{Fault, Sandbox};
use tokio::{sync::Semaphore, task::JoinSet, time::sleep};

use crate::{
    directory::Directory,
    postgres::Postgres,
    process::{Import, ended, ledger, sandbox},
    stores::{Opened, Place, on_each_database},
};

const ROWS: u64 = 300;
const AT_ONCE: usize = 8;

/// `MEETBIT_SEEDS` runs more of them, and `MEETBIT_SEED` runs one again. Those with a file are in `importer_crashes.rs`.
#[tokio::test(flavor = "multi_thread")]
async fn promise_28_a_process_with_postgres_that_is_killed_at_any_moment_creates_each_row_at_most_once() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seeds = match number("MEETBIT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("MEETBIT_SEEDS").unwrap_or(8),
    };
    let (server, turns) = (Postgres::shared(), Arc::new(Semaphore::new(AT_ONCE)));
    let mut runs = JoinSet::new();
    for seed in seeds {
        let (turn, place) = (turns.clone().acquire_owned().await.unwrap(), server.database());
        runs.spawn(async move {
            let in_doubt = killed_and_resumed(seed, place).await;
            drop(turn);
            in_doubt
        });
    }
    let in_doubt: usize = runs.join_all().await.into_iter().sum();
    println!("{in_doubt} rows in doubt");
}

/// An import that is killed at random moments, and then resumed until it is done. Returns the number of rows in doubt.
async fn killed_and_resumed(seed: u64, place: String) -> usize {
    let mut rng = Rng::with_seed(seed);
    let sandbox = sandbox().start().await.unwrap();
    let import = Import { timeout: 2000, ..Import::new(&sandbox, place, ROWS) };
    let mut reported: BTreeMap<u64, String> = BTreeMap::new();
    for _ in 0..=rng.usize(0..3) {
        let (mut child, requests) = (import.start(None), sandbox.requests().len() + rng.usize(..150));
        while sandbox.requests().len() < requests && child.try_wait().unwrap().is_none() {
            sleep(Duration::from_millis(5)).await;
        }
        sleep(Duration::from_micros(rng.u64(..20_000))).await;
        let _may_have_ended = child.kill();
        reported.extend(ended(child).await.into_iter().filter(|(_, end)| end == "created"));
    }
    // It waits until what the killed processes had under way counts as in doubt.
    let ends = Import { timeout: 60_000, ..import }.run().await;
    let ledger = ledger(&sandbox, ROWS);
    assert_eq!(ends.len(), 300, "seed {seed}: {ends:?}");
    for (row, end) in &ends {
        let read = ledger[usize::try_from(*row).unwrap()];
        let fits = match &**end {
            "created" | "replayed" => read == 1,
            "in doubt" => read <= 1,
            _ => false,
        };
        assert!(fits, "seed {seed}: row {row} was read {read} times and is reported as `{end}`");
        let was_created = reported.contains_key(row);
        assert!(!was_created || end == "replayed", "seed {seed}: row {row} was created before, and now is `{end}`");
    }
    ends.values().filter(|end| *end == "in doubt").count()
}

on_each_database!(promise_28_each_moment_of_a_crash_has_its_end);

/// The first row is interrupted at each step; then another process takes over.
async fn promise_28_each_moment_of_a_crash_has_its_end(opened: Opened) {
    let places: Vec<(Directory, String)> = match &opened.place {
        Place::Memory => return, // nothing of it outlasts a process
        Place::Sqlite(_) => (0..5)
            .map(|_| Directory::new())
            .map(|it| {
                let file = it.file().display().to_string();
                (it, file)
            })
            .collect(),
        Place::Postgres(server, _) => (0..5).map(|_| (Directory::new(), server.database())).collect(),
    };
    let points = [
        ("before_intent", "created", 0),
        ("after_intent", "in doubt", 0),
        ("request_left", "in doubt", 1),
        ("before_result", "in doubt", 1),
        ("after_result", "replayed", 1),
    ];
    let mut runs = JoinSet::new();
    for ((point, then, read), (directory, place)) in points.into_iter().zip(places) {
        runs.spawn(async move {
            let sandbox = sandbox().start().await.unwrap();
            let import = Import { timeout: 2000, under_way: 1, ..Import::new(&sandbox, place, 1) };
            if point == "request_left" {
                sandbox.fault(Fault::silence());
            }
            let child = import.start(Some(point));
            let said =
                if point == "request_left" { killed_on_arrival(child, &sandbox).await } else { ended(child).await };
            assert!(said.is_empty(), "{point}: {said:?}");
            assert_eq!(ledger(&sandbox, 1), [read], "{point}");
            let ends = Import { timeout: 60_000, ..import }.run().await;
            assert_eq!(ends.into_values().collect::<Vec<_>>(), [then], "{point}");
            assert_eq!(ledger(&sandbox, 1), [usize::from(then != "in doubt" || read == 1)], "{point}");
            drop(directory);
        });
    }
    runs.join_all().await;
}

/// Kills the process when its request has arrived.
async fn killed_on_arrival(mut child: Child, sandbox: &Sandbox) -> BTreeMap<u64, String> {
    while !sandbox.requests().iter().any(|request| request.complete) {
        sleep(Duration::from_millis(2)).await;
    }
    child.kill().unwrap();
    ended(child).await
}
