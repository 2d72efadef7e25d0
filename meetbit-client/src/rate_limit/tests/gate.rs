//! `429`, `Retry-After` and the `RateLimit-*` headers.

use tokio::time::advance;

use super::*;
use crate::rate_limit::gate::{Gate, WARNING};
use crate::rate_limit::moment::{HOUR, MINUTE, SECOND as S};

#[test]
fn promise_8_a_wait_is_never_shortened() {
    let (mut gate, start) = (Gate::default(), 7 * S);
    gate.on_429(start, start, Some(10 * SECOND));
    gate.on_429(start, start + S, Some(2 * SECOND));
    assert_eq!(gate.closed_until(start + 9 * S), Some(start + 10 * S));
    assert_eq!(gate.closed_until(start + 10 * S - 1), Some(start + 10 * S));
    assert_eq!(gate.closed_until(start + 10 * S), None);
    gate.on_429(start, start + S, Some(60 * SECOND));
    assert_eq!(gate.closed_until(start + 10 * S), Some(start + 61 * S));
    gate.hold(start + 2 * S, S, S);
    gate.on_other(start + 62 * S);
    assert_eq!(gate.closed_until(start + 10 * S), Some(start + 61 * S));
    gate.on_429(start + 62 * S, start + 62 * S, Some(Duration::MAX));
    assert_eq!(gate.closed_until(start + 1_000_000_000 * S), Some(u64::MAX));
    assert_eq!(gate.refusals(start + 1_000_000_000 * S), 1, "they cannot lapse before it opens");
    gate.on_429(u64::MAX - 1, u64::MAX - 1, None);
}

#[test]
fn promise_8_without_a_readable_value_the_wait_grows_with_each_refusal() {
    let (mut gate, mut now) = (Gate::default(), S);
    for expected in [1, 2, 4, 8, 16, 32, 64, 64] {
        gate.on_429(now, now, None);
        assert_eq!(gate.closed_until(now), Some(now + expected * S));
        now += expected * S;
    }
}

#[test]
fn promise_8_refusals_directly_after_full_waits_are_a_warning() {
    let (mut gate, start) = (Gate::default(), S);
    for _ in 0..5 {
        gate.on_429(start, start, Some(SECOND));
    }
    assert_eq!(gate.refusals(start), 1, "requests under way count once");
    gate.on_429(start + S, start + S, Some(SECOND));
    gate.on_other(start);
    gate.on_429(start + 2 * S, start + 2 * S, Some(SECOND));
    assert_eq!(gate.refusals(start + 2 * S), WARNING);
    gate.on_other(start + 3 * S);
    assert_eq!(gate.refusals(start + 3 * S), 0);
}

#[test]
fn promise_8_refusals_lapse_an_hour_after_the_gate_has_opened() {
    let mut gate = Gate::default();
    gate.on_429(S, S, Some(10 * SECOND));
    let lapse = 11 * S + HOUR;
    assert_eq!((gate.refusals(lapse - 1), gate.refusals(lapse)), (1, 0));
    assert_eq!(gate.matters_until(), lapse);
    gate.on_429(lapse, lapse, None);
    assert_eq!((gate.refusals(lapse), gate.closed_until(lapse)), (1, Some(lapse + S)), "it starts anew");
    gate.on_other(lapse + S);
    assert_eq!(gate.matters_until(), lapse + S);
}

#[test]
fn promise_8_a_request_that_was_on_the_wire_when_the_headers_closed_the_gate_can_still_be_refused() {
    let mut gate = Gate::default();
    gate.hold(2 * S, 30 * S, S);
    gate.on_429(S, 3 * S, Some(SECOND));
    assert_eq!((gate.refusals(3 * S), gate.closed_until(3 * S)), (1, Some(32 * S)));
    gate.on_429(S, 3 * S, Some(SECOND));
    assert_eq!(gate.refusals(3 * S), 1, "with the other ones of its burst");
}

#[test]
fn promise_9_a_reset_is_believed_up_to_a_minute() {
    for (reset, expected) in [(0, None), (1, Some(1)), (MINUTE, Some(MINUTE)), (MINUTE + 1, Some(3 * S))] {
        let mut gate = Gate::default();
        gate.hold(S, reset, 3 * S);
        assert_eq!(gate.closed_until(S).map(|open_at| open_at - S), expected, "{reset}");
        assert_eq!((gate.refusals(S), gate.matters_until()), (0, S + expected.unwrap_or(0)));
    }
}

#[test]
fn promise_8_nothing_goes_while_the_gate_is_closed_and_a_held_permit_neither() {
    let (mut store, limit) = (Store { now: S, ..Store::default() }, RateLimit::default());
    let [first, second] = [store.go("key", None, limit), store.go("key", None, limit)];
    assert!(store.depart("key", first, limit));
    store.answer("key", first, limit, refusal(10));
    let closed = Verdict::Closed { wait: 10 * S, refusals: 1, ticket: 2 };
    assert_eq!(store.ask("key", None, limit), closed);
    assert!(!store.depart("key", second, limit));
    let again = Ask { key: "key", id: second, again: true, ticket: Some(1), limit, within: Moment::MAX };
    assert!(matches!(store.state.ask(store.now, &again), Verdict::Closed { ticket: 1, .. }), "a lost `Go` is none now");
    store.now += 10 * S - 1;
    assert!(matches!(store.ask("key", None, limit), Verdict::Closed { wait: 1, .. }));
    assert!(matches!(store.ask("other key", None, limit), Verdict::Go { .. }));
    store.now += 1;
    store.go("key", Some(2), limit);
}

#[test]
fn promise_8_who_cannot_wait_for_the_gate_is_not_queued() {
    let (mut store, limit) = (Store::default(), RateLimit::default());
    store.send("key", limit, refusal(10));
    for (within, queued) in [(10 * S, 0), (10 * S + 1, 1)] {
        assert!(matches!(store.ask_within("key", None, limit, within), Verdict::Closed { wait: 10_000_000, .. }));
        assert_eq!(store.waiting("key"), queued);
    }
    assert_eq!(store.ask("key", None, limit.queue(1)), Verdict::Full);
}

#[test]
fn promise_9_a_server_that_allows_less_is_obeyed_for_a_minute() {
    let limit = RateLimit::default();
    for (stated, expected) in [(u32::MAX, 5), (0, 1), (3, 3), (5, 5), (10, 5)] {
        let mut store = Store::default();
        let limit_now = |store: &mut Store| store.state.status(store.now, "key", limit).limit;
        assert_eq!(limit_now(&mut store), 5);
        store.send("key", limit, headers(stated, 1, 1));
        assert_eq!(limit_now(&mut store), expected);
        (1..expected).for_each(|_| store.send("key", limit, Feedback::default()));
        store.wait("key", None, limit);
        store.now += MINUTE - 1;
        assert_eq!(limit_now(&mut store), expected);
        store.now += 1;
        assert_eq!(limit_now(&mut store), 5, "it was said too long ago");
    }
}

#[test]
fn promise_9_the_last_statement_of_the_server_counts() {
    let (mut store, limit) = (Store::default(), RateLimit::default());
    store.send("key", limit, headers(2, 1, 1));
    store.send("key", limit, headers(4, 1, 1));
    assert_eq!(store.state.status(store.now, "key", limit).limit, 4);
    store.send("key", limit, Feedback { is_429: true, ..headers(3, 0, 40) });
    let status = store.state.status(store.now, "key", limit);
    assert_eq!((status.limit, status.closed_for), (3, Some(SECOND)), "of a `429` only `Retry-After` closes the gate");
}

/// The same as above, but others use the key or the tenant.
#[tokio::test(start_paused = true)]
async fn promise_9_headers_ask_for_less() {
    let (limiter, limit, start) = (limiter("headers"), RateLimit::default(), Instant::now());
    send(&limiter, limit, headers(3, 2, 1)).await;
    assert_eq!((limiter.status(limit).limit, start.elapsed()), (3, Duration::ZERO));
    send(&limiter, limit, headers(5, 0, 4)).await;
    assert_eq!(limiter.status(limit).closed_for, Some(4 * SECOND));
    send(&limiter, limit, headers(5, 0, 1)).await;
    assert_eq!(limiter.status(limit).closed_for, Some(SECOND), "others use the key as well");
    assert_eq!(start.elapsed(), 4 * SECOND);
    advance(2 * SECOND).await;
    for _ in 0..4 {
        send(&limiter, limit, headers(5, 1, 1)).await;
    }
    send(&limiter, limit, headers(5, 0, 1)).await;
    assert_eq!(limiter.status(limit).closed_for, None, "its own count holds the next");
    for _ in 0..4 {
        send(&limiter, limit, headers(5, 1, 1)).await;
    }
    send(&limiter, limit, headers(10, 0, 1)).await;
    assert_eq!(limiter.status(limit).closed_for, Some(SECOND), "others use up the tenant's limit");
    advance(2 * SECOND).await;
    for _ in 0..4 {
        send(&limiter, limit, headers(5, 1, 1)).await;
    }
    send(&limiter, limit, headers(5, 0, 3)).await;
    assert_eq!(limiter.status(limit).closed_for, Some(3 * SECOND), "it asks for more than a second");
}

#[test]
fn promise_9_the_tenants_limit_is_used_up_by_all_keys() {
    let (mut store, limit) = (Store::default(), RateLimit::default());
    (0..5).for_each(|_| store.send("a", limit, Feedback::default()));
    (0..4).for_each(|_| store.send("b", limit, Feedback::default()));
    store.send("b", limit, headers(10, 0, 1));
    let closed_for = |store: &mut Store| store.state.status(store.now, "b", limit).closed_for;
    assert_eq!(closed_for(&mut store), None, "its own count holds the next");
    store.now += 2 * S;
    store.send("b", limit, headers(10, 0, 1));
    assert_eq!(closed_for(&mut store), Some(SECOND));
}

#[test]
fn promise_9_what_was_used_up_before_the_request_departed_does_not_explain_its_headers() {
    let (mut store, limit) = (Store::default(), RateLimit::per_second(2).tenant(9));
    (0..2).for_each(|_| store.send("key", limit, Feedback::default()));
    store.now += 2 * S;
    store.send("key", limit, headers(2, 0, 1));
    assert_eq!(store.state.status(store.now, "key", limit).closed_for, Some(SECOND));
}

#[test]
fn promise_10_what_was_used_up_after_the_request_departed_explains_its_headers() {
    let (mut store, limit) = (Store::default(), RateLimit::per_second(2).tenant(9));
    let slow = store.go("key", None, limit);
    assert!(store.depart("key", slow, limit));
    store.send("key", limit, Feedback::default());
    store.now += S + S / 2;
    assert_eq!(store.in_use("key"), 1);
    store.answer("key", slow, limit, headers(2, 0, 1));
    assert_eq!(store.state.status(store.now, "key", limit).closed_for, None);
}

#[test]
fn promise_9_a_reset_that_is_a_point_in_time_or_absent_holds_for_a_second() {
    for reset in [Some(1_760_000_000), Some(60_000), None] {
        let (mut store, limit) = (Store::default(), RateLimit::default());
        let mut feedback = headers(5, 0, 0);
        feedback.headers.reset = reset.map(Duration::from_secs);
        store.send("key", limit, feedback);
        assert_eq!(store.state.status(store.now, "key", limit).closed_for, Some(SECOND), "{reset:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn promise_9_a_key_that_the_tenants_limit_holds_back_has_not_used_up_its_own() {
    let (a, b) = (Limiter::of_process("misled", "a"), Limiter::of_process("misled", "b"));
    let limit = RateLimit::per_second(2).tenant(2);
    let first = acquire(&a, limit).await.unwrap();
    assert!(first.depart());
    let other = acquire(&b, limit).await.unwrap();
    assert!(tokio::time::timeout(Duration::ZERO, acquire(&a, limit)).await.is_err(), "for the tenant");
    first.answered(headers(2, 0, 1));
    assert_eq!(a.status(limit).closed_for, Some(SECOND), "others use the key as well");
    drop(other);
}

#[tokio::test(start_paused = true)]
async fn promise_7_what_has_not_left_when_a_429_comes_is_held_back() {
    let (limiter, limit) = (limiter("held back"), RateLimit::default());
    let (refused, waiting) = (acquire(&limiter, limit).await.unwrap(), acquire(&limiter, limit).await.unwrap());
    assert!(refused.depart());
    refused.answered(refusal(2));
    refused.answered(Feedback::default()); // it was sent before the refusal
    assert!(!waiting.depart() && !waiting.has_departed());
    drop(waiting);
    advance(2 * SECOND).await;
    assert!(acquire(&limiter, limit).await.unwrap().depart());
    assert_eq!(limiter.status(limit).refusals, 1);
}

#[tokio::test(start_paused = true)]
async fn promise_7_every_429_counts() {
    let (limiter, limit) = (limiter("every"), RateLimit::default());
    let permit = acquire(&limiter, limit).await.unwrap();
    assert!(permit.depart());
    let closed_for = || limiter.status(limit).closed_for;
    permit.answered(Feedback::default());
    assert_eq!(closed_for(), None);
    permit.answered(refusal(2));
    assert_eq!(closed_for(), Some(2 * SECOND));
    permit.answered(refusal(3));
    assert_eq!((closed_for(), limiter.status(limit).refusals), (Some(3 * SECOND), 1));
}

#[tokio::test(start_paused = true)]
async fn promise_7_a_429_counts_although_the_call_that_got_it_has_gone() {
    let (limiter, limit) = (limiter("gone"), RateLimit::default());
    let permit = acquire(&limiter, limit).await.unwrap();
    assert!(permit.depart());
    advance(5 * SECOND).await; // its slot has ended
    permit.answered(refusal(2));
    drop(permit);
    assert_eq!(limiter.status(limit).closed_for, Some(2 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn promise_8_a_wait_that_is_too_long_is_refused_at_once() {
    let (limiter, limit, start) = (limiter("too long"), RateLimit::default(), Instant::now());
    send(&limiter, limit, refusal(10)).await;
    let ask = async |time: u64, most: u64| {
        let turn = Turn::new(limit, start + Duration::from_secs(time), Duration::from_secs(most));
        limiter.acquire(&turn).await.map(drop)
    };
    let closed = AcquireError::RetryAfter { wait: 10 * SECOND, repeated: false };
    assert_eq!(ask(9, 99).await, Err(closed));
    assert_eq!(ask(10, 99).await, Err(closed), "it opens when it is too late");
    assert_eq!(ask(99, 9).await, Err(closed));
    assert_eq!((start.elapsed(), limiter.status(limit).waiting), (Duration::ZERO, 0));
    assert!(ask(11, 10).await.is_ok());
    assert_eq!(start.elapsed(), 10 * SECOND);
    for _ in 0..2 {
        send(&limiter, limit, refusal(1)).await;
    }
    assert_eq!(ask(99, 99).await, Err(AcquireError::RetryAfter { wait: SECOND, repeated: true }));
    assert_eq!(limiter.status(limit).waiting, 0);
    advance(SECOND).await;
    send(&limiter, limit, Feedback::default()).await;
    assert!(ask(99, 99).await.is_ok(), "a wait that helped ends the warning");
}

#[tokio::test(start_paused = true)]
async fn promise_8_those_who_wait_learn_of_a_longer_wait_at_once() {
    let (limiter, limit, start) = (limiter("longer"), RateLimit::default(), Instant::now());
    let slow = acquire(&limiter, limit).await.unwrap();
    slow.depart();
    send(&limiter, limit, refusal(10)).await;
    let waiting = [(); 2].map(|()| {
        let limiter = limiter.clone();
        let turn = Turn::new(limit, start + LIMIT, 20 * SECOND);
        tokio::spawn(async move { limiter.acquire(&turn).await.err() })
    });
    advance(SECOND).await;
    slow.answered(refusal(50));
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap(), Some(AcquireError::RetryAfter { wait: 50 * SECOND, repeated: false }));
    }
    assert_eq!((start.elapsed(), limiter.status(limit).waiting), (SECOND, 0));
}
