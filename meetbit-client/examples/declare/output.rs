//! Formats the code, and compares it with a file.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// The code as rustfmt writes it with the configuration of a folder.
pub(crate) fn format(code: &str, folder: &Path) -> Result<String, String> {
    let mut rustfmt = Command::new("rustfmt");
    rustfmt.args(["--edition", "2024"]).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = rustfmt.spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound if folder.is_dir() => "rustfmt is needed: rustup component add rustfmt".to_owned(),
        _ => format!("rustfmt cannot be run in {}: {error}", folder.display()),
    })?;
    let mut input = child.stdin.take().ok_or("rustfmt has no input")?;
    input.write_all(code.as_bytes()).map_err(|error| format!("rustfmt does not read: {error}"))?;
    drop(input);
    let output = child.wait_with_output().map_err(|error| format!("rustfmt does not end: {error}"))?;
    if !output.status.success() {
        return Err(format!("rustfmt refuses the code, which is a bug of this example:\n{code}"));
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

/// The number of the first line that differs, and what it should be.
pub(crate) fn first_difference<'e>(current: &str, expected: &'e str) -> Option<(usize, &'e str)> {
    if current == expected {
        return None;
    }
    let same = current.lines().zip(expected.lines()).take_while(|(one, other)| one == other).count();
    Some((same + 1, expected.lines().nth(same).unwrap_or("(the end)")))
}
