//! Whose turn it is to send to a tenant: plain decisions on instants, apart from where their state lives.

use std::collections::BTreeMap;
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use crate::gate::Gate;
use crate::rate_limit::RateLimit;
use crate::retry_after::RateLimitHeaders;
use crate::window::{Trips, WINDOW, Window};

/// Everything that is decided about a tenant's requests; it knows neither clocks nor tasks.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) window: Window,
    pub(crate) trips: Trips,
    pub(crate) lanes: Vec<Lane>,
    /// Whom to wake, since the head before them has been passed over.
    pub(crate) stirred: Vec<Waker>,
}

#[derive(Debug, Default)]
pub(crate) struct Lane {
    pub(crate) key_id: String,
    pub(crate) window: Window,
    pub(crate) gate: Gate,
    /// What the server says it allows.
    pub(crate) server_limit: Option<u32>,
    pub(crate) queue: BTreeMap<u64, Waiting>,
}

/// So long may the first in a queue be able to go and not go. Then its task is busy with something else, perhaps with the very
/// call that waits behind it, and that one goes first.
const PATIENCE: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(crate) struct Waiting {
    limit: RateLimit,
    waker: Waker,
    /// Since when it is known that it could go.
    able_since: Option<Instant>,
    passed_over: bool,
}

impl Waiting {
    pub(crate) fn new(limit: RateLimit, waker: Waker) -> Self {
        Self { limit, waker, able_since: None, passed_over: false }
    }

    /// Its task asks again.
    pub(crate) fn renew(&mut self, waker: &Waker) {
        self.waker.clone_from(waker);
        (self.able_since, self.passed_over) = (None, false);
    }

    pub(crate) fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Now,
    At(Instant, Wait),
    /// Somebody else will wake it.
    Behind(Wait),
}

/// A request that has left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Departure {
    pub(crate) at: Instant,
    pub(crate) counted_until: Instant,
}

/// What the state knows of a permit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grant {
    pub(crate) lane: usize,
    pub(crate) limit: RateLimit,
    pub(crate) at: Instant,
    /// It was held back for the rate limit.
    pub(crate) waited: bool,
}

impl Lane {
    pub(crate) fn limit(&self, limit: RateLimit) -> u32 {
        self.server_limit.map_or(limit.key, |server| server.clamp(1, limit.key))
    }

    /// The first that has not been passed over.
    pub(crate) fn head(&self) -> Option<(u64, &Waiting)> {
        self.queue.iter().map(|(place, waiting)| (*place, waiting)).find(|(_, waiting)| !waiting.passed_over)
    }

    fn head_before(&self, place: u64) -> Option<(u64, RateLimit)> {
        self.head().map(|(head, waiting)| (head, waiting.limit)).filter(|(head, _)| *head < place)
    }
}

impl State {
    pub(crate) fn lane(&mut self, key_id: &str) -> usize {
        let known = self.lanes.iter().position(|lane| lane.key_id == key_id);
        known.unwrap_or_else(|| {
            self.lanes.push(Lane { key_id: key_id.to_owned(), ..Lane::default() });
            self.lanes.len() - 1
        })
    }

    pub(crate) fn is_counted(&self, now: Instant) -> bool {
        let counted = |lane: &Lane| lane.gate.closed_until(now).is_some() || lane.gate.refusals() > 0;
        self.window.in_use(now) > 0 || self.lanes.iter().any(counted)
    }

    /// Whether it is the turn of `place`.
    pub(crate) fn turn(&mut self, lane: usize, place: u64, limit: RateLimit, now: Instant) -> Turn {
        while let Some((head, head_limit)) = self.lanes[lane].head_before(place) {
            let until = match self.able(lane, head_limit, now) {
                Turn::Now => self.bear_with(lane, head, place, now),
                Turn::At(at, _) => Some(at + patience(head, place)),
                Turn::Behind(_) => Some(now + patience(head, place)),
            };
            if let Some(until) = until {
                return Turn::At(until, Wait::Queue);
            }
        }
        match self.able(lane, limit, now) {
            Turn::Now => {}
            later => return later,
        }
        // Keys take turns in order of arrival where the tenant's limit is what they wait for.
        for other in (0..self.lanes.len()).filter(|other| *other != lane) {
            while let Some((head, head_limit)) = self.lanes[other].head_before(place) {
                if self.key_turn(other, head_limit, now) != Turn::Now {
                    break;
                }
                if let Some(until) = self.bear_with(other, head, place, now) {
                    return Turn::At(until, Wait::Queue);
                }
            }
        }
        Turn::Now
    }

    /// When `place` is to look again whether a head that can go has gone. One that has had its time is passed over, and all that
    /// wait behind it are woken: those whose tasks ask are the next, and the time of the others runs from now.
    fn bear_with(&mut self, lane: usize, head: u64, place: u64, now: Instant) -> Option<Instant> {
        let queue = &mut self.lanes[lane].queue;
        let waiting = queue.get_mut(&head)?;
        let since = *waiting.able_since.get_or_insert(now);
        if now < since + PATIENCE {
            return Some(since + patience(head, place));
        }
        waiting.passed_over = true;
        for waiting in queue.values_mut().filter(|waiting| waiting.able_since.is_none()) {
            waiting.able_since = Some(now);
            self.stirred.push(waiting.waker());
        }
        None
    }

    /// Whether the limits of key and tenant let a request go.
    fn able(&mut self, lane: usize, limit: RateLimit, now: Instant) -> Turn {
        match self.key_turn(lane, limit, now) {
            Turn::Now => ready(&mut self.window, limit.tenant, now, Wait::Tenant),
            later => later,
        }
    }

    fn key_turn(&mut self, lane: usize, limit: RateLimit, now: Instant) -> Turn {
        let lane = &mut self.lanes[lane];
        if let Some(until) = lane.gate.closed_until(now) {
            return Turn::At(until, Wait::Closed);
        }
        let limit = lane.limit(limit);
        ready(&mut lane.window, limit, now, Wait::Key)
    }

    pub(crate) fn take(&mut self, lane: usize, limit: RateLimit, waited: bool, now: Instant) -> Grant {
        if limit.is_counted() {
            let own = &mut self.lanes[lane];
            own.window.take(own.limit(limit), now);
            self.window.take(limit.tenant, now);
        }
        Grant { lane, limit, at: now, waited }
    }

    /// The request is about to leave (middleware may send it again), unless the way has been closed since leave was given.
    pub(crate) fn depart(&mut self, grant: Grant, earlier: Option<Departure>, now: Instant) -> Option<Departure> {
        if self.lanes[grant.lane].gate.closed_until(now).is_some() {
            return None;
        }
        let counted_until = self.trips.unanswered(now);
        self.settle(grant, earlier, counted_until);
        Some(Departure { at: now, counted_until })
    }

    /// It will not be answered.
    pub(crate) fn abandon(&mut self, grant: Grant, departure: Option<Departure>, now: Instant) {
        if departure.is_some() {
            self.settle(grant, departure, Trips::abandoned(now));
        } else if grant.limit.is_counted() {
            self.lanes[grant.lane].window.give_back();
            self.window.give_back();
        }
    }

    /// The earliest instant at which a call that joins the queue now can be sent.
    pub(crate) fn earliest(&mut self, lane: usize, limit: RateLimit, now: Instant) -> Instant {
        let lane = &mut self.lanes[lane];
        let limit = lane.limit(limit);
        let windows = lane.queue.len() / usize::try_from(limit).unwrap_or(usize::MAX).max(1);
        lane.window.ready_at(limit, now).unwrap_or(now) + WINDOW * u32::try_from(windows).unwrap_or(u32::MAX)
    }

    pub(crate) fn settle(&mut self, grant: Grant, departure: Option<Departure>, free_at: Instant) {
        if grant.limit.is_counted() {
            let known = departure.map(|departure| departure.counted_until);
            self.lanes[grant.lane].window.settle(known, free_at);
            self.window.settle(known, free_at);
        }
    }

    pub(crate) fn answered(&mut self, grant: Grant, departure: Option<Departure>, answer: Answer, now: Instant) {
        if answer.is_refusal {
            self.trips.refused();
        }
        let departed = departure.map_or(now, |departure| departure.at);
        let free_at = self.trips.answered(departed, now, grant.waited);
        self.settle(grant, departure, free_at);
        let lane = &mut self.lanes[grant.lane];
        if answer.is_refusal {
            lane.gate.refuse(departed, now, answer.retry_after);
        } else {
            lane.gate.admit(departed);
        }
        if answer.headers.limit.is_some() {
            lane.server_limit = answer.headers.limit;
        }
        if answer.headers.remaining == Some(0) {
            self.hold(grant, answer.headers, now);
        }
    }

    /// Nothing remains until `Reset`. Where this process has used up the limit that is meant, be it the key's or the
    /// tenant's, its own exact count already holds the next request.
    pub(crate) fn hold(&mut self, grant: Grant, headers: RateLimitHeaders, now: Instant) {
        let lane = &mut self.lanes[grant.lane];
        let meant =
            if headers.limit.is_some_and(|limit| limit > grant.limit.key) { &self.window } else { &lane.window };
        let reset = headers.reset.unwrap_or(WINDOW);
        if reset > WINDOW || !meant.was_full(grant.at) {
            lane.gate.close(now, reset);
        }
    }

    pub(crate) fn heads(&self) -> Vec<Waker> {
        self.lanes.iter().filter_map(Lane::head).map(|(_, waiting)| waiting.waker()).collect()
    }
}

/// How long `place` bears with a head before it: those close behind look first, so that not all of a long queue do.
fn patience(head: u64, place: u64) -> Duration {
    PATIENCE * u32::try_from(place - head).unwrap_or(u32::MAX).min(8)
}

/// So long at the most sleeps a caller that is first and waits for others to leave.
pub(crate) const LOOK: Duration = Duration::from_secs(2);

fn ready(window: &mut Window, limit: u32, now: Instant, wait: Wait) -> Turn {
    match window.ready_at(limit, now) {
        Some(ready) if ready <= now => Turn::Now,
        Some(ready) => Turn::At(ready, wait),
        None => Turn::Behind(wait),
    }
}

/// What kept a call waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// A `429`, or `RateLimit-Remaining: 0`.
    Closed,
    /// The key's requests of the last second.
    Key,
    /// The tenant's requests of the last second.
    Tenant,
    /// Calls that came earlier.
    Queue,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promise_9_a_head_that_does_not_go_is_passed_over_until_its_task_asks_again() {
        let (mut state, limit, start) = (State::default(), RateLimit::default(), Instant::now());
        let lane = state.lane("key");
        state.lanes[lane].queue.insert(1, Waiting::new(limit, Waker::noop().clone()));
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!(state.turn(lane, 2, limit, at(0)), Turn::At(at(250), Wait::Queue));
        assert_eq!(state.turn(lane, 2, limit, at(249)), Turn::At(at(250), Wait::Queue));
        assert_eq!(state.turn(lane, 2, limit, at(250)), Turn::Now);
        assert_eq!(state.turn(lane, 1, limit, at(250)), Turn::Now, "it may still go");
        state.lanes[lane].queue.get_mut(&1).unwrap().renew(Waker::noop());
        assert_eq!(state.turn(lane, 2, limit, at(250)), Turn::At(at(500), Wait::Queue));
    }

    #[test]
    fn promise_9_behind_a_head_that_waits_for_others_to_leave_one_looks_again() {
        let (mut state, limit, now) = (State::default(), RateLimit::per_second(1), Instant::now());
        let lane = state.lane("key");
        state.take(lane, limit, false, now);
        state.lanes[lane].queue.insert(1, Waiting::new(limit, Waker::noop().clone()));
        assert_eq!(state.turn(lane, 1, limit, now), Turn::Behind(Wait::Key));
        assert_eq!(state.turn(lane, 2, limit, now), Turn::At(now + PATIENCE, Wait::Queue));
    }

    #[test]
    fn promise_9_those_close_behind_look_first() {
        let ms = |place| patience(5, place).as_millis();
        assert_eq!([6, 7, 13, 14, 500].map(ms), [250, 500, 2000, 2000, 2000]);
    }
}
