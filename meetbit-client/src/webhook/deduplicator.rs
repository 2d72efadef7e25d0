//! Recognition of repeated webhooks.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Remembers the ids of webhooks that have arrived.
///
/// MeetBit may send a webhook more than once: up to five times if it gets no `2xx` within 10 seconds, and sometimes without
/// a reason. Answer a repeat with `2xx` as well, or MeetBit sends more, and do nothing else.
///
/// A service on several machines must share the ids. A unique key on the id in the table or queue that stores the webhooks
/// is better than this trait, because it stores both in one step.
pub trait Deduplicator: Send + Sync {
    /// Remembers the id and returns whether it is new. Of several callers with the same id, exactly one gets
    /// [`First`](Seen::First).
    fn check(&self, id: &str) -> Seen;

    /// Forgets the id of a webhook that could not be stored and is answered with an error. The next try is then not a repeat.
    fn forget(&self, id: &str);
}

/// Whether a webhook has arrived before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub enum Seen {
    /// It is new: process it.
    First,
    /// It is a repeat: answer `2xx` and ignore it.
    Repeat,
}

/// Remembers ids in the memory of one process.
///
/// An id is kept for an hour after its first arrival. At most 100,000 ids are kept; beyond that the oldest are dropped, so the
/// memory stays within a few tens of megabytes. Keep ids for at least twice the [window](super::Verifier::window), because a
/// webhook whose timestamp is one window ahead of the clock stays valid for that long.
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
    /// Creates an empty memory with the bounds described above.
    #[must_use]
    pub fn new() -> Self {
        Self {
            keep_for: Duration::from_secs(60 * 60),
            at_most: 100_000,
            clock: Box::new(Instant::now),
            memory: Mutex::default(),
        }
    }

    /// How long an id is kept after its first arrival.
    #[must_use]
    pub fn keep_for(mut self, time: Duration) -> Self {
        self.keep_for = time;
        self
    }

    /// How many ids are kept. With `0` no id is kept, and no webhook is a repeat.
    #[must_use]
    pub fn at_most(mut self, ids: usize) -> Self {
        self.at_most = ids;
        self
    }

    /// The clock; [`Instant::now`] by default, which ignores changes of the system time.
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.clock = Box::new(now);
        self
    }

    /// Ignores poisoning: a panic in another thread leaves at worst one id half recorded.
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

/// The ids, by name and in order of arrival.
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
