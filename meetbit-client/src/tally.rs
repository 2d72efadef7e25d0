//! What is counted of the requests to a tenant: plain decisions on moments, which threads make together without a lock.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use crate::gate::Gate;
use crate::moment::Moment;
use crate::rate_limit::RateLimit;
use crate::retry_after::RateLimitHeaders;
use crate::trips::Trips;
use crate::window::{WINDOW, Window};

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

/// Leave to send a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grant {
    pub(crate) at: Moment,
    limit: RateLimit,
    /// It was held back for the rate limit.
    waited: bool,
    slots: Slots,
}

/// Where a request is counted, if it is: with its key and in all.
type Slots = Option<(usize, usize)>;

/// A request that has left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Departure {
    at: Moment,
    counted_until: Moment,
    slots: Slots,
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
        let slots = if limit.is_counted() { Some(self.slots(lane, limit, now)?) } else { None };
        Some(Grant { at: now, limit, waited, slots })
    }

    fn slots(&self, lane: &Lane, limit: RateLimit, now: Moment) -> Slots {
        let key = lane.window.take(lane.limit(limit), now)?;
        let Some(tenant) = self.window.take(limit.tenant, now) else {
            lane.window.give_back(key);
            return None;
        };
        // Those who ask whether they were full are to know.
        lane.window.is_full(lane.limit(limit), now);
        self.window.is_full(limit.tenant, now);
        Some((key, tenant))
    }

    /// The request is about to leave (middleware may send it again), unless the way has been closed since leave was given.
    pub(crate) fn depart(
        &self,
        lane: &Lane,
        grant: Grant,
        earlier: Option<Departure>,
        now: Moment,
    ) -> Option<Departure> {
        if lane.gate.closed_until(now).is_some() {
            return None;
        }
        let counted_until = self.trips.unanswered(now);
        let slots = self.settle(lane, grant, earlier, counted_until, now);
        Some(Departure { at: now, counted_until, slots })
    }

    pub(crate) fn answered(
        &self,
        lane: &Lane,
        grant: Grant,
        departure: Option<Departure>,
        answer: Answer,
        now: Moment,
    ) {
        let departed = departure.map_or(now, |departure| departure.at);
        if answer.is_refusal {
            self.trips.refused();
            lane.gate.refuse(departed, now, answer.retry_after);
        } else {
            lane.gate.admit(departed);
        }
        let until = self.trips.answered(departed, now, grant.waited);
        self.settle(lane, grant, departure, until, now);
        if let Some(limit) = answer.headers.limit {
            lane.server_limit.store(limit, SeqCst);
        }
        if answer.headers.remaining == Some(0) {
            self.hold(lane, grant, answer.headers, now);
        }
    }

    /// Nothing remains until `Reset`. Where this process has used up the limit that is meant, be it the key's or the
    /// tenant's, its own exact count already holds the next request.
    fn hold(&self, lane: &Lane, grant: Grant, headers: RateLimitHeaders, now: Moment) {
        let meant =
            if headers.limit.is_some_and(|limit| limit > grant.limit.key) { &self.window } else { &lane.window };
        let reset = headers.reset.unwrap_or(WINDOW);
        if reset > WINDOW || !meant.was_full(grant.at) {
            lane.gate.close(now, reset);
        }
    }

    /// It will not be answered.
    pub(crate) fn abandon(&self, lane: &Lane, grant: Grant, departure: Option<Departure>, now: Moment) {
        if departure.is_some() {
            self.settle(lane, grant, departure, Trips::abandoned(now), now);
        } else if let Some((key, tenant)) = grant.slots {
            lane.window.give_back(key);
            self.window.give_back(tenant);
        }
    }

    fn settle(&self, lane: &Lane, grant: Grant, departure: Option<Departure>, until: Moment, now: Moment) -> Slots {
        let (key, tenant) = departure.map_or(grant.slots, |departure| departure.slots)?;
        let known = departure.map(|departure| departure.counted_until);
        Some((lane.window.settle(key, known, until, now), self.window.settle(tenant, known, until, now)))
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
