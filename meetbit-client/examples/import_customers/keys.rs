//! The key of each row in the journal.

use std::collections::HashMap;

use meetbit_client::NewCustomer;
use sha2::{Digest, Sha256};

use crate::columns::Columns;

/// What two rows have in common if they are the same customer.
pub(crate) type Hash = u128;

/// The hash of a row: of its key column, or of its content. A row without content would be a customer without a name.
pub(crate) fn hash(columns: &Columns, cells: &csv::StringRecord, customer: &NewCustomer) -> Result<Hash, String> {
    if *customer == NewCustomer::new() {
        return Err("the row has no value for MeetBit, so remove it".to_owned());
    }
    let text = match columns.key {
        Some(at) => key(cells, at).ok_or("the key column is empty")?.to_owned(),
        None => serde_json::to_string(customer).map_err(|error| error.to_string())?,
    };
    let digest = Sha256::digest(text);
    let mut start = [0; 16];
    start.copy_from_slice(&digest[..16]);
    Ok(Hash::from_be_bytes(start))
}

fn key(cells: &csv::StringRecord, at: usize) -> Option<&str> {
    cells.get(at).map(str::trim).filter(|key| !key.is_empty())
}

/// The key of the row with this value in the key column.
pub(crate) fn of_cell(cell: &str) -> String {
    format!("customer:{cell}")
}

/// Gives each row its key. Rows that are equal are counted, so each of them is a customer.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// The equal rows that were seen, by their hash.
    seen: HashMap<Hash, u64>,
}

impl Keys {
    /// `repeated` has the hashes of rows that are there more than once.
    pub(crate) fn new(repeated: impl IntoIterator<Item = Hash>) -> Self {
        Self { seen: repeated.into_iter().map(|hash| (hash, 0)).collect() }
    }

    pub(crate) fn next(&mut self, columns: &Columns, cells: &csv::StringRecord, hash: Hash) -> String {
        if let Some(key) = columns.key.and_then(|at| key(cells, at)) {
            return of_cell(key);
        }
        match self.seen.get_mut(&hash) {
            None => format!("row:{hash:032x}"),
            Some(seen) => {
                *seen += 1;
                if *seen == 1 { format!("row:{hash:032x}") } else { format!("row:{hash:032x}:{seen}") }
            }
        }
    }
}
