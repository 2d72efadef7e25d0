//! Which clients share a state, and when it is dropped.

use tokio::time::advance;

use super::*;
use crate::rate_limit::key_handle::KeyHandle;
use crate::rate_limit::moment::{HOUR, MINUTE, SECOND as S};
use crate::rate_limit::queue::{PATIENCE, Queue};
use crate::rate_limit::registry::Registry;

fn limiter_of(registry: &Registry, origin: &str, key: &str) -> Limiter {
    Limiter::new(KeyHandle::new(registry.tenant(origin), key))
}

#[tokio::test(start_paused = true)]
async fn promise_7_a_key_is_remembered_as_long_as_it_matters() {
    let registry = Registry::new();
    let known = |origin: &str| {
        registry.sweep();
        registry.get(origin).is_some()
    };
    let limiter = |origin: &str| limiter_of(&registry, origin, "key");
    send(&limiter("closed"), RateLimit::default(), refusal(10)).await;
    send(&limiter("counted"), RateLimit::default(), Feedback::default()).await;
    let mut nothing_left = headers(9, 0, 10);
    nothing_left.headers.limit = None;
    send(&limiter("reset"), RateLimit::unlimited(), nothing_left).await;
    drop(limiter("unused"));
    let live = limiter("live");
    assert!(known("closed") && known("counted") && known("live") && !known("unused"));
    assert!(limiter("closed").status(RateLimit::default()).closed_for.is_some());
    assert_eq!(limiter("counted").status(RateLimit::default()).in_use, 1);
    advance(2 * SECOND).await;
    assert!(known("closed") && known("reset") && !known("counted"));
    advance(10 * SECOND).await;
    assert!(known("closed") && !known("reset"), "refusals in a row are not forgotten");
    assert_eq!(limiter("closed").status(RateLimit::default()).refusals, 1);
    advance(Duration::from_micros(HOUR)).await;
    assert!(!known("closed") && known("live"), "but for an hour only");
    drop(live);
    assert!(!known("live"));
}

#[tokio::test(start_paused = true)]
async fn promise_7_clients_with_the_same_key_share_its_state_and_others_do_not() {
    let limit = RateLimit::default();
    let (first, second) = (Limiter::of_process("shares", "key"), Limiter::of_process("shares", "key"));
    let others = [Limiter::of_process("shares", "other"), Limiter::of_process("shares not", "key")];
    let private = [Limiter::of_client("key"), Limiter::of_client("key")];
    send(&first, limit, refusal(7)).await;
    send(&private[0], limit, refusal(3)).await;
    let closed_for = |limiter: &Limiter| limiter.status(limit).closed_for;
    assert_eq!((closed_for(&second), closed_for(&private[0].clone())), (Some(7 * SECOND), Some(3 * SECOND)));
    assert!(others.iter().chain([&private[1]]).all(|other| closed_for(other).is_none()));
    drop(first);
    advance(2 * SECOND).await;
    assert_eq!(closed_for(&second), Some(5 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn promise_9_a_permit_keeps_the_state_of_its_key() {
    let registry = Registry::new();
    let is_kept = || {
        registry.sweep();
        registry.len() == 1
    };
    let permit = acquire(&limiter_of(&registry, "kept", "key"), RateLimit::default()).await.unwrap();
    advance(SECOND / 2).await;
    assert!(is_kept() && permit.depart());
    drop(permit);
    assert!(is_kept(), "it may arrive");
    advance(2 * SECOND).await;
    assert!(!is_kept());
}

#[tokio::test(start_paused = true)]
async fn promise_9_twenty_thousand_refused_tenants_and_keys_are_freed() {
    const MANY: usize = 20_000;
    let limit = RateLimit::per_second(1).tenant(u32::MAX);
    let registry = Registry::new();
    let refuse_many = async |kept: &mut Vec<_>| {
        for n in 0..MANY {
            let tenant = limiter_of(&registry, &format!("refused {n}"), "key");
            let key = limiter_of(&registry, "refused keys", &format!("key {n}"));
            for limiter in [&tenant, &key] {
                send(limiter, limit, refusal(1)).await;
            }
            if n % 1000 == 0 {
                kept.push((tenant, key));
            }
        }
    };
    let state_keys = || registry.get("refused keys").unwrap().lock().unwrap().state.keys_len();
    let mut kept = Vec::new();
    refuse_many(&mut kept).await;
    assert_eq!((registry.len(), state_keys()), (MANY + 1, MANY), "their refusals are remembered");
    advance(Duration::from_micros(HOUR + MINUTE)).await;
    // The keys and tenants that are gone are not swept one by one, but before as many again have come.
    for n in 0..MANY {
        limiter_of(&registry, &format!("another {n}"), "key");
        let another = limiter_of(&registry, "refused keys", &format!("another key {n}"));
        another.status(limit);
    }
    assert!(registry.len() <= MANY && state_keys() <= MANY, "{} {}", registry.len(), state_keys());
    assert!(registry.get("refused 1").is_none() && registry.get("refused 1000").is_some());
    drop(kept);
    registry.sweep();
    assert_eq!(registry.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn promise_7_a_clock_that_goes_back_neither_refuses_nor_delays() {
    let (limit, start) = (RateLimit::default(), Instant::now());
    let limiter = limiter("clock");
    let mut waiting = Vec::new();
    advance(10 * SECOND).await;
    for _ in 0..5 {
        waiting.push(acquire(&limiter, limit).await.unwrap());
    }
    send(&Limiter::of_process("clock", "refused"), limit, refusal(3600)).await;
    // The other test runs on a clock of its own, which has not been advanced.
    let limiter_of_the_other = limiter.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            assert!(Instant::now() < start + 9 * SECOND);
            for _ in 0..5 {
                let turn = Turn::new(limit, Instant::now() + SECOND / 10, LIMIT);
                limiter_of_the_other.acquire(&turn).await.unwrap();
            }
            assert_eq!(Limiter::of_process("clock", "refused").status(limit).closed_for, None);
        });
    })
    .join()
    .unwrap();
    assert!(waiting.iter().all(|permit| !permit.depart()), "what was forgotten cannot depart");
}

#[tokio::test(start_paused = true)]
async fn promise_9_a_clock_that_goes_back_a_little_stands_still() {
    let (limit, limiter) = (RateLimit::per_second(1), limiter("little"));
    send(&limiter, limit, Feedback::default()).await;
    limiter.key.with(|tenant, now, _| {
        tenant.set_last(now + S);
        assert_eq!(tenant.now(), now + S);
    });
    assert_eq!(limiter.status(limit).in_use, 1);
    limiter.key.with(|tenant, now, _| tenant.set_last(now + 1));
    assert_eq!(limiter.status(limit).in_use, 0, "more than a second is another clock");
}

#[test]
fn promise_9_a_key_with_waiters_is_not_dropped() {
    let (mut store, limit) = (Store::default(), RateLimit::per_second(1).tenant(1));
    store.send("other", limit, Feedback::default());
    let (ticket, _) = store.wait("key", None, limit);
    let keys_left = |store: &mut Store| {
        store.state.drop_idle(store.now);
        store.state.keys_len()
    };
    assert_eq!(keys_left(&mut store), 2);
    store.state.tell(store.now, "key", limit, &Report::Withdrawn { ticket });
    assert_eq!(keys_left(&mut store), 1);
    store.wait("key", None, limit);
    store.now = S + 5_000 - 1;
    assert_eq!(keys_left(&mut store), 2, "it has not been told to come yet");
    store.now = S + PATIENCE;
    assert_eq!(keys_left(&mut store), 1);
    store.now += 1;
    assert!(store.state.drop_idle(store.now), "a waiter that does not come is gone");
}

#[test]
fn promise_9_a_key_that_was_dropped_comes_back_as_a_new_one() {
    let (mut queue, limit) = (Queue::default(), RateLimit::default());
    assert!((0..3).all(|ticket| queue.insert("other", ticket, 0, true, limit)));
    queue.insert("key", 3, 0, true, limit);
    (0..5).for_each(|_| queue.end_turn("key"));
    assert_eq!(queue.turns_before("key", 0, 9), 3, "it has had five turns");
    queue.remove(3);
    queue.drop_key("key");
    queue.insert("key", 4, 0, true, limit);
    assert_eq!(queue.turns_before("key", 0, 9), 1);
}

#[tokio::test(start_paused = true)]
async fn promise_7_a_tenant_is_remembered_as_long_as_one_of_its_keys() {
    let registry = Registry::new();
    let refused = limiter_of(&registry, "tenant", "refused");
    send(&refused, RateLimit::default(), refusal(10)).await;
    drop(refused);
    drop(limiter_of(&registry, "tenant", "unused"));
    registry.sweep();
    let refused = limiter_of(&registry, "tenant", "refused");
    assert_eq!(refused.status(RateLimit::default()).closed_for, Some(10 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn promise_7_a_tenant_lives_as_long_as_its_last_client() {
    let registry = Registry::new();
    let mut clients: Vec<_> = ["a", "a", "a", "b"].map(|key| limiter_of(&registry, "tenant", key)).into();
    while clients.pop().is_some() {
        registry.sweep();
        assert_eq!(registry.get("tenant").is_some(), !clients.is_empty(), "{}", clients.len());
    }
}
