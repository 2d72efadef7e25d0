//! The decisions of the limiter, as pure functions on the state of one tenant: no clock, no lock, no task.
//!
//! # Why no window holds more than its limit
//! A request counts from its grant to the end of its slot. After an answer the end is `answer + period + MARGIN - credit`,
//! and `credit` is at most the shortest round trip. Suppose that `limit + 1` requests arrive within one period, and let `r` be
//! the one that was granted last. Let `s` be the time of arrival, `out` and `back` the two halves of the shortest trip.
//! For every other request `i`:
//!
//! ```text
//! grant(r) <= s(r) - out          a request arrives after its grant
//! s(r)     <  s(i) + period       both arrive within one period
//! s(i)     <= answer(i) - back    an answer comes after the arrival
//! grant(r) <  answer(i) + period - (out + back)
//! ```
//!
//! So every `i` still counted when `r` was granted, the window was full, and `r` was not granted. An unanswered request is
//! assumed to arrive within `ASSUMED_DELIVERY` of its departure. That is the only assumption.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::rate_limit::config::{RateLimit, RateLimitStatus};
use crate::rate_limit::gate::Gate;
use crate::rate_limit::moment::{Moment, SECOND, TICK, span};
use crate::rate_limit::queue::{PATIENCE, Queue};
#[cfg(feature = "shared-limit")]
use crate::rate_limit::window::HOLD;
use crate::rate_limit::window::{Slot, Window};
use crate::response::retry_after::RateLimitHeaders;

/// A waiter asks at least this often, so that waiters that have stopped asking are noticed.
pub(crate) const LOOK: Moment = SECOND;
/// At most this many waiters ahead of a call are counted, or as many as there are free places, so that the effort does not
/// grow with the queue. The wait is then shorter than it could be.
pub(crate) const FORESIGHT: usize = 100;
/// An unanswered request has arrived this long after its departure.
pub(crate) const ASSUMED_DELIVERY: Moment = SECOND;

/// A question: may this request be sent?
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) key: &'a str,
    /// Identifies the request. Two asks with one id take one permit.
    pub(crate) id: u64,
    /// True if the id was asked before, so that the state looks for its permit.
    pub(crate) again: bool,
    /// The call's place in the order of arrival, from an earlier answer.
    pub(crate) ticket: Option<u64>,
    pub(crate) limit: RateLimit,
    /// The caller waits no longer than this.
    pub(crate) within: Moment,
}

/// The answer to an [`Ask`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may be sent within a second, or must renew its permit.
    Go { ticket: u64 },
    /// Ask again after this time. If it is not shorter than [`Ask::within`], the call is not queued.
    Wait { wait: Moment, reason: WaitReason, ticket: u64 },
    /// The server asked to send nothing for this time. If it is not shorter than [`Ask::within`], the call is not queued.
    Closed { wait: Moment, refusals: u32, ticket: u64 },
    /// Too many calls are waiting.
    Full,
}

/// What a call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitReason {
    /// The key's limit.
    Key,
    /// The tenant's limit.
    Tenant,
    /// Calls that came earlier.
    Queue,
    /// The end of a `Retry-After`.
    Gate,
}

/// A report about a request, or about a call that waited.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Report {
    /// The request was answered this long after its departure.
    Answered { id: u64, after: Moment, feedback: Feedback },
    /// The request will not be sent.
    Released { id: u64 },
    /// The call no longer waits.
    Withdrawn { ticket: u64 },
}

/// What the head of a reply says about the rate limit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Feedback {
    pub(crate) is_429: bool,
    /// The wait of a `429`, if it states one.
    pub(crate) retry_after: Option<Duration>,
    /// `RateLimit-*`, if MeetBit sent them and not a proxy before it.
    pub(crate) headers: RateLimitHeaders,
}

/// The state of one tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    window: Window,
    keys: BTreeMap<String, KeyState>,
    queue: Queue,
    next_ticket: u64,
    shortest_round_trip: Option<Moment>,
}

/// The state of one access key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct KeyState {
    window: Window,
    gate: Gate,
}

impl State {
    /// Decides whether a request may be sent. Asking twice with one id changes nothing.
    pub(crate) fn ask(&mut self, now: Moment, ask: &Ask<'_>) -> Verdict {
        self.expire(now, ask.key);
        let ticket = ask.ticket.unwrap_or(self.next_ticket);
        self.next_ticket = self.next_ticket.max(ticket.saturating_add(1));
        let key = &self.keys[ask.key];
        if let Some(open_at) = key.gate.closed_until(now) {
            let (wait, refusals) = (open_at - now, key.gate.refusals(now));
            let is_queued = self.enqueue(now, ask, ticket, open_at, false);
            return if is_queued { Verdict::Closed { wait, refusals, ticket } } else { Verdict::Full };
        }
        if ask.again && self.renew(now, ask.key, ask.id) {
            return Verdict::Go { ticket };
        }
        let Some((at, reason, contends)) = self.turn(now, ask) else {
            self.grant(now, ask, ticket);
            return Verdict::Go { ticket };
        };
        // It must not wait longer than `LOOK`, but is refused at once if the turn comes too late.
        let at = if at - now < ask.within { at.min(now + LOOK) } else { at };
        let is_queued = self.enqueue(now, ask, ticket, at, contends);
        if is_queued { Verdict::Wait { wait: at - now, reason, ticket } } else { Verdict::Full }
    }

    /// Records the departure of a request. False if its permit has ended or the gate has closed since: it must not depart.
    pub(crate) fn depart(&mut self, now: Moment, key: &str, id: u64, limit: RateLimit) -> bool {
        self.expire(now, key);
        let state = &self.keys[key];
        if state.gate.closed_until(now).is_some() {
            return false;
        }
        let Some(slot) = state.window.get(id) else { return !limit.is_counted() };
        if !slot.has_departed {
            self.count(now, key, limit, slot.departed(now, ASSUMED_DELIVERY + limit.period));
        }
        true
    }

    /// Extends the hold of a request that has not departed. False if its permit has ended.
    pub(crate) fn renew(&mut self, now: Moment, key: &str, id: u64) -> bool {
        self.expire(now, key);
        let Some(slot) = self.keys[key].window.get(id) else { return false };
        if !slot.has_departed {
            self.set(key, Slot::held(id, now, slot.after_answer));
        }
        true
    }

    /// Takes a report. Telling twice, late or never is safe. Gives the waiters that are to ask again at once.
    pub(crate) fn tell(&mut self, now: Moment, key: &str, limit: RateLimit, report: &Report) -> Vec<u64> {
        self.expire(now, key);
        match *report {
            Report::Answered { id, after, feedback } => {
                self.answered(now, key, limit, id, after, feedback);
                return if feedback.is_429 { self.queue.tickets(key).collect() } else { Vec::new() };
            }
            Report::Released { id } => {
                if self.keys[key].window.get(id).is_some_and(|slot| !slot.has_departed) {
                    self.window.remove(id);
                    self.key_mut(key).window.remove(id);
                }
            }
            Report::Withdrawn { ticket } => self.queue.remove(ticket),
        }
        self.next(key).into_iter().flatten().collect()
    }

    pub(crate) fn status(&mut self, now: Moment, key: &str, limit: RateLimit) -> RateLimitStatus {
        self.expire(now, key);
        let state = &self.keys[key];
        RateLimitStatus {
            limit: u32::try_from(state.gate.limit(limit.key, now)).unwrap_or(u32::MAX),
            in_use: state.window.len(),
            waiting: self.queue.len(key),
            closed_for: state.gate.closed_until(now).map(|open_at| Duration::from_micros(open_at - now)),
            refusals: state.gate.refusals(now),
            shortest_round_trip: self.shortest_round_trip.map(Duration::from_micros),
        }
    }

    /// The waiters that may be able to go if a place of `key` has become free: its first, and the first of the key whose
    /// turn it is.
    pub(crate) fn next(&self, key: &str) -> [Option<u64>; 2] {
        [self.queue.next_key(), Some(key)].map(|key| self.queue.tickets(key?).next())
    }

    /// Drops the state of the keys for which nothing counts, waits or is closed. True if nothing is left.
    pub(crate) fn drop_idle(&mut self, now: Moment) -> bool {
        self.window.expire(now);
        self.queue.expire(now);
        let queue = &mut self.queue;
        self.keys.retain(|key, state| {
            state.window.expire(now);
            let is_idle = state.window.len() == 0 && state.gate.matters_until() <= now && queue.len(key) == 0;
            if is_idle {
                queue.drop_key(key);
            }
            !is_idle
        });
        self.keys.is_empty()
    }

    pub(crate) fn keys_len(&self) -> usize {
        self.keys.len()
    }

    /// Forgets everything, because no moment means anything any more. Tickets stay unique.
    pub(crate) fn forget(&mut self) {
        *self = Self { next_ticket: self.next_ticket, ..Self::default() };
    }

    /// Drops what no longer counts, and makes sure that the key has a state.
    fn expire(&mut self, now: Moment, key: &str) {
        self.window.expire(now);
        self.queue.expire(now);
        match self.keys.get_mut(key) {
            Some(state) => state.window.expire(now),
            None => drop(self.keys.insert(key.to_owned(), KeyState::default())),
        }
    }

    /// `None` if a request can be sent. Otherwise a moment before which it cannot, the reason, and true if it waits only for
    /// other keys or for the tenant's limit.
    fn turn(&self, now: Moment, ask: &Ask<'_>) -> Option<(Moment, WaitReason, bool)> {
        if !ask.limit.is_counted() {
            return None;
        }
        let (key, queue) = (&self.keys[ask.key], &self.queue);
        let (key_limit, tenant_limit) = (key.gate.limit(ask.limit.key, now), ask.limit.tenant);
        let tenant_free = tenant_limit.saturating_sub(self.window.len());
        let free = tenant_free.min(key_limit.saturating_sub(key.window.len()));
        let ahead = queue.ahead(ask.key, ask.ticket, free.max(FORESIGHT));
        let ahead_of_all = ahead.saturating_add(queue.turns_before(ask.key, ahead, tenant_free.max(FORESIGHT)));
        let fastest = queue.fastest(ask.limit);
        let life = fastest.after_answer().max(TICK);
        let by_key = key.window.free_at(key_limit, fastest.key, ahead, now, life);
        let by_tenant = self.window.free_at(tenant_limit, fastest.tenant, ahead_of_all, now, life);
        let at = by_key.max(by_tenant)?;
        let contends = by_key.is_none();
        if free == 0 {
            let reason = if by_tenant > by_key { WaitReason::Tenant } else { WaitReason::Key };
            return Some((at, reason, contends));
        }
        // The places are free for calls before it, which take them at once or are skipped.
        let skipped_at = now + PATIENCE;
        Some((if at > now { at.min(skipped_at) } else { skipped_at }, WaitReason::Queue, contends))
    }

    /// Queues a call that must wait, unless it does not wait that long. False if the queue is full.
    fn enqueue(&mut self, now: Moment, ask: &Ask<'_>, ticket: u64, at: Moment, contends: bool) -> bool {
        if at - now >= ask.within {
            self.queue.remove(ticket);
            return true;
        }
        self.queue.insert(ask.key, ticket, at, contends, ask.limit)
    }

    fn grant(&mut self, now: Moment, ask: &Ask<'_>, ticket: u64) {
        self.queue.remove(ticket);
        self.queue.end_turn(ask.key);
        if ask.limit.is_counted() {
            self.count(now, ask.key, ask.limit, Slot::held(ask.id, now, ask.limit.after_answer()));
        }
    }

    fn answered(&mut self, now: Moment, key: &str, limit: RateLimit, id: u64, after: Moment, feedback: Feedback) {
        let state = self.keys.get_mut(key).expect("`expire` has made it");
        let slot = state.window.get(id);
        let sent = slot.filter(|slot| slot.has_departed).map_or(now.saturating_sub(after), |slot| slot.since);
        if let Some(slot) = slot.map(|slot| slot.answered(now)) {
            self.window.set(slot);
            state.window.set(slot);
        }
        let headers = feedback.headers;
        // `Remaining` is about the tenant's limit if the stated limit is larger than the key's.
        let is_tenants = headers.limit.is_some_and(|stated| stated as usize > limit.key);
        self.shortest_round_trip = Some(self.shortest_round_trip.map_or(after, |shortest| shortest.min(after)));
        if let Some(stated) = headers.limit {
            state.gate.on_limit(stated, now);
        }
        if feedback.is_429 {
            state.gate.on_429(sent, now, feedback.retry_after);
            return;
        }
        state.gate.on_other(sent);
        if headers.remaining == Some(0) {
            let reset = headers.reset.map_or(limit.period, span);
            let window = if is_tenants { &self.window } else { &state.window };
            // If our own requests have used up the limit, our own count holds the next request as long as necessary.
            if reset > limit.period || !window.was_full_since(sent) {
                state.gate.hold(now, reset, limit.period);
            }
        }
    }

    /// Counts a request, and remembers the moment if the limit of the key or of the tenant is used up.
    fn count(&mut self, now: Moment, key: &str, limit: RateLimit, slot: Slot) {
        self.window.set(slot);
        self.window.note_full(limit.tenant, now);
        let state = self.key_mut(key);
        state.window.set(slot);
        state.window.note_full(state.gate.limit(limit.key, now), now);
    }

    fn set(&mut self, key: &str, slot: Slot) {
        self.window.set(slot);
        self.key_mut(key).window.set(slot);
    }

    fn key_mut(&mut self, key: &str) -> &mut KeyState {
        self.keys.get_mut(key).expect("`expire` has made it")
    }
}

/// What a state needs that several processes share.
#[cfg(feature = "shared-limit")]
impl State {
    /// Counts a permit that is held as long as its request could count if it departed at the end of the hold, because the
    /// keeper of this state does not learn of departures.
    pub(crate) fn hold_unobserved(&mut self, key: &str, id: u64, limit: RateLimit) {
        let slot = self.keys.get(key).and_then(|state| state.window.get(id));
        if let Some(slot) = slot.filter(|slot| !slot.has_departed) {
            self.set(key, Slot { end: slot.since + HOLD + ASSUMED_DELIVERY + limit.period, ..slot });
        }
    }

    /// Closes the gate of a key as long as another state of the same key is closed. Gives the waiters that are to ask again.
    pub(crate) fn adopt_gate(&mut self, now: Moment, key: &str, wait: Moment, refusals: u32) -> Vec<u64> {
        self.expire(now, key);
        self.key_mut(key).gate.adopt(now, wait, refusals);
        self.queue.tickets(key).collect()
    }

    /// True if no waiter of another key has this ticket.
    pub(crate) fn is_free_for(&self, ticket: u64, key: &str) -> bool {
        self.queue.is_free_for(ticket, key)
    }
}
