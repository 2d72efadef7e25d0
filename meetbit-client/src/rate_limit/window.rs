//! The requests that count toward a limit.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::rate_limit::state::{HOLD, Moment};

/// A request that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slot {
    pub(crate) id: u64,
    /// It counts until then, unless an answer says less.
    pub(crate) end: Moment,
    /// No answer can end it earlier.
    pub(crate) earliest_end: Moment,
    /// An answer at `t` ends it at `t + after_answer`.
    pub(crate) after_answer: Moment,
    pub(crate) has_departed: bool,
}

impl Slot {
    /// A request that has not departed.
    pub(crate) fn held(id: u64, now: Moment, after_answer: Moment) -> Self {
        let end = now + HOLD;
        Self { id, end, earliest_end: end.min(now + after_answer), after_answer, has_departed: false }
    }

    /// The same after its departure. Without an answer it counts for `unanswered`.
    pub(crate) fn departed(self, now: Moment, unanswered: Moment) -> Self {
        let end = now + unanswered;
        Self { end, earliest_end: end.min(now + self.after_answer), has_departed: true, ..self }
    }

    /// The same after its answer.
    pub(crate) fn answered(self, now: Moment) -> Self {
        let end = now + self.after_answer;
        Self { end, earliest_end: end, has_departed: true, ..self }
    }
}

/// The requests of one key, or of the whole tenant. A request at the server counts for one period; see `State` for the proof.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Window {
    /// By `earliest_end`.
    slots: VecDeque<Slot>,
}

impl Window {
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Drops what no longer counts. An unanswered request that still counts gets a new `earliest_end`, because its answer
    /// can only come from now on.
    pub(crate) fn expire(&mut self, now: Moment) {
        while let Some(slot) = self.slots.front().copied().filter(|slot| slot.earliest_end <= now) {
            self.slots.pop_front();
            if slot.end > now {
                self.insert(Slot { earliest_end: slot.end.min(now + slot.after_answer.max(1)), ..slot });
            }
        }
    }

    pub(crate) fn get(&self, id: u64) -> Option<Slot> {
        self.position(id).map(|index| self.slots[index])
    }

    /// Adds a request, or replaces the one with its id.
    pub(crate) fn set(&mut self, slot: Slot) {
        self.remove(slot.id);
        self.insert(slot);
    }

    pub(crate) fn insert(&mut self, slot: Slot) {
        let index = self.slots.iter().rposition(|other| other.earliest_end <= slot.earliest_end).map_or(0, |i| i + 1);
        self.slots.insert(index, slot);
    }

    pub(crate) fn remove(&mut self, id: u64) {
        if let Some(index) = self.position(id) {
            self.slots.remove(index);
        }
    }

    /// The end of the last request, if nothing is answered.
    pub(crate) fn last_end(&self) -> Moment {
        self.slots.iter().map(|slot| slot.end).max().unwrap_or_default()
    }

    /// A moment before which a request cannot go that `ahead` others precede. `now` means that it can go. The others may
    /// have a larger limit than its own `limit`; the largest is `most`.
    pub(crate) fn free_at(&self, limit: usize, most: usize, ahead: usize, now: Moment, period: Moment) -> Moment {
        let used = self.slots.len();
        if used.saturating_add(ahead) < limit {
            return now;
        }
        let own = if used < limit { now } else { self.slots[used - limit].earliest_end };
        let free = most.saturating_sub(used);
        let Some(behind) = ahead.checked_sub(free) else { return own };
        let next = self.slots.get(used.saturating_sub(most) + behind % most);
        let first = next.map_or(now + period, |slot| slot.earliest_end.min(now + period));
        own.max(first.saturating_add(period.saturating_mul((behind / most) as u64)))
    }

    /// The newest requests come first, because nearly every look-up is for one of them.
    fn position(&self, id: u64) -> Option<usize> {
        self.slots.iter().rposition(|slot| slot.id == id)
    }
}
