//! The text of the file: two copies of the contents, each on a line that ends with spaces. A write replaces the older copy in its
//! place, so the newer one stays whole if the process ends meanwhile.
//!
//! A file that is renamed over the old one would be safe if the machine ends, too. But ext4 writes it to the disk at once, which
//! takes 2 ms, and 20 ms while other programs write. So only what must outlast the machine is written so, and then into both copies,
//! because the disk may have either of them if the machine ends after further writes.

use std::cmp::Reverse;
use std::fmt;
use std::ops::Range;

use crate::rate_limit::file::contents::Contents;
use crate::rate_limit::shared::hash;

/// The version of the format.
const VERSION: u32 = 2;
/// The least length of a line, in bytes.
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
    Line,
    Hash,
    Json(serde_json::Error),
}

/// One line: `VERSION NUMBER HASH JSON`.
struct Copy<'a> {
    /// Each copy has a larger number than the one before.
    number: u64,
    /// The hash of the number and the JSON.
    hash: &'a str,
    json: &'a str,
}

impl Copies {
    pub(super) fn parse(text: &[u8]) -> Result<Self, Problem> {
        let middle = text.len() / 2; // both halves have the same length
        let (first, second) = text.split_at(middle);
        let mut copies = [(Copy::parse(first), middle..text.len()), (Copy::parse(second), 0..middle)];
        copies.sort_by_key(|(copy, _)| Reverse(copy.as_ref().map_or(0, |copy| copy.number)));
        let [newer, older] = copies;
        let read = |(copy, other): (Result<Copy<'_>, Problem>, Range<usize>)| {
            let copy = copy?;
            Ok(Self { contents: copy.contents()?, number: copy.number, older: other })
        };
        read(newer).or_else(|problem| read(older).map_err(|_| problem))
    }

    /// What makes the contents the newer copy in the file, or both copies if the change must outlast a crash of the machine.
    pub(super) fn change(&self, durable: bool) -> serde_json::Result<Change> {
        let (number, json) = (self.number + 1, serde_json::to_string(&self.contents)?);
        let line = format!("{VERSION} {number} {} {json}", Copy::hash(number, &json));
        let length = (line.len() + 1).next_power_of_two().max(SHORTEST);
        Ok(if !durable && (length..=4 * length).contains(&self.older.len()) {
            Change::Line(self.older.start, padded(line, self.older.len()))
        } else {
            Change::File(padded(line, length).repeat(2))
        })
    }
}

impl<'a> Copy<'a> {
    fn parse(line: &'a [u8]) -> Result<Self, Problem> {
        let line = std::str::from_utf8(line.trim_ascii_end()).map_err(|_| Problem::Line)?;
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().ok_or(Problem::Line);
        match word()?.parse().map_err(|_| Problem::Line)? {
            VERSION => {}
            version => return Err(Problem::Version(version)),
        }
        let number = word()?.parse().map_err(|_| Problem::Line)?;
        Ok(Self { number, hash: word()?, json: word()? })
    }

    fn contents(&self) -> Result<Contents, Problem> {
        if self.hash != Self::hash(self.number, self.json) {
            return Err(Problem::Hash);
        }
        serde_json::from_str(self.json).map_err(Problem::Json)
    }

    fn hash(number: u64, json: &str) -> String {
        hash(&format!("{number} {json}"))
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
            Self::Line => f.write_str("is corrupt"),
            Self::Hash => f.write_str("is corrupt: its hash is wrong"),
            Self::Json(error) => write!(f, "is corrupt: {error}"),
        }
    }
}
