//! The requests that count toward a limit.

use std::cmp::Ordering;
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
///
/// Both lists are sorted, so a look-up is a binary search. A change moves the 16 or 48 bytes of some neighbours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Window {
    /// By id.
    slots: VecDeque<Slot>,
    /// The `earliest_end` and the id of each slot.
    ends: VecDeque<(Moment, u64)>,
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
        while let Some((_, id)) = self.ends.front().copied().filter(|(end, _)| *end <= now) {
            if let Some(slot) = self.remove(id).filter(|slot| slot.end > now) {
                self.set(slot.unanswered(now));
            }
        }
    }

    pub(crate) fn get(&self, id: u64) -> Option<Slot> {
        self.position(id).ok().map(|index| self.slots[index])
    }

    /// Adds a request, or replaces the one with its id.
    pub(crate) fn set(&mut self, slot: Slot) {
        match self.position(slot.id) {
            Ok(index) => {
                let old = std::mem::replace(&mut self.slots[index], slot);
                self.remove_end((old.earliest_end, old.id));
            }
            Err(index) => self.slots.insert(index, slot),
        }
        let end = (slot.earliest_end, slot.id);
        let index =
            if self.ends.back() < Some(&end) { self.ends.len() } else { self.ends.partition_point(|e| *e < end) };
        self.ends.insert(index, end);
    }

    pub(crate) fn remove(&mut self, id: u64) -> Option<Slot> {
        let slot = self.slots.remove(self.position(id).ok()?)?;
        self.remove_end((slot.earliest_end, id));
        Some(slot)
    }

    fn remove_end(&mut self, end: (Moment, u64)) {
        if self.ends.back() == Some(&end) {
            self.ends.pop_back();
        } else if self.ends.front() == Some(&end) {
            self.ends.pop_front();
        } else if let Ok(index) = self.ends.binary_search(&end) {
            self.ends.remove(index);
        }
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

    /// The end of the last request, if nothing is answered.
    pub(crate) fn last_end(&self) -> Moment {
        self.slots.iter().map(|slot| slot.end).max().unwrap_or_default()
    }

    /// A moment before which a request with `limit` cannot go that `ahead` others precede, if all of them are sent; `None` if
    /// it can go now. The others have a limit of at most `most`, and each counts for `life` or longer.
    ///
    /// Each end lets one request go, and at most `most` requests end in any span of `life`.
    pub(crate) fn free_at(&self, limit: usize, most: usize, ahead: usize, now: Moment, life: Moment) -> Option<Moment> {
        let used = self.len();
        if used.saturating_add(ahead) < limit {
            return None;
        }
        let own = if used < limit { now } else { self.ends[used - limit].0 };
        let Some(behind) = ahead.checked_sub(most.saturating_sub(used)) else { return Some(own) };
        let end = self.ends.get(used.saturating_sub(most) + behind % most);
        let first = end.map_or(now + life, |(end, _)| (now + life).min(*end));
        Some(own.max(first.saturating_add(life.saturating_mul((behind / most) as u64))))
    }

    /// Nearly every look-up is for the last request, for one after it, or for the first, so these come first.
    fn position(&self, id: u64) -> Result<usize, usize> {
        let is_first = self.slots.front().is_some_and(|first| first.id == id);
        match self.slots.back().map(|last| last.id.cmp(&id)) {
            None | Some(Ordering::Less) => Err(self.slots.len()),
            Some(Ordering::Equal) => Ok(self.slots.len() - 1),
            Some(Ordering::Greater) if is_first => Ok(0),
            Some(Ordering::Greater) => self.slots.binary_search_by_key(&id, |slot| slot.id),
        }
    }
}
