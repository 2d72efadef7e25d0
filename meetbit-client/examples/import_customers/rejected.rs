//! The file with the rows that MeetBit, or the client before it, has refused.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::columns::REASON;
use crate::table::Table;

pub(crate) const NAME: &str = "rejected.csv";

/// The file is made with the first rejected row.
pub(crate) struct Rejected {
    path: PathBuf,
    header: csv::StringRecord,
    /// The place of a column with reasons that the file had before.
    reason: Option<usize>,
    delimiter: u8,
    writer: Option<csv::Writer<File>>,
}

impl Rejected {
    pub(crate) fn new(file: &Path, table: &Table) -> Self {
        let path = file.with_file_name(NAME);
        let _may_not_exist = fs::remove_file(&path);
        let reason = table.header.iter().position(|name| name.trim().eq_ignore_ascii_case(REASON));
        Self { path, header: table.header.clone(), reason, delimiter: table.delimiter, writer: None }
    }

    pub(crate) fn path(&self) -> Option<&Path> {
        self.writer.is_some().then_some(&self.path)
    }

    pub(crate) fn add(&mut self, cells: &csv::StringRecord, reason: &str) -> Result<(), String> {
        let failed = |error: csv::Error| format!("`{}` cannot be written: {error}", self.path.display());
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let mut writer =
                    csv::WriterBuilder::new().delimiter(self.delimiter).from_path(&self.path).map_err(failed)?;
                writer.write_record(with(&self.header, self.reason, REASON)).map_err(failed)?;
                none.insert(writer)
            }
        };
        writer.write_record(with(cells, self.reason, reason)).map_err(failed)?;
        writer.flush().map_err(|error| failed(error.into()))
    }
}

/// A row with one more cell, without the reason of an earlier import.
fn with<'a>(cells: &'a csv::StringRecord, old: Option<usize>, last: &'a str) -> impl Iterator<Item = &'a str> {
    let kept = cells.iter().enumerate().filter(move |(at, _)| Some(*at) != old);
    kept.map(|(_, cell)| cell).chain([last])
}
