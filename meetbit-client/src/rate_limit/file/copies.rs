//! The text of the file: two copies of the contents, each a line of JSON that ends with spaces. A write replaces the older copy
//! in its place, so the newer one stays whole if the process or the machine ends meanwhile.
//!
//! A file that is renamed over the old one would be as safe. But ext4 writes it to the disk at once, which takes 2 ms, and 20 ms
//! while other programs write.

use std::cmp::Reverse;
use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::rate_limit::file::contents::Contents;
use crate::rate_limit::shared::hash;

/// The version of the format.
const VERSION: u32 = 1;
/// A line is not shorter.
const SHORTEST: usize = 4096;

/// What a file contains.
#[derive(Debug, Default)]
pub(super) struct Copies {
    /// The newer copy.
    pub(super) contents: Contents,
    /// Its number.
    number: u64,
    /// The place of the older copy.
    older: Range<usize>,
}

/// What is to be written.
pub(super) enum Change {
    /// The line that starts there.
    Line(usize, String),
    /// The whole file.
    File(String),
}

/// Why a text is not that of a file.
#[derive(Debug)]
pub(super) enum Problem {
    Version(u32),
    Json(serde_json::Error),
    Hash,
}

/// One line.
#[derive(Serialize, Deserialize)]
struct Copy<'a> {
    version: u32,
    /// Each copy has a larger number than the one before.
    number: u64,
    /// Of the number and the contents.
    hash: String,
    #[serde(borrow)]
    contents: &'a RawValue,
}

/// The part of a line that every version has.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl Copies {
    pub(super) fn parse(text: &[u8]) -> Result<Self, Problem> {
        let middle = text.iter().position(|byte| *byte == b'\n').map_or(text.len(), |end| end + 1);
        let (first, second) = text.split_at(middle);
        let mut copies = [(Copy::parse(first), middle..text.len()), (Copy::parse(second), 0..middle)];
        copies.sort_by_key(|(copy, _)| Reverse(copy.as_ref().map_or(0, |copy| copy.number)));
        let [newer, older] = copies.map(|(copy, other)| {
            let copy = copy?;
            Ok(Self { contents: copy.contents()?, number: copy.number, older: other })
        });
        newer.or_else(|problem| older.map_err(|_| problem))
    }

    /// What makes the contents the newer copy in the file.
    pub(super) fn change(&self) -> serde_json::Result<Change> {
        let (number, contents) = (self.number + 1, to_raw_value(&self.contents)?);
        let copy = Copy { version: VERSION, number, hash: Copy::hash(number, &contents), contents: &contents };
        let line = serde_json::to_string(&copy)?;
        let length = (line.len() + 1).next_power_of_two().max(SHORTEST);
        Ok(if (length..=4 * length).contains(&self.older.len()) {
            Change::Line(self.older.start, padded(line, self.older.len()))
        } else {
            Change::File(padded(line, length).repeat(2))
        })
    }
}

impl<'a> Copy<'a> {
    fn parse(line: &'a [u8]) -> Result<Self, Problem> {
        let line = line.trim_ascii_end();
        let copy = serde_json::from_slice(line).map_err(|error| match serde_json::from_slice(line) {
            Ok(Version { version }) if version != VERSION => Problem::Version(version),
            _ => Problem::Json(error),
        });
        copy.and_then(|copy: Self| if copy.version == VERSION { Ok(copy) } else { Err(Problem::Version(copy.version)) })
    }

    fn contents(&self) -> Result<Contents, Problem> {
        if self.hash != Self::hash(self.number, self.contents) {
            return Err(Problem::Hash);
        }
        serde_json::from_str(self.contents.get()).map_err(Problem::Json)
    }

    fn hash(number: u64, contents: &RawValue) -> String {
        hash(&format!("{number} {contents}"))
    }
}

/// A line of this length.
fn padded(mut line: String, length: usize) -> String {
    line.extend(std::iter::repeat_n(' ', length - 1 - line.len()));
    line.push('\n');
    line
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => {
                write!(f, "has version {version} of the format, and this program knows version {VERSION}")
            }
            Self::Json(error) => write!(f, "is corrupt: {error}"),
            Self::Hash => f.write_str("is corrupt: its hash is wrong"),
        }
    }
}
