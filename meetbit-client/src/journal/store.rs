//! The seam to a place that keeps a journal.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// What the methods of [`Store`] return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a store keeps for a key. A store reads nothing in it except the fields `tag`, `finished` and `changed`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// A random number that identifies this version of the entry. Each write of an entry has another one.
    pub tag: i64,
    /// True if nothing is under way or in doubt.
    pub finished: bool,
    /// When the entry was written, in milliseconds since 1970.
    pub changed: i64,
    /// The record, as JSON. It has personal data: a request, or a reply.
    pub record: Vec<u8>,
}

/// Shows the length of the record, because its text has personal data.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tag, finished, changed, record } = self;
        let mut shown = f.debug_struct("Entry");
        shown.field("tag", tag).field("finished", finished).field("changed", changed);
        shown.field("record", &format_args!("{} bytes", record.len())).finish()
    }
}

/// A place that keeps a journal: a map from a key to an [`Entry`], with a durable compare-and-swap.
///
/// A store decides nothing. It only stores, so any database with a unique key and a conditional update can be one.
///
/// An error means that the question has no answer. Before a request is sent, the call then fails and sends nothing; after a
/// reply, the call fails with the outcome of the reply. The future of a method can be dropped at any time; then the method may
/// have taken effect or not.
///
/// # Examples
/// A store for several clients of one process:
/// ```
/// use std::collections::BTreeMap;
/// use std::sync::Mutex;
///
/// use meetbit_client::BoxError;
/// use meetbit_client::journal::{BoxFuture, Entry, Journal, Store};
///
/// #[derive(Default)]
/// struct Memory(Mutex<BTreeMap<String, Entry>>);
///
/// impl Store for Memory {
///     fn get<'a>(
///         &'a self,
///         key: &'a str,
///     ) -> BoxFuture<'a, Result<Option<Entry>, BoxError>> {
///         Box::pin(async move { Ok(self.0.lock().unwrap().get(key).cloned()) })
///     }
///
///     fn swap<'a>(
///         &'a self,
///         key: &'a str,
///         expected: Option<i64>,
///         new: Option<&'a Entry>,
///     ) -> BoxFuture<'a, Result<bool, BoxError>> {
///         Box::pin(async move {
///             let mut entries = self.0.lock().unwrap();
///             let tag = entries.get(key).map(|entry| entry.tag);
///             let is_repeated = new.is_some_and(|new| tag == Some(new.tag));
///             if tag != expected || is_repeated {
///                 return Ok(is_repeated);
///             }
///             match new {
///                 Some(new) => entries.insert(key.to_owned(), new.clone()),
///                 None => entries.remove(key),
///             };
///             Ok(true)
///         })
///     }
///
///     fn unfinished(
///         &self,
///     ) -> BoxFuture<'_, Result<Vec<(String, Entry)>, BoxError>> {
///         Box::pin(async move {
///             let mut found = Vec::new();
///             for (key, entry) in self.0.lock().unwrap().iter() {
///                 if !entry.finished {
///                     found.push((key.clone(), entry.clone()));
///                 }
///             }
///             Ok(found)
///         })
///     }
///
///     fn purge(&self, before: i64) -> BoxFuture<'_, Result<u64, BoxError>> {
///         Box::pin(async move {
///             let mut entries = self.0.lock().unwrap();
///             let all = entries.len();
///             entries.retain(|_, e| !e.finished || e.changed >= before);
///             Ok((all - entries.len()) as u64)
///         })
///     }
/// }
///
/// let journal = Journal::with_store(Memory::default());
/// # let _ = journal;
/// ```
pub trait Store: Send + Sync + 'static {
    /// The entry of a key. It must see every [`swap`](Self::swap) that has returned, in any process.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Entry>, BoxError>>;

    /// Replaces the entry of a key by `new`, or deletes it if `new` is `None`, if its tag is `expected`; `None` expects that there
    /// is no entry. Comparison and change are one step: of two calls that expect the same, one gets `true`.
    ///
    /// The change outlasts a crash of the machine by the time the method returns `true`. `false` means that nothing was changed.
    /// If the entry already has the tag of `new`, the answer is `true`, because a caller may ask again after an answer was lost.
    fn swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<i64>,
        new: Option<&'a Entry>,
    ) -> BoxFuture<'a, Result<bool, BoxError>>;

    /// The entries that are not `finished`, with their keys.
    fn unfinished(&self) -> BoxFuture<'_, Result<Vec<(String, Entry)>, BoxError>>;

    /// Deletes the entries that are `finished` and were `changed` before this moment. Returns their number.
    fn purge(&self, before: i64) -> BoxFuture<'_, Result<u64, BoxError>>;
}
