//! A store that fails for a while.

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
    /// A swap that fails takes place after the next question, as in a database whose commit is slow.
    is_late: bool,
    late: Mutex<Option<Swap>>,
}

/// What a swap is asked for.
type Swap = (String, Option<i64>, Option<Entry>);

impl Failing {
    pub(crate) fn journal(store: Arc<dyn Store>, broken: Range<usize>) -> Journal {
        Journal::with_store(Self::new(store, broken, false))
    }

    /// The first swap gets no answer, and takes place late.
    pub(crate) fn late(store: Arc<dyn Store>) -> Journal {
        Journal::with_store(Self::new(store, 0..1, true))
    }

    fn new(store: Arc<dyn Store>, broken: Range<usize>, is_late: bool) -> Self {
        Self { store, swaps: AtomicUsize::new(0), broken, is_late, late: Mutex::default() }
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
        Box::pin(async move {
            if self.broken.contains(&self.swaps.fetch_add(1, Ordering::Relaxed)) {
                *self.late.lock().unwrap() = self.is_late.then(|| (key.to_owned(), expected, new.cloned()));
                return Err("the disk is on fire".into());
            }
            let swapped = self.store.swap(key, expected, new).await;
            let late = self.late.lock().unwrap().take();
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
