use std::io;
use std::path::Path;
use std::process::Command;

use crate::program::output;

/// What a program cost as a whole; it holds for user mode alone, and repeats where times do not.
#[derive(Clone, Copy, Default)]
pub struct Cost {
    pub instructions: f64,
    pub allocations: f64,
    pub bytes: f64,
    /// The most bytes that were held at one time.
    pub peak: f64,
}

impl Cost {
    pub fn of(program: &Path, arguments: &[&str]) -> io::Result<Self> {
        let callgrind = run("--tool=callgrind", "--callgrind-out-file=/dev/null", program, arguments)?;
        let dhat = run("--tool=dhat", "--dhat-out-file=/dev/null", program, arguments)?;
        let heap = |line: &str| (number(&dhat, line, 0), number(&dhat, line, 1));
        let (bytes, allocations) = heap("Total:");
        let (peak, _) = heap("At t-gmax:");
        Ok(Self { instructions: number(&callgrind, "Collected :", 0), allocations, bytes, peak })
    }

    /// What each of `number` units more cost.
    pub fn each(self, without: Self, number: u32) -> Self {
        let each = |with: f64, without: f64| (with - without) / f64::from(number);
        Self {
            instructions: each(self.instructions, without.instructions),
            allocations: each(self.allocations, without.allocations),
            bytes: each(self.bytes, without.bytes),
            peak: each(self.peak, without.peak),
        }
    }
}

fn run(tool: &str, file: &str, program: &Path, arguments: &[&str]) -> io::Result<String> {
    let mut valgrind = Command::new("valgrind");
    output(valgrind.args([tool, file]).arg(program).args(arguments))
        .map_err(|error| io::Error::other(format!("{error} (valgrind is needed: apt-get install valgrind)")))
}

/// The n-th number behind a label.
fn number(text: &str, label: &str, n: usize) -> f64 {
    let rest = text.split_once(label).map_or("", |(_, rest)| rest.lines().next().unwrap_or_default());
    let mut numbers = rest.split_whitespace().filter_map(|word| word.replace(',', "").parse().ok());
    numbers.nth(n).unwrap_or(f64::NAN)
}
