//! What counts, and until when.

use super::*;
use crate::rate_limit::moment::{SECOND as S, TICK};
use crate::rate_limit::state::{LOOK, WaitReason};
use crate::rate_limit::window::HOLD;
use crate::rate_limit::window::{Slot, Window};

const MS: Moment = S / 1000;

/// A window of requests that were answered, each of which counts until its moment.
fn ending_at(ends: &[Moment]) -> Window {
    let mut window = Window::default();
    for (id, end) in (1..).zip(ends) {
        window.set(Slot::held(id, 0, *end).answered(0));
    }
    window
}

#[test]
fn promise_9_a_window_admits_its_limit_and_no_more() {
    let mut window = ending_at(&[1001, 1011, 1021, 1031, 1041]);
    let free_at = |window: &Window, limit, now| window.free_at(limit, limit, 0, now, S);
    assert_eq!(free_at(&window, 5, 1), Some(1001));
    assert_eq!(free_at(&window, 3, 1), Some(1021));
    assert_eq!(free_at(&window, 1, 1), Some(1041));
    assert_eq!(free_at(&window, 6, 1), None);
    window.expire(1000);
    let end = |window: &Window, id| window.get(id).map(|slot| slot.end);
    assert_eq!((window.len(), end(&window, 1), end(&window, 5)), (5, Some(1001), Some(1041)));
    window.expire(1001);
    assert_eq!((window.len(), window.get(1)), (4, None));
    assert_eq!(free_at(&window, 5, 1001), None);
    assert_eq!(free_at(&window, 4, 1001), Some(1011));
    window.expire(1041);
    assert_eq!((window.len(), window.get(5)), (0, None));
}

#[test]
fn promise_9_those_before_a_call_take_the_places_that_become_free_first() {
    let window = ending_at(&[100, 200, 300]);
    let free_at = |most, ahead| window.free_at(3, most, ahead, 0, S);
    let row = [0, 1, 2, 3, 4, 8, 9].map(|ahead| free_at(3, ahead));
    assert_eq!(row, [100, 200, 300, 100 + S, 200 + S, 300 + 2 * S, 100 + 3 * S].map(Some));
    // Two of those before it go now, because their limit is larger; after that each end frees a place.
    assert_eq!([1, 2, 3].map(|ahead| free_at(5, ahead)), [100, 100, 200].map(Some));
    assert_eq!([5, 6, 7].map(|ahead| free_at(5, ahead)), [S, S, 100 + S].map(Some));
    assert_eq!(window.free_at(2, 5, 0, 0, S), Some(200), "its own limit is smaller");
    assert_eq!(window.free_at(4, 4, 1, 7, S), Some(100));
    assert_eq!([3, 4, 5].map(|ahead| window.free_at(4, 4, ahead, 7, S)), [300, 7 + S, 100 + S].map(Some));
    assert_eq!(window.free_at(4, 9, 1, 7, S), Some(7), "only because of those before it");
    assert_eq!(window.free_at(3, usize::MAX, usize::MAX - 4, 7, S), Some(100));
    assert_eq!(window.free_at(1, 1, usize::MAX, 7, Moment::MAX / 2), Some(Moment::MAX));
    assert_eq!(ending_at(&[9 * S]).free_at(1, 1, 2, 0, S), Some(9 * S));
    assert_eq!(ending_at(&[9 * S]).free_at(2, 2, 1, 0, S), Some(S), "a request that is sent now ends earlier");
}

#[test]
fn promise_9_a_smaller_limit_holds_at_once() {
    let (mut store, limit) = (Store::default(), RateLimit::default());
    for _ in 0..5 {
        store.send("key", limit, Feedback::default());
        store.now += MS;
    }
    store.now = S + 5 * MS; // the first has ended
    let (ticket, wait) = store.wait("key", None, RateLimit::per_second(3));
    assert_eq!(wait, 2 * MS, "until the third ends");
    store.now += wait;
    assert_eq!(store.in_use("key"), 2);
    store.go("key", Some(ticket), RateLimit::per_second(3));
    store.wait("key", None, RateLimit::per_second(3));
}

#[test]
fn promise_9_a_request_counts_from_its_grant_until_a_period_after_its_answer() {
    let limit = RateLimit::per_second(1);
    let steps = [(0, 0), (0, 300), (400, 0), (400, 300), (999, 999)];
    for (connect, answer) in steps {
        let mut store = Store::default();
        let id = store.go("key", None, limit);
        store.now += connect * MS;
        assert_eq!(store.in_use("key"), 1);
        assert!(store.depart("key", id, limit));
        store.now += answer * MS;
        store.answer("key", id, limit, Feedback::default());
        store.now += S + 5 * MS - 1;
        assert_eq!(store.in_use("key"), 1);
        store.now += 1;
        assert_eq!(store.in_use("key"), 0);
    }
}

#[test]
fn promise_9_an_unanswered_request_counts_for_two_seconds() {
    for (limit, counts) in [(RateLimit::per_second(1), 2 * S), (RateLimit::every(10 * SECOND), 11 * S)] {
        let mut store = Store::default();
        let id = store.go("key", None, limit);
        store.now += 999 * MS;
        assert!(store.depart("key", id, limit));
        assert!(store.depart("key", id, limit), "asked twice");
        store.now += MS;
        assert!(store.depart("key", id, limit));
        store.state.tell(store.now, "key", limit, &Report::Released { id });
        store.now = 999 * MS + counts - 1;
        assert_eq!(store.in_use("key"), 1);
        store.now += 1;
        assert_eq!(store.in_use("key"), 0);
        store.answer("key", id, limit, Feedback::default());
        assert_eq!(store.in_use("key"), 0, "it had arrived long before");
    }
}

#[test]
fn promise_9_a_request_that_has_not_left_keeps_its_place_as_long_as_it_is_renewed() {
    let (mut store, limit) = (Store::default(), RateLimit::per_second(1));
    let id = store.go("key", None, limit);
    for _ in 0..9 {
        store.now += HOLD - 1;
        assert!(store.state.renew(store.now, "key", id));
        store.wait("key", None, limit);
    }
    store.now += HOLD - 1;
    assert!(store.depart("key", id, limit));
    assert!(store.state.renew(store.now, "key", id), "it has departed");
    store.now += HOLD;
    assert_eq!(store.in_use("key"), 1);
    let mut store = Store::default();
    let id = store.go("key", None, limit);
    store.now += HOLD;
    assert!(!store.state.renew(store.now, "key", id) && !store.depart("key", id, limit));
    let other = store.go("key", None, limit);
    store.state.tell(store.now, "key", limit, &Report::Released { id });
    assert_eq!(store.in_use("key"), 1, "the other one counts");
    store.state.tell(store.now, "key", limit, &Report::Released { id: other });
    store.state.tell(store.now, "key", limit, &Report::Released { id: other });
    assert_eq!(store.in_use("key"), 0);
    store.go("key", None, limit);
}

#[test]
fn promise_9_what_the_tenant_refuses_is_not_counted_with_the_key() {
    let (mut store, limit) = (Store::default(), RateLimit::per_second(2).tenant(3));
    store.go("a", None, limit);
    store.go("a", None, limit);
    store.wait("a", None, limit);
    store.go("b", None, limit);
    let verdict = store.ask("b", None, limit);
    assert!(matches!(verdict, Verdict::Wait { reason: WaitReason::Tenant, .. }));
    assert_eq!((store.in_use("a"), store.in_use("b")), (2, 1));
}

#[test]
fn promise_9_asking_twice_with_one_id_takes_one_permit() {
    let (mut store, limit) = (Store::default(), RateLimit::per_second(2));
    let id = store.go("key", None, limit);
    let again = Ask { key: "key", id, again: true, ticket: None, limit, within: Moment::MAX };
    store.now += HOLD - 1;
    assert!(matches!(store.state.ask(store.now, &again), Verdict::Go { ticket: 1 }), "a ticket of its own");
    assert_eq!(store.in_use("key"), 1);
    store.now += HOLD - 1;
    assert!(store.depart("key", id, limit), "it was renewed");
    store.now += 3 * S;
    assert!(matches!(store.state.ask(store.now, &again), Verdict::Go { ticket: 2 }), "a new one");
    assert_eq!(store.in_use("key"), 1);
    store.answer("key", id, limit, Feedback::default());
    store.answer("key", id, limit, Feedback::default());
    assert_eq!(store.in_use("key"), 1);
}

#[test]
fn promise_10_a_stated_round_trip_is_given_back() {
    let limit = RateLimit::per_second(1).min_round_trip(Duration::from_millis(105));
    let mut store = Store::default();
    let id = store.go("key", None, limit);
    assert!(store.depart("key", id, limit));
    store.now += 150 * MS;
    store.answer("key", id, limit, Feedback::default());
    store.now += 900 * MS - 1;
    assert_eq!(store.in_use("key"), 1);
    store.now += 1;
    assert_eq!(store.in_use("key"), 0);
}

#[test]
fn promise_10_a_round_trip_of_more_than_a_period_makes_nobody_ask_all_the_time() {
    let limit = RateLimit::every(SECOND / 10).min_round_trip(SECOND / 5).tenant(1);
    let mut store = Store::default();
    let id = store.go("key", None, limit);
    assert!(store.depart("key", id, limit));
    let (ticket, wait) = store.wait("key", None, limit);
    assert_eq!(wait, TICK);
    store.now += 250 * MS;
    assert_eq!(store.wait("key", Some(ticket), limit).1, TICK, "the answer can come at any time");
    store.answer("key", id, limit, Feedback::default());
    store.go("key", Some(ticket), limit);
}

#[test]
fn promise_10_nobody_is_told_a_moment_after_the_true_one() {
    let (mut store, limit) = (Store::default(), RateLimit::per_second(2));
    let id = store.go("key", None, limit);
    assert_eq!(store.depart("key", id, limit), store.depart("key", id, limit));
    store.go("key", None, limit);
    let (ticket, wait) = store.wait("key", None, limit);
    assert_eq!(wait, S.min(LOOK), "the second may not depart at all");
    store.now += wait;
    store.go("key", Some(ticket), limit);
}

#[test]
fn promise_9_moments_never_wrap() {
    use crate::rate_limit::moment::{after, span};
    assert_eq!((span(Duration::from_nanos(1_999)), span(Duration::MAX)), (1, Moment::MAX));
    let start = Instant::now();
    assert_eq!(after(start, SECOND), start + SECOND);
    assert!(after(start, Duration::MAX) > start + Duration::from_secs(3_000_000_000));
    let forever = RateLimit::every(Duration::MAX).shared_by(u32::MAX).min_round_trip(Duration::MAX);
    let mut store = Store { now: Moment::MAX / 2, ..Store::default() };
    let id = store.go("key", None, forever);
    assert!(store.depart("key", id, forever));
    store.wait("key", None, forever);
    store.answer("key", id, forever, headers(0, 0, u64::MAX));
}
