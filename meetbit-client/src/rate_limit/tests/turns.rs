//! Who goes next: order of arrival within a key, turns between keys, and calls whose task does not run.

use std::sync::{Arc, Mutex};

use tokio::time::{advance, timeout};

use super::*;
use crate::rate_limit::moment::SECOND as S;
use crate::rate_limit::queue::PATIENCE;
use crate::rate_limit::state::{LOOK, WaitReason};

#[tokio::test(start_paused = true)]
async fn promise_9_the_queue_is_in_order_bounded_and_left_without_a_trace() {
    let (limiter, limit, start) = (limiter("queue"), RateLimit::per_second(1).queue(3), Instant::now());
    send(&limiter, limit, Feedback::default()).await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut callers = Vec::new();
    for n in 0..3 {
        let (caller, turns) = (limiter.clone(), order.clone());
        callers.push(tokio::spawn(async move {
            let (permit, waited_for) = caller.acquire(&Turn::new(limit, start + LIMIT, LIMIT)).await.unwrap();
            assert_eq!(waited_for, Some(WaitReason::Key), "what held it back once it was the first");
            leave(&permit);
            turns.lock().unwrap().push(n);
        }));
        tokio::task::yield_now().await;
    }
    assert_eq!(limiter.status(limit).waiting, 3);
    assert_eq!(acquire(&limiter, limit).await.err(), Some(AcquireError::QueueFull));
    let soon = limiter.acquire(&Turn::new(limit.queue(9), start + 3 * SECOND, LIMIT)).await;
    assert_eq!(soon.err(), Some(AcquireError::DeadlineExceeded), "three are before it");
    assert_eq!(start.elapsed(), Duration::ZERO, "at once");
    callers[0].abort();
    tokio::task::yield_now().await;
    assert_eq!(limiter.status(limit).waiting, 2);
    for caller in callers.drain(1..) {
        caller.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), [1, 2]);
    assert_eq!((start.elapsed().as_secs(), limiter.status(limit).waiting), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn promise_9_who_is_not_polled_is_passed_over_and_keeps_its_place() {
    let keys = [Limiter::of_process("set aside", "a"), Limiter::of_process("set aside", "b")];
    let (limit, start) = (RateLimit::per_second(1).tenant(1), Instant::now());
    send(&keys[0], limit, Feedback::default()).await;
    let ask = |key: &Limiter| {
        let key = key.clone();
        async move { key.acquire(&Turn::new(limit, start + LIMIT, LIMIT)).await.unwrap().0 }
    };
    let mut set_aside: Vec<_> = (0..2).map(|_| Box::pin(ask(&keys[0]))).collect();
    for call in &mut set_aside {
        assert!(timeout(Duration::ZERO, call).await.is_err());
    }
    for key in &keys {
        let before = Instant::now();
        let permit = timeout(5 * SECOND, ask(key)).await.expect("a turn");
        assert!(Instant::now() >= before + SECOND, "the limit holds");
        leave(&permit);
    }
    let again = tokio::spawn(set_aside.remove(0)); // it must wait, as the first once more
    tokio::task::yield_now().await;
    let waiting = tokio::spawn(ask(&keys[0]));
    let permit = again.await.unwrap();
    assert!(!waiting.is_finished(), "it came later");
    leave(&permit);
    drop(set_aside);
    waiting.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn promise_9_a_wake_up_that_a_call_set_aside_got_is_not_lost() {
    let (limiter, limit, start) = (limiter("lost"), RateLimit::per_second(1), Instant::now());
    let connecting = call(&limiter, limit).await.unwrap();
    let mut set_aside = Box::pin(call(&limiter, limit));
    assert!(timeout(Duration::ZERO, &mut set_aside).await.is_err());
    let live = tokio::spawn(call(&limiter, limit));
    advance(Duration::from_millis(100)).await;
    leave(&connecting);
    leave(&live.await.unwrap().unwrap());
    assert!(start.elapsed() < 3 * SECOND, "{:?}", start.elapsed());
    for _ in 0..6 {
        let live = tokio::spawn(call(&limiter, limit));
        advance(2 * SECOND).await;
        leave(&live.await.unwrap().unwrap());
    }
    assert!(start.elapsed() < 18 * SECOND, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn promise_9_a_head_that_waits_for_others_to_leave_looks_again() {
    let (limiter, limit, start) = (limiter("looks"), RateLimit::per_second(1), Instant::now());
    let early = patient(limit);
    drop(limiter.acquire(&early).await.unwrap());
    let connecting = call(&limiter, limit).await.unwrap();
    let live = tokio::spawn(call(&limiter, limit));
    tokio::task::yield_now().await;
    let mut set_aside = Box::pin(limiter.acquire(&early));
    assert!(timeout(Duration::ZERO, &mut set_aside).await.is_err());
    leave(&connecting);
    live.await.unwrap().unwrap();
    assert!(start.elapsed() < 5 * SECOND, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn promise_9_any_number_of_calls_set_aside_is_passed_over_at_once() {
    for key in ["key", "other key"] {
        let limiters =
            [Limiter::of_process(&format!("many {key}"), "key"), Limiter::of_process(&format!("many {key}"), key)];
        let limit = RateLimit::default().tenant(5);
        let mut set_aside: Vec<_> = (0..60).map(|_| Box::pin(call(&limiters[0], limit))).collect();
        for call in &mut set_aside {
            if let Ok(permit) = timeout(Duration::ZERO, call).await {
                leave(&permit.unwrap());
            }
        }
        assert_eq!(limiters[0].status(limit).waiting, 55);
        let start = Instant::now();
        call(&limiters[1], limit).await.unwrap();
        assert!(start.elapsed() < 2 * SECOND + SECOND / 10, "{:?}", start.elapsed());
        advance(2 * SECOND).await;
        assert_eq!(limiters[0].status(limit).waiting, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn promise_7_passing_over_keeps_the_order_of_those_who_live() {
    let (limiter, limit) = (limiter("order"), RateLimit::per_second(1));
    leave(&call(&limiter, limit).await.unwrap());
    let mut set_aside = Box::pin(call(&limiter, limit));
    assert!(timeout(Duration::ZERO, &mut set_aside).await.is_err());
    advance(SECOND + Duration::from_millis(100)).await;
    let goes = || {
        let call = call(&limiter, limit);
        tokio::spawn(async move {
            leave(&call.await.unwrap());
            Instant::now()
        })
    };
    let first = goes();
    tokio::task::yield_now().await;
    advance(Duration::from_millis(300)).await;
    let second = goes();
    assert!(first.await.unwrap() < second.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn promise_9_an_earlier_place_goes_first() {
    let (limiter, limit) = (limiter("place"), RateLimit::per_second(1));
    let early = patient(limit);
    leave(&limiter.acquire(&early).await.unwrap().0);
    let late = tokio::spawn({
        let limiter = limiter.clone();
        async move {
            let (_, waited_for) = limiter.acquire(&patient(limit)).await.unwrap();
            (waited_for, Instant::now())
        }
    });
    tokio::task::yield_now().await;
    let (first, _) = limiter.acquire(&early).await.unwrap();
    let at = Instant::now();
    leave(&first);
    let (waited_for, sent) = late.await.unwrap();
    assert_eq!(waited_for, Some(WaitReason::Key));
    assert!(sent >= at + SECOND);
}

#[tokio::test(start_paused = true)]
async fn promise_9_a_key_with_one_caller_is_not_starved_by_keys_with_hundreds() {
    let key = |name: &str| Limiter::of_process("starved", name);
    let limit = RateLimit::default();
    let mut busy = tokio::task::JoinSet::new();
    for caller in 0..200 {
        let limiter = key(["a", "b"][caller % 2]);
        busy.spawn(async move {
            let turn = Turn::new(limit, Instant::now() + 10 * LIMIT, LIMIT);
            leave(&limiter.acquire(&turn).await.unwrap().0);
        });
    }
    tokio::task::yield_now().await;
    let single = key("c");
    for _ in 0..5 {
        let start = Instant::now();
        leave(&call(&single, limit).await.unwrap());
        assert!(start.elapsed() < SECOND + SECOND / 10, "{:?}", start.elapsed());
    }
    busy.join_all().await;
}

#[test]
fn promise_9_a_head_that_does_not_go_is_passed_over_until_its_task_asks_again() {
    let (mut store, limit) = (Store::default(), RateLimit::per_second(1));
    store.send("key", limit, Feedback::default());
    let (head, _) = store.wait("key", None, limit);
    store.now += LOOK;
    assert_eq!(store.wait("key", Some(head), limit).1, 5_000);
    store.now += 5_000;
    let (second, wait) = store.wait("key", None, limit);
    assert_eq!(wait, PATIENCE, "the place is free, but it is the head's");
    store.now += PATIENCE;
    assert_eq!(store.wait("key", Some(second), limit).1, PATIENCE);
    assert_eq!(store.waiting("key"), 2);
    store.now += 1;
    assert_eq!(store.waiting("key"), 1);
    let mut other = Store { state: store.state.clone(), now: store.now, last_id: store.last_id };
    other.go("key", Some(head), limit); // it may still go
    store.go("key", Some(second), limit);
}

#[test]
fn promise_9_a_waiter_that_was_passed_over_goes_before_those_who_came_later() {
    let (mut store, limit) = (Store::default(), RateLimit::per_second(1));
    store.send("key", limit, Feedback::default());
    let (head, _) = store.wait("key", None, limit);
    store.now += LOOK + PATIENCE + 1;
    store.send("key", limit, Feedback::default());
    let (later, _) = store.wait("key", None, limit);
    store.wait("key", Some(head), limit);
    store.now += LOOK + 5_000;
    assert_eq!(store.wait("key", Some(later), limit).1, PATIENCE);
    store.go("key", Some(head), limit);
}

#[test]
fn promise_9_keys_take_turns() {
    let (mut store, limit) = (Store::default(), RateLimit::per_second(9).tenant(1));
    store.send("a", limit, Feedback::default());
    let mut waiting: Vec<(&str, u64)> =
        ["a", "a", "a", "b", "b", "c"].map(|key| (key, store.wait(key, None, limit).0)).into();
    let mut order = String::new();
    while !waiting.is_empty() {
        store.now += TICK_OF_SCHEDULE;
        let mut gone = None;
        for (index, (key, ticket)) in waiting.iter().enumerate().rev() {
            if let Verdict::Go { .. } = store.ask(key, Some(*ticket), limit) {
                assert!(gone.replace(index).is_none());
                let id = store.last_id;
                assert!(store.depart(key, id, limit));
                store.answer(key, id, limit, Feedback::default());
            }
        }
        if let Some(index) = gone {
            order.push_str(waiting.remove(index).0);
        }
    }
    assert_eq!(order, "abcaba");
}

const TICK_OF_SCHEDULE: Moment = S / 8;

#[test]
fn promise_9_a_key_that_cannot_go_holds_up_no_other() {
    let (mut store, limit) = (Store::default(), RateLimit::per_second(1).tenant(2));
    store.send("a", limit, Feedback::default());
    for _ in 0..5 {
        store.wait("a", None, limit);
    }
    store.send("b", limit, Feedback::default());
    store.now += S / 2;
    let (ticket, _) = store.wait("c", None, limit);
    assert_eq!(store.state.next("x"), [Some(ticket), None], "the others wait for their own key");
    store.now += S / 2 + 5_000;
    store.go("c", Some(ticket), limit);
    let mut store = Store::default();
    store.send("a", limit, refusal(60));
    (0..5).for_each(|_| assert!(matches!(store.ask("a", None, limit), Verdict::Closed { .. })));
    store.go("c", None, limit);
}

#[test]
fn promise_9_a_later_call_goes_first_only_if_more_is_free_than_those_before_it_need() {
    let limit = RateLimit::per_second(3).tenant(4);
    let mut store = Store::default();
    store.send("a", limit, refusal(1));
    let tickets = [(); 3].map(|()| match store.ask("a", None, limit) {
        Verdict::Closed { ticket, .. } => ticket,
        verdict => panic!("{verdict:?}"),
    });
    store.now += S;
    // One of three places of the key is used for another 5 ms, and there are two before the third.
    let verdict = store.ask("a", Some(tickets[2]), limit);
    assert_eq!(verdict, Verdict::Wait { wait: 5_000, reason: WaitReason::Queue, ticket: tickets[2] });
    store.go("a", Some(tickets[1]), limit);
    store.go("a", Some(tickets[0]), limit);
    assert!(matches!(store.ask("a", Some(tickets[2]), limit), Verdict::Wait { reason: WaitReason::Key, .. }));
    store.go("b", None, limit);
}

#[test]
fn promise_9_the_contenders_of_other_keys_are_before_a_newcomer_once_in_each_round() {
    let limit = RateLimit::per_second(9).tenant(2);
    let mut store = Store::default();
    let held = [store.go("x", None, limit), store.go("x", None, limit)];
    let (first, _) = store.wait("a", None, limit);
    store.wait("a", None, limit);
    let (second, _) = store.wait("b", None, limit);
    for id in held {
        store.state.tell(store.now, "x", limit, &Report::Released { id });
    }
    assert_eq!(store.state.next("x"), [Some(first), None]);
    let verdict = store.ask("c", None, limit);
    assert_eq!(verdict, Verdict::Wait { wait: PATIENCE, reason: WaitReason::Queue, ticket: 5 });
    store.go("b", Some(second), limit); // `a` and `b` have one each
    assert!(matches!(store.ask("c", None, limit), Verdict::Wait { reason: WaitReason::Queue, .. }));
    store.go("a", Some(first), limit);
}

#[test]
fn promise_9_a_call_that_withdraws_holds_nobody_up() {
    let (mut store, limit) = (Store::default(), RateLimit::per_second(1));
    let held = store.go("key", None, limit);
    let (first, _) = store.wait("key", None, limit);
    let (second, _) = store.wait("key", None, limit);
    store.state.tell(store.now, "key", limit, &Report::Withdrawn { ticket: first });
    store.state.tell(store.now, "key", limit, &Report::Withdrawn { ticket: first });
    store.state.tell(store.now, "key", limit, &Report::Withdrawn { ticket: 99 });
    store.state.tell(store.now, "key", limit, &Report::Released { id: held });
    assert_eq!((store.waiting("key"), store.state.next("key")), (1, [None, Some(second)]));
    store.go("key", Some(second), limit);
    assert_eq!((store.waiting("key"), store.state.next("key")), (0, [None; 2]));
}

#[test]
fn promise_9_a_ticket_that_another_place_gave_stays_unique() {
    let (mut store, limit) = (Store::default(), RateLimit::per_second(1));
    assert_eq!(store.ask("key", Some(41), limit), Verdict::Go { ticket: 41 });
    assert_eq!(store.wait("key", None, limit).0, 42);
    store.state.forget();
    assert_eq!(store.ask("key", None, limit), Verdict::Go { ticket: 43 });
    assert_eq!(store.in_use("key"), 1);
}

#[test]
fn promise_9_the_queue_has_as_many_places_as_the_limit_says() {
    let (mut store, limit) = (Store::default(), RateLimit::per_second(1).queue(2));
    store.send("key", limit, Feedback::default());
    assert_eq!(store.ask("key", None, limit.queue(0)), Verdict::Full);
    let (ticket, _) = store.wait("key", None, limit);
    store.wait("key", None, limit);
    assert_eq!(store.ask("key", None, limit), Verdict::Full);
    store.wait("key", Some(ticket), limit);
    store.wait("other", None, limit.tenant(1));
    store.wait("key", None, limit.queue(3));
    assert_eq!(store.waiting("key"), 3);
}
