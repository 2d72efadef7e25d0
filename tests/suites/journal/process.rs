//! A process that creates customers through a journal, and the sandbox that it talks to.

use std::{
    collections::BTreeMap,
    process::{Child, Command, Stdio},
};

use meetbit_client::sandbox::{Sandbox, SandboxBuilder};
use meetbit_tests::{
    client::SECRET,
    server::ledger::{marker, markers},
};

pub(crate) const KEY: &str = "one";

/// A sandbox that takes the key of the processes.
pub(crate) fn sandbox() -> SandboxBuilder {
    Sandbox::builder().unlimited().credentials(KEY, SECRET)
}

/// What a process does.
#[derive(Clone, Debug)]
pub(crate) struct Import {
    pub(crate) url: String,
    pub(crate) place: String,
    pub(crate) rows: u64,
    pub(crate) under_way: usize,
    pub(crate) timeout: u64,
}

impl Import {
    pub(crate) fn new(sandbox: &Sandbox, place: impl Into<String>, rows: u64) -> Self {
        Self { url: sandbox.base_url().to_owned(), place: place.into(), rows, under_way: 16, timeout: 30_000 }
    }

    /// Starts the process, which kills itself at a step if `kill` says so.
    pub(crate) fn start(&self, kill: Option<&str>) -> Child {
        Command::new(env!("CARGO_BIN_EXE_journal_process"))
            .args([&self.url, KEY, &self.place, &self.rows.to_string()])
            .args([self.under_way.to_string(), self.timeout.to_string()])
            .args(kill)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Runs it to its end, and returns what it says of each row.
    pub(crate) async fn run(&self) -> BTreeMap<u64, String> {
        let child = self.start(None);
        ended(child).await
    }
}

/// What a process says of each row, when it has ended.
pub(crate) async fn ended(child: Child) -> BTreeMap<u64, String> {
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| line.split_once(' ').unwrap());
    lines.map(|(row, end)| (row.parse().unwrap(), end.to_owned())).collect()
}

/// How often the sandbox has read each row.
pub(crate) fn ledger(sandbox: &Sandbox, rows: u64) -> Vec<usize> {
    let requests = sandbox.requests();
    let mut read: BTreeMap<String, usize> = BTreeMap::new();
    for marker in requests.iter().flat_map(|request| markers(&request.body)) {
        *read.entry(marker).or_default() += 1;
    }
    (0..rows).map(|row| read.get(&marker(row)).copied().unwrap_or_default()).collect()
}
