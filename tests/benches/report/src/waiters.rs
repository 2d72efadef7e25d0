//! What calls cost that wait for the rate limit.

use std::io;
use std::path::Path;
use std::process::Command;

use crate::program::{build, output};
use crate::table::{self, figure, ratio};
use crate::valgrind::Cost;

const TIMINGS: usize = 5;

pub fn report() -> io::Result<()> {
    let program = build("sdk")?.join("waiters");
    let none = run(&program, 0, 1)?;
    let none_refused = run(&program, 0, 2)?;
    let mut one = None;
    let mut rows = Vec::new();
    for waiters in [1, 10, 100, 1_000, 10_000] {
        let with = run(&program, waiters, 1)?;
        let waiter = with.each(none, waiters);
        let refused = run(&program, waiters, 2)?.instructions - with.instructions;
        let refusal = (refused - (none_refused.instructions - none.instructions)) / f64::from(waiters);
        let (one, one_refusal) = *one.get_or_insert((waiter, refusal));
        rows.push(vec![
            waiters.to_string(),
            figure(waiter.instructions),
            ratio(waiter.instructions, one.instructions),
            figure(waiter.peak),
            ratio(waiter.peak, one.peak),
            figure(refusal),
            ratio(refusal, one_refusal),
            figure(microseconds(&program, waiters)?),
        ]);
    }
    table::print(
        "Callers that wait",
        &[
            "waiting",
            "instructions a waiter, call included",
            "to one",
            "bytes held a waiter",
            "to one",
            "a further `429`: instructions a waiter",
            "to one",
            "microseconds from one grant to the next",
        ],
        &rows,
        "Differences to a run without waiters; all wait for the same `Retry-After` to pass. \"To one\" is the ratio to the first \
         row: a cost that grew with the logarithm of the callers would be 14 times as high with 10,000 as with one. A `429` \
         wakes all who wait with its key, since the wait may now be too long for some. The last column is a time, call \
         included, the least of five runs: a busy machine makes it longer.",
    );
    Ok(())
}

/// With a wait that is long enough for all to queue up under valgrind.
fn run(program: &Path, waiters: u32, refusals: u32) -> io::Result<Cost> {
    Cost::of(program, &[&waiters.to_string(), &refusals.to_string(), &(2 + waiters / 1_000).to_string()])
}

fn microseconds(program: &Path, waiters: u32) -> io::Result<f64> {
    let mut least = f64::INFINITY;
    for _ in 0..TIMINGS {
        let printed = output(Command::new(program).args([&waiters.to_string(), "1", "1"]))?;
        least = least.min(printed.trim().parse().map_err(io::Error::other)?);
    }
    Ok(least)
}
