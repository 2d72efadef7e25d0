//! What it costs that calls of one key share their pacing.

use std::io;
use std::process::Command;

use crate::program::{build, output};
use crate::table::{self, ratio};

const CALLS: &str = "100000";
/// The least of several rounds counts, since what disturbs only adds.
const ROUNDS: usize = 5;

pub fn report() -> io::Result<()> {
    let program = build("sdk")?.join("threads");
    let mut rows = Vec::new();
    for threads in ["1", "2"] {
        let mut least = [f64::INFINITY; 2];
        for _ in 0..ROUNDS {
            for (keys, least) in ["shared", "apart"].into_iter().zip(&mut least) {
                let printed = output(Command::new(&program).args([threads, keys, CALLS]))?;
                *least = least.min(printed.trim().parse().map_err(io::Error::other)?);
            }
        }
        let [shared, apart] = least;
        rows.push(vec![threads.to_owned(), format!("{shared:.0}"), format!("{apart:.0}"), ratio(shared, apart)]);
    }
    table::print(
        "Threads",
        &["threads", "nanoseconds a call, one key", "a key each", "ratio"],
        &rows,
        "Calls without a network, one after another in each thread, in turns; the least of five runs. With one key all threads \
         change the same counts. A busy machine adds to both; only the ratio means something.",
    );
    Ok(())
}
