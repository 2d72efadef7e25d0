//! Stores that fail for a while.

use std::{
    ops::Range,
    sync::{
        Arc, Mutex,
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

/// A store whose first swap gets no answer, and takes place after the next question. A database whose commit is slow does so.
pub(crate) struct Late {
    store: Arc<dyn Store>,
    swaps: AtomicUsize,
    first: Mutex<Option<Swap>>,
}

/// What a swap is asked for.
type Swap = (String, Option<i64>, Option<Entry>);

impl Late {
    pub(crate) fn journal(store: Arc<dyn Store>) -> Journal {
        Journal::with_store(Self { store, swaps: AtomicUsize::new(0), first: Mutex::default() })
    }
}

impl Store for Late {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Entry>, BoxError>> {
        self.store.get(key)
    }

    fn swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<i64>,
        new: Option<&'a Entry>,
    ) -> BoxFuture<'a, Result<bool, BoxError>> {
        Box::pin(async move {
            if self.swaps.fetch_add(1, Ordering::Relaxed) == 0 {
                *self.first.lock().unwrap() = Some((key.to_owned(), expected, new.cloned()));
                return Err("no answer".into());
            }
            let swapped = self.store.swap(key, expected, new).await;
            let late = self.first.lock().unwrap().take();
            if let Some((key, expected, new)) = late {
                assert!(self.store.swap(&key, expected, new.as_ref()).await?);
            }
            swapped
        })
    }

    fn unfinished(&self) -> BoxFuture<'_, Result<Vec<(String, Entry)>, BoxError>> {
        self.store.unfinished()
    }

    fn purge(&self, before: i64) -> BoxFuture<'_, Result<u64, BoxError>> {
        self.store.purge(before)
    }
}
