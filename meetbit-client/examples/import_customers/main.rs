//! Imports customers from a CSV file, each at most once: the import can be killed at any moment, and the same command resumes it.
//!
//! Without the variables `MEETBIT_*` it imports into a sandbox. The sandbox and its journal end with the program, so such an import
//! cannot be resumed, and `--journal` has no effect.
//!
//! ```sh
//! cargo run -p meetbit-client --features journal,sandbox --example import_customers -- \
//!     meetbit-client/examples/import_customers/customers.csv
//! ```
//!
//! `--help` lists the options.

mod arguments;
mod check;
mod columns;
mod import;
mod keys;
mod output;
mod progress;
mod rejected;
mod table;
mod target;

use std::env;
use std::process::ExitCode;

use crate::arguments::{Arguments, Command, USAGE};
use crate::table::Table;
use crate::target::Target;

/// The import cannot start.
const CANNOT_START: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match arguments::parse(env::args().skip(1)) {
        Ok(Command::Import(arguments)) => arguments,
        Ok(Command::Help) => {
            output::print(USAGE);
            return ExitCode::SUCCESS;
        }
        Err(mistake) => {
            output::report(format_args!("{mistake}\n\n{USAGE}"));
            return ExitCode::from(CANNOT_START);
        }
    };
    match run(&arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            output::report(problem);
            ExitCode::from(CANNOT_START)
        }
    }
}

/// True if every row is imported.
async fn run(arguments: &Arguments) -> Result<bool, String> {
    if arguments.file.file_name() == Some(rejected::NAME.as_ref()) {
        let name = rejected::NAME;
        return Err(format!(
            "rename the file first, because the import writes the rejected rows to `{name}` beside it"
        ));
    }
    Table::open(&arguments.file, arguments.key.as_deref())?; // before the journal and the other files are made
    let target = Target::open(arguments).await?;
    if !arguments.dry_run {
        target.resolve(&arguments.resolved).await?;
    }
    let checked = check::check(arguments, &target.client)?;
    if arguments.dry_run {
        output::print(format_args!("{} rows, {} of them not valid; nothing was sent", checked.rows, checked.invalid));
        return Ok(checked.invalid == 0);
    }
    let summary = import::import(arguments, &target, &checked).await?;
    summary.print();
    Ok(summary.is_complete())
}
