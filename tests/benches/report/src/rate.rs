//! How much of the allowed rate is used under load.

use std::io;
use std::process::Command;

use crate::program::{Server, build, output};
use crate::table;

pub fn report() -> io::Result<()> {
    let program = build("sdk")?.join("rate");
    let mut rows = Vec::new();
    for limit in [5, 50] {
        let server = Server::start(Some(limit))?;
        let printed = output(Command::new(&program).args([&server.url, &limit.to_string()]))?;
        let row = printed.split_whitespace().map(str::to_owned);
        rows.push([limit.to_string()].into_iter().chain(row).collect());
    }
    table::print(
        "The allowed rate",
        &["requests a second allowed", "used", "429"],
        &rows,
        "64 callers for 20 seconds against a server that counts every window of one second as requests arrive. A busy machine \
         makes it look worse: a late answer holds its place longer.",
    );
    Ok(())
}
