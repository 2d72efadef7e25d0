//! The calls of one key that wait for their turn.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::rate_limit::state::Moment;

/// A waiter that comes later than this after the moment it was told is skipped: its task, its process or its machine may not
/// run. It keeps its ticket, so it has its turn when it comes.
pub(crate) const PATIENCE: Moment = 250_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Waiter {
    /// When it was told to ask again.
    at: Moment,
    /// Its limit for the key.
    limit: usize,
}

/// The waiters that are alive, in order of their tickets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Queue {
    waiters: BTreeMap<u64, Waiter>,
    /// The same waiters by the moment at which they are to ask.
    due: BTreeSet<(Moment, u64)>,
    /// The largest limit of a waiter since the queue was last empty.
    largest_limit: usize,
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.waiters.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// Drops the waiters that did not come in time.
    pub(crate) fn expire(&mut self, now: Moment) {
        while let Some((_, ticket)) = self.due.first().copied().filter(|(at, _)| at.saturating_add(PATIENCE) < now) {
            self.remove(ticket);
        }
    }

    pub(crate) fn contains(&self, ticket: u64) -> bool {
        self.waiters.contains_key(&ticket)
    }

    /// The number of waiters before a ticket, or before a call that has none yet.
    pub(crate) fn ahead_of(&self, ticket: Option<u64>) -> usize {
        ticket.map_or(self.waiters.len(), |ticket| self.waiters.range(..ticket).count())
    }

    /// The ticket of the first waiter, and its limit.
    pub(crate) fn head(&self) -> Option<(u64, usize)> {
        self.waiters.first_key_value().map(|(ticket, waiter)| (*ticket, waiter.limit))
    }

    pub(crate) fn largest_limit(&self) -> usize {
        self.largest_limit
    }

    pub(crate) fn insert(&mut self, ticket: u64, at: Moment, limit: usize) {
        self.remove(ticket);
        self.waiters.insert(ticket, Waiter { at, limit });
        self.due.insert((at, ticket));
        self.largest_limit = self.largest_limit.max(limit);
    }

    pub(crate) fn remove(&mut self, ticket: u64) {
        if let Some(waiter) = self.waiters.remove(&ticket) {
            self.due.remove(&(waiter.at, ticket));
        }
        if self.waiters.is_empty() {
            self.largest_limit = 0;
        }
    }
}
