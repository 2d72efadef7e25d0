//! What a call costs, beside reqwest by hand.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{Server, build, output};
use crate::table::{self, figure, ratio};
use crate::valgrind::Cost;

/// Each has a package, a program of it, and a name.
const CLIENTS: [(&str, &str, &str); 5] = [
    ("by-hand", "by-hand", "reqwest as people write it"),
    ("leanest", "leanest", "reqwest by hand, optimised: the leanest path"),
    ("sdk", "sdk", "the SDK"),
    ("sdk", "layered", "the SDK with a layer that does nothing"),
    ("hyper-transport", "hyper-transport", "the SDK over hyper-util: the example `hyper_transport`"),
];

/// Calls under valgrind, and as many again.
const COUNTED: u32 = 1_000;
/// Calls in a round of timing, and the rounds, in which clients take turns.
const TIMED: u32 = 6_400;
const ROUNDS: usize = 7;

pub fn report() -> io::Result<()> {
    let programs = CLIENTS.map(|(package, program, _)| build(package).map(|place| place.join(program)));
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
    let mut costs = Vec::new();
    for program in &programs {
        costs.push([each(program, "calls", &server.url)?, each(program, "local", &server.url)?]);
    }
    let timings: Vec<_> = timings.into_iter().map(|timings| timings.map(median)).collect();
    let rows =
        CLIENTS.iter().zip(&costs).zip(&timings).map(|(((_, _, name), [call, local]), [latency, throughput])| {
            vec![
                (*name).to_owned(),
                figure(call.instructions),
                ratio(call.instructions, costs[0][0].instructions),
                figure(call.allocations),
                figure(call.bytes),
                figure(local.instructions),
                ratio(local.instructions, costs[0][1].instructions),
                figure(local.allocations),
                ratio(*latency, timings[0][0]),
                ratio(timings[0][1], *throughput),
            ]
        });
    let rows: Vec<_> = rows.collect();
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
    let [[by_hand, _], [leanest, _], [sdk, local]] = [costs[0], costs[1], costs[2]];
    let [[layered, _], [hyper, _]] = [costs[3], costs[4]];
    let row = |what: &str, measured: String, most: &str| vec![what.to_owned(), measured, most.to_owned()];
    let rows = [
        row("a call, against reqwest as people write it", ratio(sdk.instructions, by_hand.instructions), "0.90"),
        row("allocations of a call", figure(sdk.allocations), "70"),
        row("instructions over the leanest path", figure(sdk.instructions - leanest.instructions), "5,500"),
        row("allocations over the leanest path", figure(sdk.allocations - leanest.allocations), "5"),
        row("instructions without a network", figure(local.instructions), "32,000"),
        row("instructions of a layer", figure(layered.instructions - sdk.instructions), "4,000"),
        row("allocations of a layer", figure(layered.allocations - sdk.allocations), "6"),
        row(
            "a call over hyper-util, against reqwest as people write it",
            ratio(hyper.instructions, by_hand.instructions),
            "0.62",
        ),
    ];
    table::print("A call's budget", &["what", "measured", "at most"], &rows, "");
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
