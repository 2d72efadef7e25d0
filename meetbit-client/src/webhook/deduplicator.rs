//! Telling a repeated webhook from a new one.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Remembers which webhooks came already.
///
/// `MeetBit` may send a webhook more than once: five times if it gets no `2xx` within 10 seconds, and at times without
/// need. Answer a repeat with `2xx` as well, or more will come, and do nothing else.
///
/// A service that runs on several machines keeps the ids where all of them look. There is a better place than this trait
/// for that: a unique key on the id in the table or queue that takes the webhooks, which stores both in one step.
pub trait Deduplicator: Send + Sync {
    /// Remembers the id and says whether it came before. Of several callers with one id exactly one is told
    /// [`First`](Seen::First).
    fn check(&self, id: &str) -> Seen;

    /// Forgets the id: for a webhook that could not be stored and is answered with an error, so that the next try is not
    /// taken for a repeat.
    fn forget(&self, id: &str);
}

/// Whether a webhook came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub enum Seen {
    /// It did not: process it.
    First,
    /// It did: answer `2xx` and leave it.
    Repeat,
}

/// Remembers ids in the memory of one process.
///
/// An id is kept for an hour after it first came, and at most 100,000 are kept: when there are more, the oldest go. That
/// bounds the memory as well, to a few tens of megabytes. Keep ids for at least twice the
/// [window](super::Verifier::window): a webhook that is signed ahead of the clock by all of it stays valid for that long.
///
/// # Examples
/// ```
/// use meetbit_client::webhook::{Deduplicator, MemoryDeduplicator, Seen};
///
/// let seen = MemoryDeduplicator::new();
/// assert_eq!(seen.check("3f0e2f9b"), Seen::First);
/// assert_eq!(seen.check("3f0e2f9b"), Seen::Repeat);
/// ```
pub struct MemoryDeduplicator {
    keep_for: Duration,
    at_most: usize,
    clock: Box<dyn Fn() -> Instant + Send + Sync>,
    memory: Mutex<Memory>,
}

impl MemoryDeduplicator {
    /// An empty memory with the bounds told above.
    #[must_use]
    pub fn new() -> Self {
        Self {
            keep_for: Duration::from_secs(60 * 60),
            at_most: 100_000,
            clock: Box::new(Instant::now),
            memory: Mutex::default(),
        }
    }

    /// How long an id is kept after it first came.
    #[must_use]
    pub fn keep_for(mut self, time: Duration) -> Self {
        self.keep_for = time;
        self
    }

    /// How many ids are kept; none are with `0`, so that nothing is a repeat.
    #[must_use]
    pub fn at_most(mut self, ids: usize) -> Self {
        self.at_most = ids;
        self
    }

    /// Tells the time: [`Instant::now`] unless set, which no change of the system's clock moves.
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.clock = Box::new(now);
        self
    }

    /// A panic of another thread leaves at worst one id half known, so its lock is taken over.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deduplicator for MemoryDeduplicator {
    fn check(&self, id: &str) -> Seen {
        let now = (self.clock)();
        let mut memory = self.memory();
        memory.drop_older(now, self.keep_for);
        if memory.turns.contains_key(id) {
            return Seen::Repeat;
        }
        memory.insert(id, now);
        memory.drop_beyond(self.at_most);
        Seen::First
    }

    fn forget(&self, id: &str) {
        self.memory().remove(id);
    }
}

impl Default for MemoryDeduplicator {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryDeduplicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryDeduplicator")
            .field("keep_for", &self.keep_for)
            .field("at_most", &self.at_most)
            .field("ids", &self.memory().turns.len())
            .finish_non_exhaustive()
    }
}

/// The ids by name and in the order in which they came.
#[derive(Default)]
struct Memory {
    turns: HashMap<Arc<str>, u64>,
    ids: BTreeMap<u64, (Arc<str>, Instant)>,
    next: u64,
}

impl Memory {
    fn drop_older(&mut self, now: Instant, keep_for: Duration) {
        while self.ids.first_key_value().is_some_and(|(_, (_, came))| now.duration_since(*came) >= keep_for) {
            self.drop_oldest();
        }
    }

    fn drop_beyond(&mut self, at_most: usize) {
        while self.ids.len() > at_most {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, (id, _))) = self.ids.pop_first() {
            self.turns.remove(&id);
        }
    }

    fn insert(&mut self, id: &str, now: Instant) {
        let id: Arc<str> = id.into();
        self.turns.insert(Arc::clone(&id), self.next);
        self.ids.insert(self.next, (id, now));
        self.next += 1;
    }

    fn remove(&mut self, id: &str) {
        if let Some(turn) = self.turns.remove(id) {
            self.ids.remove(&turn);
        }
    }
}
