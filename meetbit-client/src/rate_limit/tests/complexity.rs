//! The effort does not grow with the number of waiters, requests or keys. It is counted, not timed.

use std::collections::BTreeSet;

use super::*;
use crate::rate_limit::moment::SECOND as S;
use crate::rate_limit::queue::Queue;
use crate::rate_limit::state::{FORESIGHT, LOOK};

const MANY: u64 = 20_000;

/// Lets every waiter ask when it was told, and counts the asks until all are served.
fn serve(store: &mut Store, limit: RateLimit, due: &mut BTreeSet<(Moment, u64)>) -> u64 {
    let mut asks = 0;
    while let Some((at, ticket)) = due.pop_first() {
        store.now = store.now.max(at);
        asks += 1;
        match store.ask("key", Some(ticket), limit) {
            Verdict::Go { .. } => {
                let id = store.last_id;
                assert!(store.depart("key", id, limit));
                store.answer("key", id, limit, Feedback::default());
            }
            Verdict::Wait { wait, .. } => assert!(due.insert((store.now + wait, ticket))),
            verdict => panic!("{verdict:?}"),
        }
    }
    asks
}

#[test]
fn promise_10_a_burst_whose_first_call_does_not_run_takes_few_asks_a_call() {
    let mut asks_per_call = Vec::new();
    for callers in [MANY / 10, MANY] {
        let (mut store, mut due) = (Store::default(), BTreeSet::new());
        let limit = RateLimit::per_second(u32::try_from(callers).unwrap() / 5).queue(usize::MAX);
        store.send("key", limit, refusal(1));
        for caller in 0..callers {
            let Verdict::Closed { wait, ticket, .. } = store.ask("key", None, limit) else { panic!() };
            if caller > 0 {
                due.insert((store.now + wait, ticket));
            }
        }
        asks_per_call.push(serve(&mut store, limit, &mut due) / callers);
        assert!(store.now < 7 * S, "the first is skipped: {}", store.now);
    }
    assert!(asks_per_call.iter().all(|asks| *asks <= 8), "{asks_per_call:?}");
}

#[test]
fn promise_10_a_waiter_asks_once_a_second_at_most_while_it_is_far_behind() {
    let (mut store, limit) = (Store::default(), RateLimit::default());
    (0..5).for_each(|_| store.send("key", limit, Feedback::default()));
    let tickets: Vec<u64> = (0..10_000).map(|_| store.wait("key", None, limit).0).collect();
    for ticket in &tickets[10..] {
        assert_eq!(store.wait("key", Some(*ticket), limit).1, LOOK);
    }
}

#[test]
fn promise_10_no_more_waiters_are_counted_than_necessary() {
    let (mut queue, limit) = (Queue::default(), RateLimit::default().queue(usize::MAX));
    for ticket in 0..MANY {
        queue.insert("key", ticket, 0, true, limit);
        queue.insert(&format!("key {ticket}"), MANY + ticket, 0, true, limit);
    }
    assert_eq!(queue.ahead("key", Some(MANY), FORESIGHT), FORESIGHT);
    assert_eq!(queue.ahead("key", Some(7), FORESIGHT), 7);
    assert_eq!(queue.ahead("key", None, FORESIGHT), 20_000, "the length is known");
    assert_eq!(queue.turns_before("new key", 0, FORESIGHT), FORESIGHT);
    assert_eq!(queue.turns_before("key", 0, FORESIGHT), 0, "it is next");
    assert_eq!(queue.turns_before("key 7", 0, FORESIGHT), 8);
    assert_eq!(queue.turns_before("key 7", 1, 9), 9);
    assert_eq!(queue.turns_before("key 7", 1, usize::MAX), 20_001, "`key` goes twice before its second call");
    queue.end_turn("key");
    assert_eq!((queue.turns_before("key", 0, FORESIGHT), queue.turns_before("key 7", 0, FORESIGHT)), (FORESIGHT, 7));
    assert_eq!(queue.turns_before("key 7", 1, usize::MAX), 20_000, "`key` goes once before its second call");
}

#[test]
fn promise_10_a_full_window_of_two_thousand_is_not_searched_through() {
    let (mut store, limit) = (Store::default(), RateLimit::per_second(2_000));
    for _ in 0..2_000 {
        store.send("key", limit, Feedback::default());
        store.now += 100;
    }
    let mut due = BTreeSet::new();
    for _ in 0..2_000 {
        let (ticket, wait) = store.wait("key", None, limit);
        due.insert((store.now + wait, ticket));
    }
    let asks = serve(&mut store, limit, &mut due);
    assert!(asks <= 3 * 2_000, "{asks}");
}

#[test]
fn promise_10_twenty_thousand_keys_that_wait_do_not_hold_up_an_ask() {
    let (mut store, limit) = (Store::default(), RateLimit::default());
    (0..10).for_each(|n| store.send(["x", "y"][n % 2], limit, Feedback::default()));
    let keys: Vec<String> = (0..MANY).map(|n| n.to_string()).collect();
    let tickets: Vec<u64> = keys.iter().map(|key| store.wait(key, None, limit).0).collect();
    store.now += S + 5_000;
    assert!(matches!(store.ask("new", None, limit), Verdict::Wait { .. }));
    for (key, ticket) in keys.iter().zip(tickets).take(10) {
        assert_eq!(store.state.next("x"), [Some(ticket), None]);
        store.go(key, Some(ticket), limit);
    }
}
