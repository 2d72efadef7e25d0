//! The requests that count toward a limit.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::rate_limit::moment::{Moment, SECOND, TICK};

/// A granted request must depart within this time, or renew its permit.
pub(crate) const HOLD: Moment = SECOND;

/// A request that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slot {
    pub(crate) id: u64,
    /// The moment of its departure, or of its grant or last renewal before that.
    pub(crate) since: Moment,
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
        Self { id, since: now, end: now + HOLD, earliest_end: 0, after_answer, has_departed: false }.unanswered(now)
    }

    /// The same after its departure. Without an answer it counts for `unanswered`.
    pub(crate) fn departed(self, now: Moment, unanswered: Moment) -> Self {
        Self { since: now, end: now + unanswered, has_departed: true, ..self }.unanswered(now)
    }

    /// The same after its answer.
    pub(crate) fn answered(self, now: Moment) -> Self {
        let end = now + self.after_answer;
        Self { end, earliest_end: end, has_departed: true, ..self }
    }

    /// The same if it is not answered before `now`.
    fn unanswered(self, now: Moment) -> Self {
        Self { earliest_end: self.end.min(now + self.after_answer.max(TICK)), ..self }
    }
}

/// The requests of one key, or of the whole tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Window {
    /// Sorted by `earliest_end`. A request that is not answered yet is near the end of the list.
    slots: VecDeque<Slot>,
    /// The largest id so far. The ids of one process increase, so it never searches for a new one.
    last_id: u64,
    /// The last moment at which no place was free.
    full_at: Option<Moment>,
}

impl Window {
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Drops what no longer counts. An unanswered request that still counts gets a new `earliest_end`, because its answer
    /// can only come from now on.
    pub(crate) fn expire(&mut self, now: Moment) {
        while let Some(slot) = self.slots.front().filter(|slot| slot.earliest_end <= now).copied() {
            self.slots.pop_front();
            if slot.end > now {
                self.insert(slot.unanswered(now));
            }
        }
    }

    pub(crate) fn get(&self, id: u64) -> Option<Slot> {
        self.position(id).map(|index| self.slots[index])
    }

    /// Adds a request, or replaces the one with its id.
    pub(crate) fn set(&mut self, slot: Slot) {
        match self.position(slot.id) {
            Some(index) if self.is_sorted_with(index, slot) => self.slots[index] = slot,
            _ => {
                self.remove(slot.id);
                self.insert(slot);
            }
        }
    }

    pub(crate) fn remove(&mut self, id: u64) {
        if let Some(index) = self.position(id) {
            self.slots.remove(index);
        }
    }

    /// True if the list stays sorted with this request in the place of another.
    fn is_sorted_with(&self, index: usize, slot: Slot) -> bool {
        let before = index.checked_sub(1).is_none_or(|before| self.slots[before].earliest_end <= slot.earliest_end);
        before && self.slots.get(index + 1).is_none_or(|after| slot.earliest_end < after.earliest_end)
    }

    fn insert(&mut self, slot: Slot) {
        self.last_id = self.last_id.max(slot.id);
        let before = self.slots.iter().rposition(|other| other.earliest_end <= slot.earliest_end);
        self.slots.insert(before.map_or(0, |before| before + 1), slot);
    }

    fn position(&self, id: u64) -> Option<usize> {
        if id > self.last_id { None } else { self.slots.iter().rposition(|slot| slot.id == id) }
    }

    /// Remembers the moment if no place of `limit` is free.
    pub(crate) fn note_full(&mut self, limit: usize, now: Moment) {
        if self.len() >= limit {
            self.full_at = Some(now);
        }
    }

    pub(crate) fn was_full_since(&self, moment: Moment) -> bool {
        self.full_at.is_some_and(|full_at| full_at >= moment)
    }

    /// A lower bound for the moment at which a request with `limit` can go if `ahead` others go first; `None` if it can go now.
    /// The others have a limit of at most `most`, and each counts for `life` or longer.
    ///
    /// Each end lets one request go, and at most `most` requests end in any span of `life`.
    pub(crate) fn free_at(&self, limit: usize, most: usize, ahead: usize, now: Moment, life: Moment) -> Option<Moment> {
        let used = self.len();
        if used.saturating_add(ahead) < limit {
            return None;
        }
        let own = if used < limit { now } else { self.slots[used - limit].earliest_end };
        let free_for_others = most.saturating_sub(used);
        let Some(others_waiting) = ahead.checked_sub(free_for_others) else { return Some(own) };
        // The requests of now end in the first round, and those of each round in the next one.
        let (rounds, index) = (others_waiting / most, others_waiting % most);
        let slot = self.slots.get(used.saturating_sub(most) + index);
        let first_round = slot.map_or(now + life, |slot| slot.earliest_end.min(now + life));
        Some(own.max(first_round.saturating_add(life.saturating_mul(rounds as u64))))
    }
}
