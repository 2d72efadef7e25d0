//! The file with the rows that MeetBit, or the client before it, has refused.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use fs4::FileExt;

use crate::columns::REASON;
use crate::table::Table;
use crate::target::with_suffix;

/// The name of the file, beside the CSV file.
pub(crate) const NAME: &str = "rejected.csv";

/// The rejected rows of one run. They replace those of an earlier run when it ends, so that several imports of one file do not
/// write into one file at once.
pub(crate) struct Rejected {
    path: PathBuf,
    /// Where the rows are until the run ends. No two runs use one name.
    partial: PathBuf,
    header: csv::StringRecord,
    /// The place of a column with reasons that the file had before.
    reason: Option<usize>,
    delimiter: u8,
    /// `None` before the first rejected row.
    writer: Option<csv::Writer<File>>,
}

impl Rejected {
    pub(crate) fn new(file: &Path, table: &Table) -> Self {
        let path = file.with_file_name(NAME);
        remove_left(&path);
        let partial = with_suffix(&path, &format!(".{:016x}.tmp", fastrand::u64(..)));
        let reason = table.header.iter().position(|name| name.trim().eq_ignore_ascii_case(REASON));
        let (header, delimiter) = (table.header.clone(), table.delimiter);
        Self { path, partial, header, reason, delimiter, writer: None }
    }

    pub(crate) fn add(&mut self, cells: &csv::StringRecord, reason: &str) -> Result<(), String> {
        let written = self.write(cells, reason);
        written.map_err(|error| format!("`{}` cannot be written: {error}", self.partial.display()))
    }

    fn write(&mut self, cells: &csv::StringRecord, reason: &str) -> csv::Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let file = create_locked(&self.partial)?;
                let writer = none.insert(csv::WriterBuilder::new().delimiter(self.delimiter).from_writer(file));
                writer.write_record(with(&self.header, self.reason, REASON))?;
                writer
            }
        };
        writer.write_record(with(cells, self.reason, reason))?;
        Ok(writer.flush()?)
    }

    /// Ends the file, and says where the rows are if there is a rejected row. The rows of an earlier run are replaced only if
    /// this run has tried every row.
    pub(crate) fn end(self, is_whole: bool) -> Result<Option<String>, String> {
        let path = self.path.display();
        if self.writer.is_none() {
            if is_whole {
                let _may_not_exist = fs::remove_file(&self.path);
            }
            return Ok(None);
        }
        let failed = |error: io::Error| format!("`{path}` cannot be written: {error}");
        if !is_whole && self.path.exists() {
            fs::remove_file(&self.partial).map_err(failed)?;
            return Ok(Some(format!(
                "`{path}` still has the rejected rows of an earlier run; those of this run are not kept, because the next run \
                 tries them again"
            )));
        }
        fs::rename(&self.partial, &self.path).map_err(failed)?;
        Ok(Some(format!("the rejected rows and the reasons are in `{path}`")))
    }
}

/// Removes the files of runs that were killed, because the rows are personal data.
///
/// This removes no file of a run that is alive: such a run holds the lock of its file, and the system releases the lock when the
/// process ends, however it ends. The names are random, so no other run can have made a file of the same name meanwhile.
fn remove_left(path: &Path) {
    let prefix = with_suffix(Path::new(path.file_name().unwrap_or_default()), ".");
    let directory = Path::new(".").join(path.parent().unwrap_or(path)); // the parent of `customers.csv` is empty
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let name = PathBuf::from(entry.file_name());
        let is_partial =
            name.extension() == Some("tmp".as_ref()) && name.to_string_lossy().starts_with(&*prefix.to_string_lossy());
        let Some(file) = is_partial.then(|| File::open(entry.path()).ok()).flatten() else { continue };
        if FileExt::try_lock(&file).is_ok() {
            let _may_be_removed_already = fs::remove_file(entry.path());
        }
    }
}

/// Makes a file, and locks it until it is closed.
fn create_locked(path: &Path) -> io::Result<File> {
    loop {
        let file = File::create_new(path)?;
        FileExt::lock(&file)?;
        // Another run may have removed it before it was locked.
        if path.exists() {
            return Ok(file);
        }
    }
}

/// A row with one more cell, without the reason of an earlier import.
fn with<'a>(cells: &'a csv::StringRecord, old: Option<usize>, last: &'a str) -> impl Iterator<Item = &'a str> {
    let kept = cells.iter().enumerate().filter(move |(at, _)| Some(*at) != old);
    kept.map(|(_, cell)| cell).chain([last])
}
