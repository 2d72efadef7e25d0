//! The example `import_customers` while it is killed with SIGKILL and resumed, and several of it with one journal.

use std::{
    collections::BTreeSet,
    fmt::Write,
    time::{Duration, Instant},
};

use fastrand::Rng;
use meetbit_client::sandbox::Sandbox;
use meetbit_tests::server::ledger::marker;
use tokio::{sync::Semaphore, task::JoinSet, time::sleep};

use crate::{
    directory::Directory,
    process::{ledger, sandbox},
    program::{Counts, ended, file, rejected, run, start},
};

const ROWS: u64 = 300;
/// The rows behind the others, which the client refuses to send.
const INVALID: usize = 2;
/// Runs at once. Most of their time is a wait for the end of what was under way, but too many slow each other down.
const AT_ONCE: u32 = 14;
static TURNS: Semaphore = Semaphore::const_new(AT_ONCE as usize);
/// The options of each import.
const OPTIONS: [&str; 6] = ["--key", "crm_id", "--per-second", "unlimited", "--answer-within", "5"];
/// An import that sends nothing, because it waits for the end of what a killed one had under way, is killed after this time.
const SILENCE: Duration = Duration::from_millis(1500);

/// The file with all rows.
fn rows(directory: &Directory, invalid: usize) -> String {
    let mut text = "crm_id,first_name,email\n".to_owned();
    for row in 0..ROWS {
        writeln!(text, "{row},Ada,{}@example.com", marker(row)).unwrap();
    }
    for row in 0..invalid {
        writeln!(text, "bad-{row},Grace,bad-mail").unwrap();
    }
    file(directory, &text)
}

/// `MEETBIT_SEEDS` runs more of them, and `MEETBIT_SEED` runs one again.
#[tokio::test(flavor = "multi_thread")]
async fn promise_28_an_import_that_is_killed_at_any_moment_creates_each_row_at_most_once() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seeds = match number("MEETBIT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("MEETBIT_SEEDS").unwrap_or(40),
    };
    let runs: JoinSet<usize> = seeds.map(killed_and_resumed).collect();
    let in_doubt: usize = runs.join_all().await.into_iter().sum();
    println!("{in_doubt} rows in doubt");
}

/// An import that is killed at random moments and resumed until it is done. Returns the number of rows that were in doubt.
async fn killed_and_resumed(seed: u64) -> usize {
    let _turn = TURNS.acquire().await.unwrap();
    let mut rng = Rng::with_seed(seed);
    let (sandbox, directory) = (sandbox().start().await.unwrap(), Directory::new());
    let invalid = if seed.is_multiple_of(2) { 0 } else { INVALID };
    let path = rows(&directory, invalid);
    let arguments = [&OPTIONS[..], &[&*path]].concat();
    for _ in 0..=rng.usize(0..3) {
        killed(&sandbox, &arguments, &mut rng).await;
    }

    let done = run(Some(&sandbox), &arguments).await;
    let (counts, in_doubt) = (done.counts(), done.in_doubt());
    let sent = ledger(&sandbox, ROWS);
    let is_in_doubt = |row: u64| in_doubt.contains(&format!("customer:{row}"));
    for (row, times) in (0..).zip(&sent) {
        let fits = if is_in_doubt(row) { *times <= 1 } else { *times == 1 };
        assert!(fits, "seed {seed}: row {row} was sent {times} times, in doubt: {}", is_in_doubt(row));
    }
    let certain = sent.len() - in_doubt.len();
    assert_eq!((counts.in_doubt, counts.created + counts.already_there), (in_doubt.len(), certain), "{seed}: {done:?}");
    assert_eq!((counts.rejected, counts.not_sent), (invalid, 0), "{seed}: {done:?}");
    assert_eq!(done.code, Some(i32::from(!in_doubt.is_empty() || invalid > 0)), "{seed}: {done:?}");
    assert_eq!(rejected_rows(&directory), invalid_rows(invalid), "seed {seed}");

    // Says what has happened, as somebody who has looked into MeetBit.
    let missing = (0..ROWS).filter(|row| is_in_doubt(*row) && sent[usize::try_from(*row).unwrap()] == 0).count();
    let mut resolved: Vec<String> = Vec::new();
    for row in (0..ROWS).filter(|row| is_in_doubt(*row)) {
        match sent[usize::try_from(row).unwrap()] {
            0 => resolved.extend(["--not-created".to_owned(), format!("customer:{row}")]),
            _ => resolved.extend(["--created".to_owned(), format!("customer:{row}={row}")]),
        }
    }
    let resolved: Vec<&str> = resolved.iter().map(|text| &**text).chain(arguments).collect();
    let whole = run(Some(&sandbox), &resolved).await;
    let already_there = sent.len() - missing;
    let expected = Counts { created: missing, already_there, rejected: invalid, ..Counts::default() };
    assert_eq!((whole.counts(), whole.code), (expected, Some(i32::from(invalid > 0))), "{seed}: {whole:?}");
    assert!(ledger(&sandbox, ROWS).iter().all(|times| *times == 1), "seed {seed}: {whole:?}");
    in_doubt.len()
}

/// Starts an import and kills it: while it starts, or after it has sent a random number of requests.
async fn killed(sandbox: &Sandbox, arguments: &[&str], rng: &mut Rng) {
    let before = sandbox.requests().len();
    let mut child = start(sandbox, arguments);
    if rng.u32(..4) == 0 {
        sleep(Duration::from_millis(rng.u64(..150))).await;
    } else {
        let (requests, started) = (before + rng.usize(1..150), Instant::now());
        while sandbox.requests().len() < requests && started.elapsed() < SILENCE && child.try_wait().unwrap().is_none()
        {
            sleep(Duration::from_millis(10)).await;
        }
        sleep(Duration::from_micros(rng.u64(..20_000))).await;
    }
    let _may_have_ended = child.start_kill();
    ended(child).await;
}

/// The keys in the file with the rejected rows.
fn rejected_rows(directory: &Directory) -> BTreeSet<String> {
    let text = rejected(directory).unwrap_or_default();
    text.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect()
}

fn invalid_rows(number: usize) -> BTreeSet<String> {
    (0..number).map(|row| format!("bad-{row}")).collect()
}

/// Importers of one file with one journal, at the same moment.
async fn at_once(importers: usize) {
    let _all = TURNS.acquire_many(AT_ONCE).await.unwrap();
    let (sandbox, directory) = (sandbox().start().await.unwrap(), Directory::new());
    let path = rows(&directory, INVALID);
    let arguments = [&OPTIONS[..], &[&*path]].concat();
    let children = (0..importers).map(|_| start(&sandbox, &arguments));
    let runs: JoinSet<_> = children.collect::<Vec<_>>().into_iter().map(ended).collect();
    let mut created = 0;
    for done in runs.join_all().await {
        let counts = done.counts();
        assert_eq!((done.code, counts.rejected), (Some(1), INVALID), "{done:?}");
        assert_eq!(counts.created + counts.already_there, usize::try_from(ROWS).unwrap(), "{done:?}");
        created += counts.created;
    }
    assert_eq!(created, usize::try_from(ROWS).unwrap());
    assert!(ledger(&sandbox, ROWS).iter().all(|times| *times == 1), "{:?}", ledger(&sandbox, ROWS));
    assert_eq!(rejected_rows(&directory), invalid_rows(INVALID));
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_28_two_importers_create_each_row_once() {
    at_once(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_28_eight_importers_create_each_row_once() {
    at_once(8).await;
}
