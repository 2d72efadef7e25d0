//! How fast calls through a journal are.

use std::time::Instant;

use crate::{
    directory::Directory,
    process::{Import, sandbox},
};

#[tokio::test(flavor = "multi_thread")]
async fn with_64_calls_under_way_a_file_takes_200_a_second() {
    let (sandbox, directory) = (sandbox().start().await.unwrap(), Directory::new());
    let rows = 1000;
    let rate = |started: Instant, rows: u32| f64::from(rows) / started.elapsed().as_secs_f64();
    for under_way in [1, 64] {
        let place = directory.path().join(format!("{under_way}.sqlite")).display().to_string();
        let rows = if under_way == 1 { 200 } else { rows };
        let import = Import { under_way, ..Import::new(&sandbox, place, u64::from(rows)) };
        let started = Instant::now();
        let ends = import.run().await;
        assert!(ends.values().all(|end| end == "created"));
        let rate = rate(started, rows);
        println!("{under_way} under way: {rate:.0} a second");
        assert!(under_way == 1 || rate >= 200.0, "{rate:.0} a second");
    }
}
