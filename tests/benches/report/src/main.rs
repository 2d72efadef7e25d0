//! Measures and prints the tables of `meetbit-client/BENCHMARKS.md`.
//!
//! `cargo run --manifest-path tests/benches/Cargo.toml -p report [calls] [waiters] [pages] [rate] [compile]`: all of them
//! where none is named.

mod calls;
mod compile;
mod leaf;
mod pages;
mod program;
mod rate;
mod table;
mod valgrind;
mod waiters;

use std::io;

fn main() -> io::Result<()> {
    let chosen: Vec<_> = std::env::args().skip(1).collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|chosen| chosen == name);
    if wanted("calls") {
        calls::report()?;
    }
    if wanted("waiters") {
        waiters::report()?;
    }
    if wanted("pages") {
        pages::report()?;
    }
    if wanted("rate") {
        rate::report()?;
    }
    if wanted("compile") {
        compile::report()?;
    }
    Ok(())
}
