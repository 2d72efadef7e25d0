//! Measures calls through a journal, for `meetbit-client/BENCHMARKS.md`. It judges no time, because machines are busy.

use std::time::Instant;

use crate::{
    directory::Directory,
    process::{Import, sandbox},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_records_many_calls_one_at_a_time_and_64_under_way() {
    let (sandbox, directory) = (sandbox().start().await.unwrap(), Directory::on_disk());
    let rows = 1000;
    let rate = |started: Instant, rows: u32| f64::from(rows) / started.elapsed().as_secs_f64();
    for under_way in [1, 64] {
        let place = directory.path().join(format!("{under_way}.sqlite")).display().to_string();
        let rows = if under_way == 1 { 200 } else { rows };
        let import = Import { under_way, ..Import::new(&sandbox, place, u64::from(rows)) };
        let started = Instant::now();
        let ends = import.run().await;
        assert!(ends.values().all(|end| end == "created"));
        println!("{under_way} under way: {:.0} a second", rate(started, rows));
    }
}
