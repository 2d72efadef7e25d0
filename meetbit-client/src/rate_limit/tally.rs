//! What is counted of the requests to a tenant: plain decisions on moments, which threads make together without a lock.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicU32, AtomicUsize};
use std::time::Duration;

use crate::rate_limit::config::RateLimit;
use crate::rate_limit::gate::Gate;
use crate::rate_limit::moment::{AtomicMoment, Moment};
use crate::rate_limit::trips::Trips;
use crate::rate_limit::window::{WINDOW, Window};
use crate::response::retry_after::RateLimitHeaders;

/// What all keys of a tenant share.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) window: Window,
    trips: Trips,
}

/// What belongs to one key.
#[derive(Debug)]
pub(crate) struct Lane {
    /// Of its queue.
    pub(crate) index: usize,
    pub(crate) window: Window,
    pub(crate) gate: Gate,
    /// What the server says it allows; more than anybody may set as long as it has said nothing.
    server_limit: AtomicU32,
}

/// Leave to send a request, and what has become of it.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) at: Moment,
    limit: RateLimit,
    /// It was held back for the rate limit.
    waited: bool,
    /// Where it is counted, if it is: with its key and in all.
    slots: [AtomicUsize; 2],
    counted_until: AtomicMoment,
    /// The start, until it has.
    departed_at: AtomicMoment,
}

impl Grant {
    pub(crate) fn has_departed(&self) -> bool {
        self.departed_at.load() > Moment::START
    }
}

/// What a reply's head says about pacing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) headers: RateLimitHeaders,
    /// It was a `429`.
    pub(crate) is_refusal: bool,
    /// The wait that it asked for, if that could be read.
    pub(crate) retry_after: Option<Duration>,
}

impl Lane {
    pub(crate) fn new(index: usize) -> Self {
        let server_limit = AtomicU32::new(u32::MAX);
        Self { index, window: Window::default(), gate: Gate::default(), server_limit }
    }

    pub(crate) fn limit(&self, limit: RateLimit) -> u32 {
        self.server_limit.load(SeqCst).clamp(1, limit.key)
    }
}

impl Tally {
    /// Leave, if the limits of key and tenant let a request go.
    pub(crate) fn take(&self, lane: &Lane, limit: RateLimit, waited: bool, now: Moment) -> Option<Grant> {
        let slots = if limit.is_counted() { self.slots(lane, limit, now)? } else { [0, 0] };
        let (counted_until, departed_at) = (AtomicMoment::default(), AtomicMoment::default());
        Some(Grant { at: now, limit, waited, slots: slots.map(AtomicUsize::new), counted_until, departed_at })
    }

    fn slots(&self, lane: &Lane, limit: RateLimit, now: Moment) -> Option<[usize; 2]> {
        let key = lane.window.take(lane.limit(limit), now)?;
        let Some(tenant) = self.window.take(limit.tenant, now) else {
            lane.window.give_back(key);
            return None;
        };
        // Those who ask whether they were full are to know.
        lane.window.is_full(lane.limit(limit), now);
        self.window.is_full(limit.tenant, now);
        Some([key, tenant])
    }

    /// The request is about to leave (middleware may send it again); false if the way has been closed since leave was given.
    pub(crate) fn depart(&self, lane: &Lane, grant: &Grant, now: Moment) -> bool {
        if lane.gate.closed_until(now).is_some() {
            return false;
        }
        let until = self.trips.unanswered(now);
        self.settle(lane, grant, until, now);
        grant.counted_until.store(until);
        grant.departed_at.store(now);
        true
    }

    pub(crate) fn answered(&self, lane: &Lane, grant: &Grant, answer: Answer, now: Moment) {
        let departed_at = if grant.has_departed() { grant.departed_at.load() } else { now };
        if answer.is_refusal {
            self.trips.refused();
            lane.gate.refuse(departed_at, now, answer.retry_after);
        } else {
            lane.gate.admit(departed_at);
        }
        self.settle(lane, grant, self.trips.answered(departed_at, now, grant.waited), now);
        if let Some(limit) = answer.headers.limit {
            lane.server_limit.store(limit, SeqCst);
        }
        if answer.headers.remaining == Some(0) {
            self.hold(lane, grant, answer.headers, now);
        }
    }

    /// Nothing remains until `Reset`. Where this process has used up the limit that is meant, be it the key's or the
    /// tenant's, its own exact count already holds the next request.
    fn hold(&self, lane: &Lane, grant: &Grant, headers: RateLimitHeaders, now: Moment) {
        let meant =
            if headers.limit.is_some_and(|limit| limit > grant.limit.key) { &self.window } else { &lane.window };
        let reset = headers.reset.unwrap_or(WINDOW);
        if reset > WINDOW || !meant.was_full(grant.at) {
            lane.gate.close(now, reset);
        }
    }

    /// It will not be answered.
    pub(crate) fn abandon(&self, lane: &Lane, grant: &Grant, now: Moment) {
        if grant.has_departed() {
            self.settle(lane, grant, Trips::abandoned(now), now);
        } else if grant.limit.is_counted() {
            for (window, slot) in [&lane.window, &self.window].into_iter().zip(&grant.slots) {
                window.give_back(slot.load(SeqCst));
            }
        }
    }

    fn settle(&self, lane: &Lane, grant: &Grant, until: Moment, now: Moment) {
        if grant.limit.is_counted() {
            let known = grant.has_departed().then(|| grant.counted_until.load());
            for (window, slot) in [&lane.window, &self.window].into_iter().zip(&grant.slots) {
                slot.store(window.settle(slot.load(SeqCst), known, until, now), SeqCst);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promise_9_a_server_that_allows_less_is_obeyed() {
        let lane = Lane::new(0);
        let limit = |server| {
            lane.server_limit.store(server, SeqCst);
            lane.limit(RateLimit::default())
        };
        assert_eq!([u32::MAX, 0, 3, 5, 10].map(limit), [5, 1, 3, 5, 5]);
    }

    #[test]
    fn promise_9_what_the_tenant_refuses_is_not_counted_with_the_key() {
        let (tally, lanes, now) = (Tally::default(), [Lane::new(0), Lane::new(1)], Moment::START);
        let take = |lane| tally.take(lane, RateLimit::per_second(2).tenant(3), false, now);
        assert!(take(&lanes[0]).is_some() && take(&lanes[0]).is_some() && take(&lanes[0]).is_none());
        assert!(take(&lanes[1]).is_some() && take(&lanes[1]).is_none());
        assert_eq!((lanes.map(|lane| lane.window.in_use(now)), tally.window.in_use(now)), ([2, 1], 3));
    }
}
