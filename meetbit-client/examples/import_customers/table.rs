//! The CSV file, row by row.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use crate::columns::Columns;

/// An open file. Only one row of it is in memory.
pub(crate) struct Table {
    reader: csv::Reader<BufReader<File>>,
    pub(crate) columns: Columns,
    pub(crate) header: csv::StringRecord,
    pub(crate) delimiter: u8,
    path: String,
}

/// A row and the line where it begins.
pub(crate) struct Row {
    pub(crate) cells: csv::StringRecord,
    pub(crate) line: u64,
}

impl Table {
    pub(crate) fn open(path: &Path, key: Option<&str>) -> Result<Self, String> {
        let shown = path.display().to_string();
        let failed = |error: &dyn std::fmt::Display| format!("`{shown}` cannot be read: {error}");
        let mut file = BufReader::new(File::open(path).map_err(|error| failed(&error))?);
        let delimiter = delimiter(file.fill_buf().map_err(|error| failed(&error))?);
        // The reader drops a byte order mark by itself.
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(file);
        let header = reader.headers().map_err(|error| failed(&error))?.clone();
        let columns = Columns::read(header.iter(), key).map_err(|problem| format!("`{shown}`: {problem}"))?;
        Ok(Self { reader, columns, header, delimiter, path: shown })
    }

    /// The next row; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Row>, String> {
        let mut cells = csv::StringRecord::new();
        match self.reader.read_record(&mut cells) {
            Ok(false) => Ok(None),
            Ok(true) => {
                let line = cells.position().map_or(0, csv::Position::line);
                Ok(Some(Row { cells, line }))
            }
            Err(error) => Err(format!("`{}` cannot be read: {error}", self.path)),
        }
    }
}

/// The one of `,` `;` and tab that is in the first line most often, outside of quotes.
fn delimiter(start: &[u8]) -> u8 {
    let mut counts = [(0, b','), (0, b';'), (0, b'\t')];
    let mut is_quoted = false;
    for byte in start {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' | b'\r' if !is_quoted => break,
            _ if is_quoted => {}
            _ => counts.iter_mut().filter(|(_, delimiter)| delimiter == byte).for_each(|(count, _)| *count += 1),
        }
    }
    let [comma, others @ ..] = counts;
    others.into_iter().fold(comma, |best, other| if other.0 > best.0 { other } else { best }).1
}
