//! Measures calls with and without a journal, for `meetbit-client/BENCHMARKS.md`. It judges no time, because machines are busy.

use std::time::{Duration, Instant};

use meetbit_client::{Client, Customers, NewCustomer, RateLimit, journal::Journal, sandbox::Sandbox};
use tokio::task::JoinSet;

use crate::directory::Directory;

/// Both kinds of calls take turns, so that a busy machine disturbs both.
const ROUNDS: u32 = 5;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_records_many_calls_one_at_a_time_and_64_under_way() {
    let (sandbox, directory) = (Sandbox::builder().unlimited().start().await.unwrap(), Directory::on_disk());
    let builder = Client::builder("acme.example.com").base_url(sandbox.base_url()).credentials(sandbox.credentials());
    let client = builder.rate_limit(RateLimit::unlimited()).build().unwrap();
    let journal = Journal::open(directory.file()).await.unwrap();
    for (callers, calls) in [(1, 100), (64, 5)] {
        let mut spent = [Duration::ZERO; 2];
        for _ in 0..ROUNDS {
            spent[0] += spent_on(&client, None, callers, calls).await;
            spent[1] += spent_on(&client, Some(&journal), callers, calls).await;
        }
        let [without, with] = spent.map(|spent| f64::from(ROUNDS * callers * calls) / spent.as_secs_f64());
        println!("{callers} under way: {without:.0} a second without a journal, {with:.0} with one");
    }
}

/// The time that callers take for this number of calls each.
async fn spent_on(client: &Client, journal: Option<&Journal>, callers: u32, calls: u32) -> Duration {
    let (mut running, started) = (JoinSet::new(), Instant::now());
    for _ in 0..callers {
        let (client, journal) = (client.clone(), journal.cloned());
        running.spawn(async move {
            for _ in 0..calls {
                let create = client.create_customer(&NewCustomer::new().first_name("Ada").email("ada@example.com"));
                let create = match &journal {
                    Some(journal) => create.once(journal, format!("crm:{:016x}", fastrand::u64(..))),
                    None => create,
                };
                create.await.unwrap();
            }
        });
    }
    running.join_all().await;
    started.elapsed()
}
