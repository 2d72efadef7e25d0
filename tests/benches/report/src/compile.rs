//! What declared endpoints cost to compile, beside the same by hand.

use std::io;
use std::path::Path;
use std::process::Command;

use crate::leaf::{self, Style};
use crate::program::{cpu_seconds, output, target};
use crate::table::{self, figure, ratio};

const STYLES: [Style; 2] = [Style::Declared, Style::ByHand];
const CHECKED: [u32; 4] = [0, 1, 100, 200];
/// Two are one of each kind, so that what is made for their types stands in both programs.
const RELEASED: [u32; 2] = [2, 100];
/// The least of several rounds counts, since what disturbs only adds.
const ROUNDS: usize = 5;

pub fn report() -> io::Result<()> {
    let place = target()?.join("leaf");
    check(&place)?;
    release(&place)
}

fn check(place: &Path) -> io::Result<()> {
    let mut seconds = [[f64::MAX; CHECKED.len()]; STYLES.len()];
    for round in 0..=ROUNDS {
        for (style, seconds) in STYLES.into_iter().zip(&mut seconds) {
            for (endpoints, seconds) in CHECKED.into_iter().zip(seconds) {
                let place = place.join(style.package("check", endpoints));
                leaf::library(style, endpoints, &place)?;
                let took = cargo(&place, &["check", "--quiet"])?;
                // The first round builds the dependencies.
                *seconds = if round == 0 { f64::MAX } else { seconds.min(took) };
            }
        }
    }
    let rows = STYLES.into_iter().zip(seconds).map(|(style, seconds)| {
        let each = (seconds[3] - seconds[0]) * 1e3 / f64::from(CHECKED[3]);
        let times = seconds.map(|seconds| format!("{seconds:.2}"));
        [style.name().to_owned()].into_iter().chain(times).chain([format!("{each:.2}")]).collect()
    });
    table::print(
        "cargo check",
        &["endpoints", "0", "1", "100", "200", "milliseconds each"],
        &rows.collect::<Vec<_>>(),
        "User CPU seconds of the library alone, cargo included, the least of several rounds in turns. A busy machine adds some \
         5 %; the clock ticks at 0.01.",
    );
    Ok(())
}

fn release(place: &Path) -> io::Result<()> {
    let mut rows = Vec::new();
    let mut costs = Vec::new();
    for style in STYLES {
        let mut row = vec![style.name().to_owned()];
        let mut sizes = [[0.0; 2]; RELEASED.len()];
        let mut least = [f64::MAX; RELEASED.len()];
        for (i, endpoints) in RELEASED.into_iter().enumerate() {
            let package = style.package("release", endpoints);
            let place = place.join(&package);
            for round in 0..=2 {
                leaf::program(style, endpoints, &place)?;
                let took = cargo(&place, &["build", "--quiet", "--release"])?;
                least[i] = if round == 0 { f64::MAX } else { least[i].min(took) };
            }
            sizes[i] = sizes_of(&target()?.join("release").join(&package))?;
            row.push(format!("{:.2}", least[i]));
        }
        costs.push(least[1]);
        for (more, less) in sizes[1].into_iter().zip(sizes[0]) {
            row.push(figure((more - less) / f64::from(RELEASED[1] - RELEASED[0])));
        }
        rows.push(row);
    }
    for (row, cost) in rows.iter_mut().zip(&costs) {
        row.insert(3, ratio(*cost, costs[1]));
    }
    table::print(
        "Release build",
        &["endpoints", "2", "100", "ratio", "bytes of code each", "with constants and tables"],
        &rows,
        "User CPU seconds of the program alone, cargo and linker included. Code is the section `.text`, with constants and \
         tables what `size` calls text: it counts whole pages of constants. Each endpoint is called at one place, of which \
         `#[tokio::main]` makes three copies; all have the same types.",
    );
    Ok(())
}

/// Compiles the crate there anew and gives the user CPU seconds that it took.
fn cargo(place: &Path, arguments: &[&str]) -> io::Result<f64> {
    let mut cargo = Command::new(env!("CARGO"));
    cpu_seconds(cargo.args(arguments).current_dir(place).env("CARGO_TARGET_DIR", target()?))
}

/// Of the section `.text`, and of all that `size` calls text.
fn sizes_of(program: &Path) -> io::Result<[f64; 2]> {
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<f64>().ok());
    let sections = output(Command::new("size").arg("-A").arg(program))?;
    let code = sections.lines().find_map(|line| line.strip_prefix(".text ")?.split_whitespace().next());
    let sums = output(Command::new("size").arg(program))?;
    let text = sums.lines().nth(1).and_then(|line| line.split_whitespace().next());
    let sizes = number(code).zip(number(text)).map(|(code, text)| [code, text]);
    sizes.ok_or_else(|| io::Error::other("`size` printed something else"))
}
