//! What calls cost that wait for the rate limit.

use std::io;
use std::process::Command;

use crate::program::{build, output};
use crate::table::{self, figure};
use crate::valgrind::Cost;

pub fn report() -> io::Result<()> {
    let program = build("sdk")?.join("waiters");
    let none = Cost::of(&program, &["0"])?;
    let mut rows = Vec::new();
    for waiters in [1, 10, 100, 1_000, 10_000] {
        let number = waiters.to_string();
        let cost = Cost::of(&program, &[&number])?.each(none, waiters);
        let granted = output(Command::new(&program).arg(&number))?;
        rows.push(vec![number, figure(cost.instructions), figure(cost.peak), granted.trim().to_owned()]);
    }
    table::print(
        "Callers that wait",
        &[
            "waiting",
            "instructions a waiter, call included",
            "bytes held a waiter",
            "microseconds from one grant to the next",
        ],
        &rows,
        "Differences to a run without waiters; all wait for the same `Retry-After` to pass. The last column is a time: a busy machine \
         makes it longer.",
    );
    Ok(())
}
