//! Several processes with one journal.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use crate::{
    process::{Import, ledger, sandbox},
    stores::{Opened, Place},
};

const ROWS: u64 = 100;

/// Processes import the same rows at once.
async fn at_once(opened: Opened, processes: usize) {
    let place = match &opened.place {
        Place::Memory => unreachable!("processes share no memory"),
        Place::Sqlite(directory) => directory.file().display().to_string(),
        Place::Postgres(_, url) => url.clone(),
    };
    let sandbox = sandbox().start().await.unwrap();
    let import = Import::new(&sandbox, place, ROWS);
    let mut runs = JoinSet::new();
    for _ in 0..processes {
        let import = import.clone();
        runs.spawn(async move { import.run().await });
    }
    let ends: Vec<BTreeMap<u64, String>> = runs.join_all().await;
    assert!(ledger(&sandbox, ROWS).iter().all(|read| *read == 1), "{:?}", ledger(&sandbox, ROWS));
    for row in 0..ROWS {
        let created = ends.iter().filter(|ends| ends[&row] == "created").count();
        let replayed = ends.iter().filter(|ends| ends[&row] == "replayed").count();
        assert_eq!((created, created + replayed), (1, processes), "row {row}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_28_two_processes_create_each_row_once() {
    at_once(Opened::sqlite().await, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_28_eight_processes_create_each_row_once() {
    at_once(Opened::sqlite().await, 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_28_two_processes_with_postgres_create_each_row_once() {
    at_once(Opened::postgres().await, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_28_eight_processes_with_postgres_create_each_row_once() {
    at_once(Opened::postgres().await, 8).await;
}
