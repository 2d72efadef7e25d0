//! What the program prints. If nobody reads it any more, or its disk is full, the import goes on.

use std::fmt::Display;
use std::io::{self, Write};

/// Prints a line on standard output.
pub(crate) fn print(line: impl Display) {
    let _import_goes_on = writeln!(io::stdout(), "{line}");
}

/// Prints a line on standard error.
pub(crate) fn report(line: impl Display) {
    let _import_goes_on = writeln!(io::stderr(), "{line}");
}
