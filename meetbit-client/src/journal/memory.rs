//! A store in the memory of a process, for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::journal::store::{BoxError, BoxFuture, Entry, Store};

#[derive(Debug, Default)]
pub(crate) struct MemoryStore(Mutex<BTreeMap<String, Entry>>);

impl MemoryStore {
    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Entry>, BoxError>> {
        Box::pin(async move { Ok(self.entries().get(key).cloned()) })
    }

    fn swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<i64>,
        new: Option<&'a Entry>,
    ) -> BoxFuture<'a, Result<bool, BoxError>> {
        Box::pin(async move {
            let mut entries = self.entries();
            let tag = entries.get(key).map(|entry| entry.tag);
            let is_repeated = new.is_some_and(|new| tag == Some(new.tag));
            if tag != expected || is_repeated {
                return Ok(is_repeated);
            }
            match new {
                Some(new) => entries.insert(key.to_owned(), new.clone()),
                None => entries.remove(key),
            };
            Ok(true)
        })
    }

    fn unfinished(&self) -> BoxFuture<'_, Result<Vec<(String, Entry)>, BoxError>> {
        Box::pin(async move {
            let entries = self.entries();
            let unfinished = entries.iter().filter(|(_, entry)| !entry.finished);
            Ok(unfinished.map(|(key, entry)| (key.clone(), entry.clone())).collect())
        })
    }

    fn purge(&self, before: i64) -> BoxFuture<'_, Result<u64, BoxError>> {
        Box::pin(async move {
            let mut entries = self.entries();
            let all = entries.len();
            entries.retain(|_, entry| !entry.finished || entry.changed >= before);
            Ok((all - entries.len()) as u64)
        })
    }
}
