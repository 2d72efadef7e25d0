//! What is found out before anything is sent.

use std::collections::HashMap;

use meetbit_client::{Client, Customers};

use crate::arguments::Arguments;
use crate::keys::{self, Hash};
use crate::output;
use crate::table::{Row, Table};

/// The file is read once for this number of rows, so that the memory for their hashes does not grow with the file.
const PART: u64 = 1 << 16;
/// At most this number of equal rows is counted.
const MOST_REPEATED: usize = 1 << 16;
/// At most this number of problems is shown.
const SHOWN: usize = 20;

/// A file that can be imported.
pub(crate) struct Checked {
    pub(crate) rows: u64,
    /// The rows that the client would refuse to send.
    pub(crate) invalid: u64,
    /// The hashes of rows that are there more than once.
    pub(crate) repeated: Vec<Hash>,
}

pub(crate) fn check(arguments: &Arguments, client: &Client) -> Result<Checked, String> {
    let mut problems = Problems::default();
    let (mut rows, mut invalid) = (0, 0);
    each(arguments, |table, row| {
        rows += 1;
        let customer = table.columns.customer(&row.cells);
        if let Err(problem) = keys::hash(&table.columns, &row.cells, &customer) {
            problems.add(row.line, &problem);
        }
        if let Err(error) = client.create_customer(&customer).request() {
            invalid += 1;
            if arguments.dry_run {
                output::print(format_args!("line {}: {error}", row.line));
            }
        }
    })?;
    problems.end()?;
    let repeated = repeated(arguments, rows)?;
    Ok(Checked { rows, invalid, repeated })
}

/// Looks for rows that are there more than once, in one part of all hashes after the other.
fn repeated(arguments: &Arguments, rows: u64) -> Result<Vec<Hash>, String> {
    let (parts, mut problems, mut repeated) = (u128::from(rows.div_ceil(PART).max(1)), Problems::default(), Vec::new());
    for part in 0..parts {
        let mut lines: HashMap<Hash, (u64, bool)> = HashMap::new();
        each(arguments, |table, row| {
            let customer = table.columns.customer(&row.cells);
            let Ok(hash) = keys::hash(&table.columns, &row.cells, &customer) else { return };
            if hash % parts != part {
                return;
            }
            let (first, is_known) = lines.entry(hash).or_insert((row.line, true));
            if *first == row.line {
                *is_known = false;
            } else if table.columns.key.is_some() {
                problems.add(row.line, &format!("its key is that of line {first} too"));
            } else if !std::mem::replace(is_known, true) {
                repeated.push(hash);
            }
        })?;
        if repeated.len() > MOST_REPEATED {
            return Err(
                "too many rows are equal; give the rows a key of their own, and name its column with `--key`".into()
            );
        }
    }
    problems.end()?;
    Ok(repeated)
}

fn each(arguments: &Arguments, mut f: impl FnMut(&Table, &Row)) -> Result<(), String> {
    let mut table = Table::open(&arguments.file, arguments.key.as_deref())?;
    while let Some(row) = table.next()? {
        f(&table, &row);
    }
    Ok(())
}

/// What is wrong with the file as a whole.
#[derive(Default)]
struct Problems(usize);

impl Problems {
    fn add(&mut self, line: u64, problem: &str) {
        self.0 += 1;
        if self.0 <= SHOWN {
            output::report(format_args!("line {line}: {problem}"));
        }
    }

    fn end(&self) -> Result<(), String> {
        match self.0 {
            0 => Ok(()),
            problems if problems > SHOWN => Err(format!("and {} more; nothing was sent", problems - SHOWN)),
            _ => Err("nothing was sent".to_owned()),
        }
    }
}
