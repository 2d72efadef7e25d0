//! The file with the rows that MeetBit, or the client before it, has refused.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process;

use crate::columns::REASON;
use crate::table::Table;

pub(crate) const NAME: &str = "rejected.csv";

/// The rejected rows of one run. They replace those of an earlier run when it ends, so that several imports of one file do not
/// write into one file at once.
pub(crate) struct Rejected {
    path: PathBuf,
    header: csv::StringRecord,
    /// The place of a column with reasons that the file had before.
    reason: Option<usize>,
    delimiter: u8,
    /// `None` before the first rejected row.
    writer: Option<csv::Writer<File>>,
}

impl Rejected {
    pub(crate) fn new(file: &Path, table: &Table) -> Self {
        let reason = table.header.iter().position(|name| name.trim().eq_ignore_ascii_case(REASON));
        let (header, delimiter) = (table.header.clone(), table.delimiter);
        Self { path: file.with_file_name(NAME), header, reason, delimiter, writer: None }
    }

    pub(crate) fn add(&mut self, cells: &csv::StringRecord, reason: &str) -> Result<(), String> {
        let written = self.write(cells, reason);
        written.map_err(|error| format!("`{}` cannot be written: {error}", self.partial().display()))
    }

    fn write(&mut self, cells: &csv::StringRecord, reason: &str) -> csv::Result<()> {
        let partial = self.partial();
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let writer = csv::WriterBuilder::new().delimiter(self.delimiter).from_path(partial)?;
                let writer = none.insert(writer);
                writer.write_record(with(&self.header, self.reason, REASON))?;
                writer
            }
        };
        writer.write_record(with(cells, self.reason, reason))?;
        Ok(writer.flush()?)
    }

    /// Ends the file, and returns its path if there is a rejected row. The rows of an earlier run are replaced only if this run
    /// has tried every row.
    pub(crate) fn end(self, is_whole: bool) -> Result<Option<PathBuf>, String> {
        if self.writer.is_none() {
            if is_whole {
                let _may_not_exist = fs::remove_file(&self.path);
            }
            return Ok(None);
        }
        if !is_whole && self.path.exists() {
            return Ok(Some(self.partial()));
        }
        let ended = fs::rename(self.partial(), &self.path);
        ended.map_err(|error| format!("`{}` cannot be written: {error}", self.path.display()))?;
        Ok(Some(self.path))
    }

    /// Where the rows are until the run ends.
    fn partial(&self) -> PathBuf {
        self.path.with_extension(format!("{}.csv", process::id()))
    }
}

/// A row with one more cell, without the reason of an earlier import.
fn with<'a>(cells: &'a csv::StringRecord, old: Option<usize>, last: &'a str) -> impl Iterator<Item = &'a str> {
    let kept = cells.iter().enumerate().filter(move |(at, _)| Some(*at) != old);
    kept.map(|(_, cell)| cell).chain([last])
}
