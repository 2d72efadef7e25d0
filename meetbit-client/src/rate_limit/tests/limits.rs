//! What a `RateLimit` says.

use super::*;
use crate::rate_limit::moment::SECOND as S;
use crate::rate_limit::queue::PATIENCE;
use crate::rate_limit::state::WaitReason;

#[test]
fn promise_9_limits_are_at_least_one_and_the_tenants_is_twice_the_keys() {
    assert_eq!(RateLimit::default(), RateLimit::per_second(5).tenant(10));
    assert_eq!(RateLimit::per_second(0), RateLimit::per_second(1));
    assert_eq!(RateLimit::per_second(1).tenant(0), RateLimit::per_second(1).tenant(1));
    let largest = RateLimit::per_second(u32::MAX);
    assert!(largest.is_counted() && largest.tenant(u32::MAX).is_counted() && !RateLimit::unlimited().is_counted());
    assert_eq!(RateLimit::every(SECOND), RateLimit::per_second(1));
    assert_eq!((RateLimit::every(Duration::ZERO).period, RateLimit::every(10 * SECOND).period), (1, 10 * S));
}

#[test]
fn promise_9_a_share_is_never_more_than_its_part() {
    let limit = RateLimit::per_second(10).tenant(20);
    assert_eq!(limit.shared_by(4), RateLimit::per_second(2).tenant(5));
    assert_eq!(limit.shared_by(0), limit);
    assert_eq!(limit.shared_by(1), limit);
    assert_eq!(limit.shared_by(10), RateLimit::per_second(1).tenant(2));
    let slower = limit.shared_by(11);
    assert_eq!((slower.key, slower.tenant, slower.period), (1, 1, 2 * S));
    assert_eq!(RateLimit::every(3 * SECOND).shared_by(4).period, 12 * S);
    assert_eq!(RateLimit::unlimited().shared_by(7), RateLimit::unlimited());
    assert_eq!(RateLimit::every(Duration::MAX).shared_by(u32::MAX), RateLimit::every(Duration::MAX).tenant(1));
}

#[test]
fn promise_9_a_limit_below_one_a_second_holds_for_its_period() {
    let (mut store, limit) = (Store::default(), RateLimit::every(10 * SECOND));
    store.send("key", limit, Feedback::default());
    let (ticket, _) = store.wait("key", None, limit);
    store.now += 10 * S + 5_000 - 1;
    assert_eq!(store.wait("key", Some(ticket), limit).1, 1);
    store.now += 1;
    store.go("key", Some(ticket), limit);
}

#[test]
fn promise_9_two_clients_of_a_key_can_have_different_limits() {
    let (fast, slow) = (RateLimit::per_second(5).tenant(99), RateLimit::per_second(1).tenant(99));
    let mut store = Store::default();
    (0..5).for_each(|_| store.send("key", fast, Feedback::default()));
    let tickets: Vec<u64> = (0..10).map(|_| store.wait("key", None, fast).0).collect();
    // By its own limit it would be ten seconds; the calls before it take two.
    let verdict = store.ask_within("key", None, slow, 4 * S);
    assert!(matches!(verdict, Verdict::Wait { wait, .. } if wait < 4 * S), "{verdict:?}");
    assert_eq!(store.waiting("key"), 11);
    for tickets in tickets.chunks(5) {
        store.now += S + 5_000;
        for ticket in tickets {
            let id = store.go("key", Some(*ticket), fast);
            assert!(store.depart("key", id, fast));
            store.answer("key", id, fast, Feedback::default());
        }
    }
    store.now += S + 5_000;
    store.go("key", None, slow);
}

#[test]
fn promise_9_a_slow_clients_period_does_not_delay_those_who_wait_before_it() {
    let (fast, slow) = (RateLimit::per_second(5), RateLimit::every(60 * SECOND));
    let mut store = Store::default();
    (0..5).for_each(|_| store.send("key", fast, Feedback::default()));
    for _ in 0..10 {
        store.wait("key", None, fast);
    }
    let verdict = store.ask_within("key", None, slow, 4 * S);
    assert!(matches!(verdict, Verdict::Wait { wait, .. } if wait < 4 * S), "{verdict:?}");
    assert_eq!(store.waiting("key"), 11);
}

#[test]
fn promise_10_a_call_behind_one_with_a_larger_limit_does_not_ask_all_the_time() {
    let (fast, slow) = (RateLimit::per_second(9), RateLimit::per_second(2));
    let mut store = Store::default();
    store.send("key", fast, refusal(1));
    let tickets = [fast, slow].map(|limit| match store.ask("key", None, limit) {
        Verdict::Closed { ticket, .. } => ticket,
        verdict => panic!("{verdict:?}"),
    });
    store.now += S;
    assert_eq!(store.wait("key", Some(tickets[1]), slow).1, PATIENCE, "one place is free, for the call before it");
    store.go("key", Some(tickets[0]), fast);
}

#[test]
fn promise_9_a_call_that_waits_for_both_limits_waits_for_its_key() {
    let (mut store, limit) = (Store::default(), RateLimit::per_second(1).tenant(1));
    store.send("key", limit, Feedback::default());
    assert!(matches!(store.ask("key", None, limit), Verdict::Wait { reason: WaitReason::Key, .. }));
    assert!(matches!(store.ask("other", None, limit), Verdict::Wait { reason: WaitReason::Tenant, .. }));
}
