//! The file with the rows that MeetBit, or the client before it, has refused.

use std::ffi::OsStr;
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
    header: csv::StringRecord,
    /// The place of a column with reasons that the file had before.
    reason: Option<usize>,
    delimiter: u8,
    /// Where the rows are until the run ends. `None` before the first one.
    partial: Option<Partial>,
}

/// A file that this run has locked.
struct Partial {
    path: PathBuf,
    writer: csv::Writer<File>,
}

impl Rejected {
    pub(crate) fn new(file: &Path, table: &Table) -> Self {
        let path = file.with_file_name(NAME);
        remove_left(&path);
        let reason = table.header.iter().position(|name| name.trim().eq_ignore_ascii_case(REASON));
        let (header, delimiter) = (table.header.clone(), table.delimiter);
        Self { path, header, reason, delimiter, partial: None }
    }

    pub(crate) fn add(&mut self, cells: &csv::StringRecord, reason: &str) -> Result<(), String> {
        let written = self.write(cells, reason);
        written.map_err(|error| format!("`{}` cannot be written: {error}", self.path.display()))
    }

    fn write(&mut self, cells: &csv::StringRecord, reason: &str) -> csv::Result<()> {
        let Partial { writer, .. } = match &mut self.partial {
            Some(partial) => partial,
            none => {
                let (path, file) = create_locked(&self.path)?;
                let mut writer = csv::WriterBuilder::new().delimiter(self.delimiter).from_writer(file);
                writer.write_record(with(&self.header, self.reason, REASON))?;
                none.insert(Partial { path, writer })
            }
        };
        writer.write_record(with(cells, self.reason, reason))?;
        Ok(writer.flush()?)
    }

    /// Ends the file, and says where the rows are if there is a rejected row. The rows of an earlier run are replaced only if
    /// this run has tried every row.
    pub(crate) fn end(self, is_whole: bool) -> Result<Option<String>, String> {
        let path = self.path.display();
        let Some(partial) = &self.partial else {
            if is_whole {
                let _may_not_exist = fs::remove_file(&self.path);
            }
            return Ok(None);
        };
        let failed = |error: io::Error| format!("`{path}` cannot be written: {error}");
        if !is_whole && self.path.exists() {
            fs::remove_file(&partial.path).map_err(failed)?;
            return Ok(Some(format!(
                "`{path}` still has the rejected rows of an earlier run; those of this run are not kept, because the next run \
                 tries them again"
            )));
        }
        fs::rename(&partial.path, &self.path).map_err(failed)?;
        Ok(Some(format!("the rejected rows and the reasons are in `{path}`")))
    }
}

/// Removes the files of runs that were killed, because the rows are personal data.
///
/// This removes no file of a run that is alive: such a run holds the lock of its file, and the system releases the lock when the
/// process ends, however it ends. No name is used twice.
fn remove_left(path: &Path) {
    let directory = Path::new(".").join(path.parent().unwrap_or(path)); // the parent of `customers.csv` is empty
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten().filter(|entry| is_partial(&entry.file_name(), path)) {
        let file = entry.metadata().is_ok_and(|metadata| metadata.is_file()).then(|| File::open(entry.path()).ok());
        if file.flatten().is_some_and(|file| FileExt::try_lock(&file).is_ok()) {
            let _may_be_removed_already = fs::remove_file(entry.path());
        }
    }
}

/// True if [`create_locked`] makes such names.
fn is_partial(name: &OsStr, path: &Path) -> bool {
    let (name, whole) = (name.to_string_lossy(), path.file_name().unwrap_or_default().to_string_lossy());
    let random = name.strip_prefix(&*whole).and_then(|rest| rest.strip_prefix('.')?.strip_suffix(".tmp"));
    random.is_some_and(|random| random.len() == 16 && random.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Makes a file of a new name beside `path`, and locks it until it is closed.
fn create_locked(path: &Path) -> io::Result<(PathBuf, File)> {
    loop {
        let partial = with_suffix(path, &format!(".{:016x}.tmp", fastrand::u64(..)));
        let file = File::create_new(&partial)?;
        FileExt::lock(&file)?;
        // Another run may have removed it before it was locked.
        if partial.exists() {
            return Ok((partial, file));
        }
    }
}

/// A row with one more cell, without the reason of an earlier import.
fn with<'a>(cells: &'a csv::StringRecord, old: Option<usize>, last: &'a str) -> impl Iterator<Item = &'a str> {
    let kept = cells.iter().enumerate().filter(move |(at, _)| Some(*at) != old);
    kept.map(|(_, cell)| cell).chain([last])
}
