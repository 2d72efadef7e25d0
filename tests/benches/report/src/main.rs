//! Measures and prints the tables of `meetbit-client/BENCHMARKS.md`.
//!
//! `cargo bench --manifest-path tests/benches/Cargo.toml -- [calls] [threads] [waiters] [pages] [rate] [shared] [compile] [tls]`: all
//! of them where none is named. It needs valgrind, binutils and, for `shared`, redis-server.

mod calls;
mod compile;
mod leaf;
mod pages;
mod program;
mod rate;
mod shared;
mod table;
mod threads;
mod tls;
mod valgrind;
mod waiters;

use std::io;

fn main() -> io::Result<()> {
    // cargo adds an option for a harness that is not there
    let chosen: Vec<_> = std::env::args().skip(1).filter(|chosen| chosen != "--bench").collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|chosen| chosen == name);
    if wanted("calls") {
        calls::report()?;
    }
    if wanted("threads") {
        threads::report()?;
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
    if wanted("shared") {
        shared::report()?;
    }
    if wanted("compile") {
        compile::report()?;
    }
    if wanted("tls") {
        tls::report()?;
    }
    Ok(())
}
