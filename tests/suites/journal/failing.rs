//! A store that fails for a while.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use meetbit_client::{
    BoxError,
    journal::{BoxFuture, Entry, Journal, Store},
};

/// A store of which these swaps fail, counted from 0.
pub(crate) struct Failing {
    store: Arc<dyn Store>,
    swaps: AtomicUsize,
    broken: Range<usize>,
}

impl Failing {
    pub(crate) fn journal(store: Arc<dyn Store>, broken: Range<usize>) -> Journal {
        Journal::with_store(Self { store, swaps: AtomicUsize::new(0), broken })
    }
}

impl Store for Failing {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Entry>, BoxError>> {
        self.store.get(key)
    }

    fn swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<i64>,
        new: Option<&'a Entry>,
    ) -> BoxFuture<'a, Result<bool, BoxError>> {
        if self.broken.contains(&self.swaps.fetch_add(1, Ordering::Relaxed)) {
            return Box::pin(async { Err("the disk is on fire".into()) });
        }
        self.store.swap(key, expected, new)
    }

    fn unfinished(&self) -> BoxFuture<'_, Result<Vec<(String, Entry)>, BoxError>> {
        self.store.unfinished()
    }

    fn purge(&self, before: i64) -> BoxFuture<'_, Result<u64, BoxError>> {
        self.store.purge(before)
    }
}
