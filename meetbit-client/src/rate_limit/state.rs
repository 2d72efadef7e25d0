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

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::rate_limit::config::RateLimit;
use crate::rate_limit::gate::Gate;
use crate::rate_limit::queue::{PATIENCE, Queue};
use crate::rate_limit::window::{Slot, Window};
use crate::response::retry_after::RateLimitHeaders;

/// Microseconds on the clock of the place that keeps the state.
pub(crate) type Moment = u64;

pub(crate) const SECOND: Moment = 1_000_000;
pub(crate) const MINUTE: Moment = 60 * SECOND;
pub(crate) const HOUR: Moment = 60 * MINUTE;

/// A granted request must depart within this time, or renew its permit.
pub(crate) const HOLD: Moment = SECOND;
/// An unanswered request has arrived this long after its departure.
const ASSUMED_DELIVERY: Moment = SECOND;
/// Added to every period, because clocks and timers are not exact.
const MARGIN: Moment = 5_000;

/// A duration in microseconds. Longer than half a million years counts as that.
pub(crate) fn span(duration: Duration) -> Moment {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The instant `span` after `start`. A century is as good as more.
pub(crate) fn after(start: Instant, span: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    start + span.min(CENTURY)
}

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
    /// It may be sent within [`HOLD`].
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
    /// The keys that have waiters.
    queued: BTreeSet<String>,
    next_ticket: u64,
    /// The number of permits that were granted.
    grants: u64,
}

/// The state of one access key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyState {
    pub(crate) window: Window,
    pub(crate) gate: Gate,
    pub(crate) queue: Queue,
    server_limit: Option<ServerLimit>,
    /// The number of the last grant. Of the keys that wait, the one with the smallest is next.
    last_grant: u64,
    pub(crate) shortest_round_trip: Option<Moment>,
}

/// A limit below ours that the server stated. It counts for a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ServerLimit {
    limit: usize,
    until: Moment,
}

impl KeyState {
    /// The limit of a client for this key at present.
    pub(crate) fn limit(&self, limit: RateLimit, now: Moment) -> usize {
        let stated = self.server_limit.filter(|stated| stated.until > now).map(|stated| stated.limit.max(1));
        stated.map_or(limit.key(), |stated| stated.min(limit.key()))
    }

    fn expire(&mut self, now: Moment) {
        self.window.expire(now);
        self.queue.expire(now);
    }

    /// True if nothing is lost when it is dropped.
    fn is_idle(&self, now: Moment) -> bool {
        self.window.is_empty() && self.queue.is_empty() && self.gate.closed_until(now).is_none()
    }
}

impl State {
    /// Decides whether a request may be sent. Asking twice with one id changes nothing.
    pub(crate) fn ask(&mut self, now: Moment, ask: &Ask<'_>) -> Verdict {
        self.expire(now, ask.key);
        let ticket = ask.ticket.unwrap_or(self.next_ticket);
        if ask.again && self.renew(now, ask.key, ask.id) {
            return Verdict::Go { ticket };
        }
        let key = &self.keys[ask.key];
        if let Some(open_at) = key.gate.closed_until(now) {
            let refusals = key.gate.refusals(now);
            let closed = |wait, ticket| Verdict::Closed { wait, refusals, ticket };
            return self.wait_until(open_at, now, ask, closed);
        }
        let (at, reason) = self.turn(now, key, ask);
        if at > now {
            return self.wait_until(at, now, ask, |wait, ticket| Verdict::Wait { wait, reason, ticket });
        }
        self.next_ticket += u64::from(ask.ticket.is_none());
        self.grant(now, ticket, ask);
        Verdict::Go { ticket }
    }

    /// Records the departure of a request. False if its permit has ended or the gate has closed since: it must not depart.
    pub(crate) fn depart(&mut self, now: Moment, key: &str, id: u64, limit: RateLimit) -> bool {
        self.expire(now, key);
        if self.keys[key].gate.closed_until(now).is_some() {
            return false;
        }
        if !limit.is_counted() {
            return true;
        }
        let Some(slot) = self.keys[key].window.get(id) else { return false };
        if !slot.has_departed {
            self.set(key, slot.departed(now, ASSUMED_DELIVERY + limit.period()));
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

    /// Takes a report. Telling twice, late or never is safe.
    pub(crate) fn tell(&mut self, now: Moment, key: &str, limit: RateLimit, report: &Report) {
        self.expire(now, key);
        match *report {
            Report::Answered { id, after, feedback } => self.answered(now, key, limit, id, after, feedback),
            Report::Released { id } => {
                if self.keys[key].window.get(id).is_some_and(|slot| !slot.has_departed) {
                    self.key_mut(key).window.remove(id);
                    self.window.remove(id);
                }
            }
            Report::Withdrawn { ticket } => self.leave_queue(key, ticket),
        }
    }

    /// The state of a key, without what no longer counts.
    pub(crate) fn key(&mut self, now: Moment, key: &str) -> &KeyState {
        self.expire(now, key);
        &self.keys[key]
    }

    /// The first waiter of each key.
    pub(crate) fn heads(&self) -> impl Iterator<Item = u64> {
        self.queued.iter().filter_map(|key| self.head(key))
    }

    /// The first waiter of a key.
    pub(crate) fn head(&self, key: &str) -> Option<u64> {
        self.keys.get(key)?.queue.head().map(|(ticket, _)| ticket)
    }

    /// Drops the state of a key that no client uses. If the server may still count its requests or has asked to wait, gives
    /// the moment at which it can be dropped.
    pub(crate) fn drop_key(&mut self, now: Moment, key: &str) -> Option<Moment> {
        self.expire(now, key);
        let state = &self.keys[key];
        if state.is_idle(now) {
            self.keys.remove(key);
            self.queued.remove(key);
            return None;
        }
        Some(state.window.last_end().max(state.gate.closed_until(now).unwrap_or_default()).max(now + PATIENCE))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Drops what no longer counts, and makes sure that the key has a state.
    fn expire(&mut self, now: Moment, key: &str) {
        let Self { window, keys, queued, .. } = self;
        window.expire(now);
        queued.retain(|name| {
            let waiting = keys.get_mut(name);
            waiting.is_some_and(|state| {
                state.expire(now);
                !state.queue.is_empty()
            })
        });
        match keys.get_mut(key) {
            Some(state) => state.expire(now),
            None => drop(keys.insert(key.to_owned(), KeyState::default())),
        }
    }

    /// The moment at which a request can be sent at the earliest, and what it waits for.
    fn turn(&self, now: Moment, key: &KeyState, ask: &Ask<'_>) -> (Moment, WaitReason) {
        if !ask.limit.is_counted() {
            return (now, WaitReason::Queue);
        }
        let (limit, period) = (key.limit(ask.limit, now), ask.limit.period());
        let ahead = key.queue.ahead_of(ask.ticket);
        let most = key.queue.largest_limit().max(limit);
        let by_key = key.window.free_at(limit, most, ahead, now, period);
        let ahead_of_all = ahead + self.turns_before(now, key, ahead, ask.key);
        let tenant = ask.limit.tenant_limit();
        let by_tenant = self.window.free_at(tenant, tenant, ahead_of_all, now, period);
        let free =
            key.window.len().saturating_add(ahead) < limit && self.window.len().saturating_add(ahead_of_all) < tenant;
        if free {
            (now, WaitReason::Queue)
        } else if by_key <= now && by_tenant <= now {
            (now + PATIENCE, WaitReason::Queue) // the calls before it go until then, or are skipped
        } else if by_tenant > by_key {
            (by_tenant, WaitReason::Tenant)
        } else {
            (by_key, WaitReason::Key)
        }
    }

    /// How many waiters of other keys go before a call that `ahead` waiters of its own key precede. Keys take turns.
    fn turns_before(&self, now: Moment, key: &KeyState, ahead: usize, name: &str) -> usize {
        let others = self.queued.iter().filter(|other| **other != name).filter_map(|other| self.keys.get(other));
        let turns = |other: &KeyState| {
            let (_, limit) = other.queue.head()?;
            let can_go = other.gate.closed_until(now).is_none();
            let free = if can_go { limit.saturating_sub(other.window.len()) } else { 0 };
            let turns = ahead + usize::from(other.last_grant < key.last_grant);
            Some(turns.min(free).min(other.queue.len()))
        };
        others.filter_map(turns).sum()
    }

    /// Queues a call that must wait, unless it does not wait that long or the queue is full.
    fn wait_until(
        &mut self,
        at: Moment,
        now: Moment,
        ask: &Ask<'_>,
        verdict: impl FnOnce(Moment, u64) -> Verdict,
    ) -> Verdict {
        let (wait, ticket) = (at - now, ask.ticket.unwrap_or(self.next_ticket));
        self.next_ticket += u64::from(ask.ticket.is_none());
        let queue = &mut self.key_mut(ask.key).queue;
        if wait >= ask.within {
            self.leave_queue(ask.key, ticket);
        } else if !queue.contains(ticket) && queue.len() >= ask.limit.queue {
            return Verdict::Full;
        } else {
            queue.insert(ticket, at, ask.limit.key());
            if !self.queued.contains(ask.key) {
                self.queued.insert(ask.key.to_owned());
            }
        }
        verdict(wait, ticket)
    }

    fn grant(&mut self, now: Moment, ticket: u64, ask: &Ask<'_>) {
        self.leave_queue(ask.key, ticket);
        self.grants += 1;
        let grants = self.grants;
        self.key_mut(ask.key).last_grant = grants;
        if ask.limit.is_counted() {
            let after_answer = (ask.limit.period() + MARGIN).saturating_sub(ask.limit.credit());
            let slot = Slot::held(ask.id, now, after_answer);
            self.window.insert(slot);
            self.key_mut(ask.key).window.insert(slot);
        }
    }

    fn answered(&mut self, now: Moment, key: &str, limit: RateLimit, id: u64, after: Moment, feedback: Feedback) {
        let sent = now.saturating_sub(after);
        let was_full = self.is_full(now, key, limit, feedback.headers);
        if let Some(slot) = self.keys[key].window.get(id) {
            self.set(key, slot.answered(now));
        }
        let state = self.key_mut(key);
        state.shortest_round_trip = Some(state.shortest_round_trip.map_or(after, |shortest| shortest.min(after)));
        if feedback.is_429 {
            state.gate.on_429(sent, now, feedback.retry_after);
        } else {
            state.gate.on_other(sent);
        }
        if let Some(stated) = feedback.headers.limit {
            state.server_limit = Some(ServerLimit { limit: stated as usize, until: now + MINUTE });
        }
        if feedback.headers.remaining == Some(0) && !feedback.is_429 {
            let period = limit.period();
            let reset = feedback.headers.reset.map_or(period, span);
            if reset > period || !was_full {
                state.gate.hold(now, reset, period);
            }
        }
    }

    /// True if our own count has used up the limit that `Remaining` is about, be it the key's or the tenant's. The count then
    /// holds the next request as long as it must be held.
    fn is_full(&self, now: Moment, key: &str, limit: RateLimit, headers: RateLimitHeaders) -> bool {
        let state = &self.keys[key];
        match headers.limit {
            Some(stated) if stated as usize > limit.key() => self.window.len() >= limit.tenant_limit(),
            _ => state.window.len() >= state.limit(limit, now),
        }
    }

    fn leave_queue(&mut self, key: &str, ticket: u64) {
        let queue = &mut self.key_mut(key).queue;
        queue.remove(ticket);
        if queue.is_empty() {
            self.queued.remove(key);
        }
    }

    fn set(&mut self, key: &str, slot: Slot) {
        self.window.set(slot);
        self.key_mut(key).window.set(slot);
    }

    fn key_mut(&mut self, key: &str) -> &mut KeyState {
        self.keys.get_mut(key).expect("`expire` has made the state of this key")
    }
}
