//! The calls of a tenant that wait for their turn.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::rate_limit::config::{RateLimit, stored};
use crate::rate_limit::moment::Moment;

/// A waiter that comes later than this after the moment it was told is skipped: its task, its process or its machine may not
/// run. It keeps its ticket, so it has its turn when it comes.
pub(crate) const PATIENCE: Moment = 250_000;

/// A key that had no contender can catch up on at most this many rounds.
pub(crate) const ARREARS: u64 = 5;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Waiter {
    key: String,
    /// When it was told to ask again.
    at: Moment,
}

/// The waiters of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct KeyQueue {
    tickets: BTreeSet<u64>,
    /// Those that could go if the tenant's limit let them.
    contenders: BTreeSet<u64>,
    /// Its next request belongs to this round.
    round: u64,
    /// The order of the keys within a round.
    order: u64,
}

/// The waiters of a tenant that are alive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Queue {
    /// By ticket.
    waiters: BTreeMap<u64, Waiter>,
    /// The tickets by the moment at which they are to ask.
    due: BTreeSet<(Moment, u64)>,
    keys: BTreeMap<String, KeyQueue>,
    /// The keys that have contenders, by round and order: in each round, one request of each key goes.
    rotation: BTreeSet<(u64, u64, String)>,
    /// The first round that is not over.
    round: u64,
    last_order: u64,
    /// Not slower than the limit of any waiter since the queue was last empty.
    #[serde(with = "stored")]
    fastest: Option<RateLimit>,
}

impl Queue {
    /// Drops the waiters that did not come in time.
    pub(crate) fn expire(&mut self, now: Moment) {
        while let Some((_, ticket)) = self.due.first().copied().filter(|(at, _)| at.saturating_add(PATIENCE) < now) {
            self.remove(ticket);
        }
    }

    pub(crate) fn len(&self, key: &str) -> usize {
        self.keys.get(key).map_or(0, |queue| queue.tickets.len())
    }

    /// True if no waiter of another key has this ticket.
    #[cfg(feature = "shared-limit")]
    pub(crate) fn is_free_for(&self, ticket: u64, key: &str) -> bool {
        self.waiters.get(&ticket).is_none_or(|waiter| waiter.key == key)
    }

    /// The waiters of a key, in order of their tickets.
    pub(crate) fn tickets(&self, key: &str) -> impl Iterator<Item = u64> {
        self.keys.get(key).into_iter().flat_map(|queue| queue.tickets.iter().copied())
    }

    /// The key whose turn it is.
    pub(crate) fn next_key(&self) -> Option<&str> {
        self.rotation.first().map(|(.., key)| &**key)
    }

    /// The number of waiters of the key before a ticket, at most `enough`; of all if the call has no ticket yet.
    pub(crate) fn ahead(&self, key: &str, ticket: Option<u64>, enough: usize) -> usize {
        let before = |ticket| self.tickets(key).take_while(|other| *other < ticket).take(enough).count();
        ticket.map_or_else(|| self.len(key), before)
    }

    /// The number of contenders of other keys, about `enough` at most, that go before a call which `ahead` waiters of its own
    /// key precede.
    pub(crate) fn turns_before(&self, key: &str, ahead: usize, enough: usize) -> usize {
        let own = self.keys.get(key);
        let (round, order) = own.map_or((self.round, u64::MAX), |queue| (queue.round, queue.order));
        let round = round.max(self.round.saturating_sub(ARREARS)).saturating_add(ahead as u64);
        let mut turns = 0;
        for (.., name) in self.rotation.range(..(round, order, String::new())).filter(|(.., name)| name != key) {
            if turns >= enough {
                break;
            }
            let other = &self.keys[name];
            let rounds = round - other.round + u64::from(other.order < order);
            turns += other.contenders.len().min(usize::try_from(rounds).unwrap_or(usize::MAX));
        }
        turns
    }

    /// A limit that is not slower than this one, nor than that of any waiter.
    pub(crate) fn fastest(&self, limit: RateLimit) -> RateLimit {
        self.fastest.map_or(limit, |fastest| fastest.or_faster(limit))
    }

    /// Adds a waiter that was told to ask at `at`, or changes the one with this ticket. False if it would be a further one and
    /// the key has as many as the limit allows.
    pub(crate) fn insert(&mut self, key: &str, ticket: u64, at: Moment, contends: bool, limit: RateLimit) -> bool {
        if !self.waiters.contains_key(&ticket) && self.len(key) >= limit.queue {
            return false;
        }
        let fastest = self.fastest(limit);
        self.remove(ticket);
        self.fastest = Some(fastest);
        self.waiters.insert(ticket, Waiter { key: key.to_owned(), at });
        self.due.insert((at, ticket));
        self.last_order += 1;
        let new = KeyQueue { round: self.round, order: self.last_order, ..KeyQueue::default() };
        self.keys.entry(key.to_owned()).or_insert(new);
        self.change(key, |queue| {
            queue.tickets.insert(ticket);
            if contends {
                queue.contenders.insert(ticket);
            }
        });
        true
    }

    pub(crate) fn remove(&mut self, ticket: u64) {
        let Some(Waiter { key, at }) = self.waiters.remove(&ticket) else { return };
        self.due.remove(&(at, ticket));
        self.change(&key, |queue| {
            queue.tickets.remove(&ticket);
            queue.contenders.remove(&ticket);
        });
        if self.waiters.is_empty() {
            self.fastest = None;
        }
    }

    /// A request of the key was granted.
    pub(crate) fn end_turn(&mut self, key: &str) {
        self.change(key, |queue| queue.round += 1);
        self.round = self.rotation.first().map_or(0, |(round, ..)| *round).max(self.round);
    }

    /// Forgets a key that has no waiters.
    pub(crate) fn drop_key(&mut self, key: &str) {
        self.keys.remove(key);
    }

    /// Changes a key, and keeps it in the rotation while it has contenders. It is never more than `ARREARS` rounds behind.
    fn change(&mut self, key: &str, change: impl FnOnce(&mut KeyQueue)) {
        let Some(queue) = self.keys.get_mut(key) else { return };
        self.rotation.remove(&(queue.round, queue.order, key.to_owned()));
        queue.round = queue.round.max(self.round.saturating_sub(ARREARS));
        change(queue);
        if !queue.contenders.is_empty() {
            self.rotation.insert((queue.round, queue.order, key.to_owned()));
        }
    }
}
