//! What a call costs, beside reqwest by hand.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{Server, build, output};
use crate::table::{self, figure, ratio};
use crate::valgrind::Cost;

const CLIENTS: [(&str, &str); 3] =
    [("by-hand", "reqwest as people write it"), ("leanest", "the leanest path over reqwest"), ("sdk", "the SDK")];

/// Calls under valgrind, and as many again.
const COUNTED: u32 = 1_000;
/// Calls in a round of timing, and the rounds, in which clients take turns.
const TIMED: u32 = 6_400;
const ROUNDS: usize = 7;

pub fn report() -> io::Result<()> {
    let programs = CLIENTS.map(|(package, _)| build(package).map(|place| place.join(package)));
    let programs = programs.into_iter().collect::<io::Result<Vec<PathBuf>>>()?;
    let server = Server::start(None)?;
    let mut timings = vec![[Vec::new(), Vec::new()]; CLIENTS.len()];
    for _ in 0..ROUNDS {
        for (program, timings) in programs.iter().zip(&mut timings) {
            for (mode, timings) in ["calls", "flight"].into_iter().zip(timings) {
                timings.push(nanoseconds(program, mode, &server.url)?);
            }
        }
    }
    let mut first = None;
    let mut rows = Vec::new();
    for (((_, name), program), timings) in CLIENTS.iter().zip(&programs).zip(timings) {
        let call = each(program, "calls", &server.url)?;
        let local = each(program, "local", &server.url)?;
        let [latency, throughput] = timings.map(median);
        let (by_hand, hand_local, hand_latency, hand_throughput) =
            *first.get_or_insert((call, local, latency, throughput));
        rows.push(vec![
            (*name).to_owned(),
            figure(call.instructions),
            ratio(call.instructions, by_hand.instructions),
            figure(call.allocations),
            figure(call.bytes),
            figure(local.instructions),
            ratio(local.instructions, hand_local.instructions),
            figure(local.allocations),
            ratio(latency, hand_latency),
            ratio(hand_throughput, throughput),
        ]);
    }
    let head = [
        "client",
        "instructions a call",
        "ratio",
        "allocations",
        "bytes",
        "no network: instructions",
        "ratio",
        "allocations",
        "latency, ratio",
        "throughput of 64, ratio",
    ];
    table::print(
        "A call",
        &head,
        &rows,
        "Instructions (user mode, callgrind), allocations and bytes (dhat) are differences of two runs and repeat within 1 %, \
         however busy the machine. Latency and throughput are medians of rounds in which the clients take turns: only their \
         ratios mean something, and a busy machine moves those by 10 % and more. Throughput above 1 is better; one thread.",
    );
    Ok(())
}

fn each(program: &Path, mode: &str, url: &str) -> io::Result<Cost> {
    let once = Cost::of(program, &[mode, url, &COUNTED.to_string()])?;
    let twice = Cost::of(program, &[mode, url, &(2 * COUNTED).to_string()])?;
    Ok(twice.each(once, COUNTED))
}

fn nanoseconds(program: &Path, mode: &str, url: &str) -> io::Result<f64> {
    let printed = output(Command::new(program).args([mode, url, &TIMED.to_string()]))?;
    printed.trim().parse().map_err(io::Error::other)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
