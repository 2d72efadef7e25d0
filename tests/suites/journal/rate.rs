//! A journal takes nothing away from the allowed rate.

use std::time::Duration;

use meetbit_client::{Client, Customers, NewCustomer, RateLimit, journal::Journal, sandbox::Sandbox};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    directory::Directory,
    program::{file, start},
};

/// A limit of N a second lets N requests depart at the start and after each second, so 4 N depart within this time, even if each
/// answer takes 190 ms.
const WINDOW: Duration = Duration::from_millis(3600);
/// A round in which the machine is too busy for the control proves nothing.
const ROUNDS: usize = 5;

/// The control sends without a journal at the same time. What is counted is what each server receives.
#[tokio::test(flavor = "multi_thread")]
async fn a_rate_of_5_and_of_10_a_second_is_used_in_full_through_a_journal() {
    let mut seen = Vec::new();
    for _ in 0..ROUNDS {
        let counts =
            tokio::join!(calls(5, false), calls(5, true), importer(5), calls(10, false), calls(10, true), importer(10));
        if counts == (20, 20, 20, 40, 40, 40) {
            return;
        }
        seen.push(counts);
    }
    panic!("(5 a second: control, journal, importer, 10 a second: control, journal, importer): {seen:?}");
}

async fn sandbox() -> Sandbox {
    Sandbox::builder().unlimited().start().await.unwrap()
}

/// The number of requests of a client whose callers never pause.
async fn calls(limit: u32, has_journal: bool) -> usize {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let builder = Client::builder("acme.example.com").base_url(sandbox.base_url()).credentials(sandbox.credentials());
    let client = builder.rate_limit(RateLimit::per_second(limit)).build().unwrap();
    let journal = Journal::open(directory.file()).await.unwrap();
    let mut callers = JoinSet::new();
    for caller in 0..2 * limit {
        let (client, journal) = (client.clone(), journal.clone());
        callers.spawn(async move {
            for call in 0.. {
                let create = client.create_customer(&NewCustomer::new().first_name("Ada"));
                let create = if has_journal { create.once(&journal, format!("{caller}:{call}")) } else { create };
                create.await.unwrap();
            }
        });
    }
    within_the_window(&sandbox).await
}

/// The number of requests of the example `import_customers`.
async fn importer(limit: u32) -> usize {
    let (sandbox, directory) = (sandbox().await, Directory::new());
    let path = file(&directory, &("first_name\n".to_owned() + &"Ada\n".repeat(100)));
    let _killed_on_drop = start(&sandbox, &["--per-second", &limit.to_string(), &path]);
    within_the_window(&sandbox).await
}

/// The number of requests from the first one to the end of the window.
async fn within_the_window(sandbox: &Sandbox) -> usize {
    let first = async {
        loop {
            match sandbox.requests().first() {
                Some(first) => return first.at,
                None => sleep(Duration::from_millis(5)).await,
            }
        }
    };
    let end = timeout(Duration::from_mins(1), first).await.unwrap() + WINDOW;
    tokio::time::sleep_until(end.into()).await;
    sandbox.requests().iter().filter(|request| request.at < end).count()
}
