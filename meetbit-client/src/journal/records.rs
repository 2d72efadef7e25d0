//! The records of a store, and the ends that could not be written to it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::journal::failure::StoreFailure;
use crate::journal::record::{Record, State};
use crate::journal::store::{Entry, Store};

/// The records of a store. If an end cannot be written, this process still knows that the record is in doubt, while others wait
/// until its time is over.
pub(crate) struct Records {
    pub(crate) store: Arc<dyn Store>,
    unwritten: Mutex<HashMap<String, Unwritten>>,
}

/// An end that could not be written. It holds while the entry has one of these tags.
struct Unwritten {
    tags: Vec<i64>,
    end: State,
}

/// A key of a call.
pub(crate) struct Key {
    pub(crate) records: Arc<Records>,
    pub(crate) name: Box<str>,
}

impl Records {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, unwritten: Mutex::default() }
    }

    /// The record of a key, and the tag of its entry.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<(i64, Record)>, StoreFailure> {
        let Some(entry) = self.store.get(key).await.map_err(StoreFailure::new)? else { return Ok(None) };
        Ok(Some((entry.tag, self.read(key, &entry)?)))
    }

    /// The records that are under way or in doubt, in the order of their last change.
    pub(crate) async fn unfinished(&self) -> Result<Vec<(String, Record)>, StoreFailure> {
        let mut entries = self.store.unfinished().await.map_err(StoreFailure::new)?;
        entries.sort_by_key(|(_, entry)| entry.changed);
        let read = |(key, entry): (String, Entry)| Ok((key.clone(), self.read(&key, &entry)?));
        entries.into_iter().map(read).collect()
    }

    /// Replaces an entry, as [`Store::swap`] does.
    pub(crate) async fn swap(
        &self,
        key: &str,
        expected: Option<i64>,
        new: Option<&Entry>,
    ) -> Result<bool, StoreFailure> {
        let is_done = self.store.swap(key, expected, new).await.map_err(StoreFailure::new)?;
        if is_done {
            self.unwritten().remove(key);
        }
        Ok(is_done)
    }

    /// Remembers an end that could not be written. The entry has one of these tags.
    pub(crate) fn remember(&self, key: &str, tags: Vec<i64>, end: State) {
        self.unwritten().insert(key.to_owned(), Unwritten { tags, end });
    }

    fn read(&self, key: &str, entry: &Entry) -> Result<Record, StoreFailure> {
        let record = Record::read(entry)
            .map_err(|error| StoreFailure::new(format!("the record is corrupt or of another version ({error})")))?;
        match self.unwritten().get(key) {
            Some(known) if !entry.finished && known.tags.contains(&entry.tag) => {
                Ok(record.with_state(known.end.clone()))
            }
            _ => Ok(record),
        }
    }

    fn unwritten(&self) -> MutexGuard<'_, HashMap<String, Unwritten>> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("name", &self.name).finish_non_exhaustive()
    }
}
