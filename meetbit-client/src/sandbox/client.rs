//! Where the sandbox meets the client's own types.

use std::io;

/// What `start` fails with.
pub(super) type Error = io::Error;

pub(super) fn not_started(error: io::Error) -> Error {
    error
}
