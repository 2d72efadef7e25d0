//! Whose turn it is to send to a tenant: plain decisions on moments, apart from where their state lives.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use crate::rate_limit::config::RateLimit;
use crate::rate_limit::moment::Moment;
use crate::rate_limit::tally::{Lane, Tally};
use crate::rate_limit::window::{WINDOW, Window};

/// Who waits to send to a tenant.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    pub(crate) all: Vec<Queue>,
    /// Whom to wake, since the head before them has been passed over.
    pub(crate) stirred: Vec<Waker>,
}

/// Who waits with one key, by place.
#[derive(Debug)]
pub(crate) struct Queue {
    key_id: String,
    pub(crate) lane: Arc<Lane>,
    pub(crate) waiting: BTreeMap<u64, Waiting>,
}

/// So long may the first in a queue be able to go and not go. Then its task is busy with something else, perhaps with the very
/// call that waits behind it, and that one goes first.
const PATIENCE: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(crate) struct Waiting {
    limit: RateLimit,
    waker: Waker,
    /// Since when it is known that it could go.
    able_since: Option<Moment>,
    passed_over: bool,
}

impl Waiting {
    pub(crate) fn new(limit: RateLimit, waker: Waker) -> Self {
        Self { limit, waker, able_since: None, passed_over: false }
    }

    /// Its task has not asked yet.
    pub(crate) fn unasked(limit: RateLimit) -> Self {
        Self::new(limit, Waker::noop().clone())
    }

    /// Its task asks again.
    pub(crate) fn renew(&mut self, limit: RateLimit, waker: &Waker) {
        self.limit = limit;
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
    At(Moment, Wait),
    /// Somebody else will wake it.
    Behind(Wait),
}

impl Queue {
    /// The first that has not been passed over.
    pub(crate) fn head(&self) -> Option<(u64, &Waiting)> {
        self.waiting.iter().map(|(place, waiting)| (*place, waiting)).find(|(_, waiting)| !waiting.passed_over)
    }

    fn head_before(&self, place: u64) -> Option<(u64, RateLimit)> {
        self.head().map(|(head, waiting)| (head, waiting.limit)).filter(|(head, _)| *head < place)
    }
}

impl Queues {
    pub(crate) fn lane(&mut self, key_id: &str) -> Arc<Lane> {
        let known = self.all.iter().position(|queue| queue.key_id == key_id);
        let index = known.unwrap_or_else(|| {
            let lane = Arc::new(Lane::new(self.all.len()));
            self.all.push(Queue { key_id: key_id.to_owned(), lane, waiting: BTreeMap::new() });
            self.all.len() - 1
        });
        self.all[index].lane.clone()
    }

    pub(crate) fn of(&mut self, lane: &Lane) -> &mut BTreeMap<u64, Waiting> {
        &mut self.all[lane.index].waiting
    }

    pub(crate) fn anyone_waits(&self) -> bool {
        self.all.iter().any(|queue| !queue.waiting.is_empty())
    }

    /// Whether it is the turn of `place`.
    pub(crate) fn turn(&mut self, tally: &Tally, lane: &Lane, place: u64, limit: RateLimit, now: Moment) -> Turn {
        while let Some((head, head_limit)) = self.all[lane.index].head_before(place) {
            let until = match able(tally, lane, head_limit, now) {
                Turn::Now => self.bear_with(lane.index, head, place, now),
                Turn::At(at, _) => Some(at + patience(head, place)),
                Turn::Behind(_) => Some(now + patience(head, place)),
            };
            if let Some(until) = until {
                return Turn::At(until, Wait::Queue);
            }
        }
        match able(tally, lane, limit, now) {
            Turn::Now => {}
            later => return later,
        }
        // Keys take turns in order of arrival where the tenant's limit is what they wait for.
        for other in (0..self.all.len()).filter(|other| *other != lane.index) {
            while let Some((head, head_limit)) = self.all[other].head_before(place) {
                if key_turn(&self.all[other].lane, head_limit, now) != Turn::Now {
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
    fn bear_with(&mut self, queue: usize, head: u64, place: u64, now: Moment) -> Option<Moment> {
        let queue = &mut self.all[queue].waiting;
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

    /// The earliest moment at which a call that joins the queue now can be sent.
    pub(crate) fn earliest(&self, lane: &Lane, limit: RateLimit, now: Moment) -> Moment {
        let limit = lane.limit(limit);
        let before = self.all[lane.index].waiting.len();
        let windows = before / usize::try_from(limit).unwrap_or(usize::MAX).max(1);
        lane.window.ready_at(limit, now).unwrap_or(now) + WINDOW * u32::try_from(windows).unwrap_or(u32::MAX)
    }

    pub(crate) fn heads(&self) -> Vec<Waker> {
        self.all.iter().filter_map(Queue::head).map(|(_, waiting)| waiting.waker()).collect()
    }
}

/// Whether the limits of key and tenant let a request go.
fn able(tally: &Tally, lane: &Lane, limit: RateLimit, now: Moment) -> Turn {
    match key_turn(lane, limit, now) {
        Turn::Now => ready(&tally.window, limit.tenant, now, Wait::Tenant),
        later => later,
    }
}

fn key_turn(lane: &Lane, limit: RateLimit, now: Moment) -> Turn {
    match lane.gate.closed_until(now) {
        Some(until) => Turn::At(until, Wait::Closed),
        None => ready(&lane.window, lane.limit(limit), now, Wait::Key),
    }
}

fn ready(window: &Window, limit: u32, now: Moment, wait: Wait) -> Turn {
    match window.ready_at(limit, now) {
        Some(ready) if ready <= now => Turn::Now,
        Some(ready) => Turn::At(ready, wait),
        None => Turn::Behind(wait),
    }
}

/// How long `place` bears with a head before it: those close behind look first, so that not all of a long queue do.
fn patience(head: u64, place: u64) -> Duration {
    PATIENCE * u32::try_from(place - head).unwrap_or(u32::MAX).min(8)
}

/// So long at the most sleeps a caller that is first and waits for others to leave.
pub(crate) const LOOK: Duration = Duration::from_secs(2);

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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::START + Duration::from_millis(1 + millis)
    }

    /// A queue with one call in it, at place 1.
    fn one_waits(limit: RateLimit) -> (Queues, Arc<Lane>) {
        let mut queues = Queues::default();
        let lane = queues.lane("key");
        queues.of(&lane).insert(1, Waiting::unasked(limit));
        (queues, lane)
    }

    #[test]
    fn promise_9_a_head_that_does_not_go_is_passed_over_until_its_task_asks_again() {
        let (tally, limit) = (Tally::default(), RateLimit::default());
        let (mut queues, lane) = one_waits(limit);
        let turn = |queues: &mut Queues, place, millis| queues.turn(&tally, &lane, place, limit, at(millis));
        assert_eq!(turn(&mut queues, 2, 0), Turn::At(at(250), Wait::Queue));
        assert_eq!(turn(&mut queues, 2, 249), Turn::At(at(250), Wait::Queue));
        assert_eq!(turn(&mut queues, 2, 250), Turn::Now);
        assert_eq!(turn(&mut queues, 1, 250), Turn::Now, "it may still go");
        queues.of(&lane).get_mut(&1).unwrap().renew(limit, Waker::noop());
        assert_eq!(turn(&mut queues, 2, 250), Turn::At(at(500), Wait::Queue));
    }

    #[test]
    fn promise_9_behind_a_head_that_waits_for_others_to_leave_one_looks_again() {
        let (tally, limit) = (Tally::default(), RateLimit::per_second(1));
        let (mut queues, lane) = one_waits(limit);
        tally.take(&lane, limit, false, at(0)).unwrap();
        assert_eq!(queues.turn(&tally, &lane, 1, limit, at(0)), Turn::Behind(Wait::Key));
        assert_eq!(queues.turn(&tally, &lane, 2, limit, at(0)), Turn::At(at(0) + PATIENCE, Wait::Queue));
    }

    #[test]
    fn promise_9_those_close_behind_look_first() {
        let ms = |place| patience(5, place).as_millis();
        assert_eq!([6, 7, 13, 14, 500].map(ms), [250, 500, 2000, 2000, 2000]);
    }
}
