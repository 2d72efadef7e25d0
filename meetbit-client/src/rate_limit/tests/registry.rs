//! Which clients share a state, and when it is dropped.

use tokio::time::advance;

use super::*;
use crate::rate_limit::key_handle::KeyHandle;
use crate::rate_limit::moment::{HOUR, MINUTE, SECOND as S};
use crate::rate_limit::queue::{PATIENCE, Queue};
use crate::rate_limit::registry::Registry;

/// A registry that no other test uses, because each has a clock of its own.
fn registry() -> &'static Registry {
    Box::leak(Box::new(Registry::new()))
}

fn limiter_of(registry: &'static Registry, origin: &str, key: &str) -> Limiter {
    Limiter::new(KeyHandle::shared(registry, origin, key))
}

#[tokio::test(start_paused = true)]
async fn promise_7_a_key_is_remembered_as_long_as_it_matters() {
    let registry = registry();
    let known = |origin: &str| registry.get(origin).is_some();
    let limiter = |origin: &str| limiter_of(registry, origin, "key");
    send(&limiter("closed"), RateLimit::default(), refusal(10)).await;
    send(&limiter("counted"), RateLimit::default(), Feedback::default()).await;
    let mut nothing_left = headers(9, 0, 10);
    nothing_left.headers.limit = None;
    send(&limiter("reset"), RateLimit::unlimited(), nothing_left).await;
    drop(limiter("unused"));
    let live = limiter("live");
    limiter("other");
    assert!(known("closed") && known("counted") && known("live") && !known("unused"));
    assert!(limiter("closed").status(RateLimit::default()).closed_for.is_some());
    assert_eq!(limiter("counted").status(RateLimit::default()).in_use, 1);
    advance(2 * SECOND).await;
    limiter("other");
    assert!(known("closed") && known("reset") && !known("counted"));
    advance(10 * SECOND).await;
    limiter("other");
    assert!(known("closed") && !known("reset"), "refusals in a row are not forgotten");
    assert_eq!(limiter("closed").status(RateLimit::default()).refusals, 1);
    advance(Duration::from_micros(HOUR)).await;
    limiter("other");
    assert!(!known("closed") && known("live"), "but for an hour only");
    drop(live);
    assert!(!known("live"));
}

#[tokio::test(start_paused = true)]
async fn promise_7_clients_with_the_same_key_share_its_state_and_others_do_not() {
    let limit = RateLimit::default();
    let (first, second) = (Limiter::shared("shares", "key"), Limiter::shared("shares", "key"));
    let others = [Limiter::shared("shares", "other"), Limiter::shared("shares not", "key")];
    let private = [Limiter::private("key"), Limiter::private("key")];
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
    let registry = registry();
    let (tenant, limiter) = (|origin| registry.get(origin), |origin| limiter_of(registry, origin, "key"));
    let permit = acquire(&limiter("kept"), RateLimit::default()).await.unwrap();
    advance(SECOND / 2).await;
    assert!(tenant("kept").is_some() && permit.depart());
    drop(permit);
    assert!(tenant("kept").is_some(), "it may arrive");
    advance(2 * SECOND).await;
    limiter("other");
    assert!(tenant("kept").is_none());
}

#[tokio::test(start_paused = true)]
async fn promise_9_twenty_thousand_refused_tenants_and_keys_are_freed() {
    const MANY: usize = 20_000;
    let limit = RateLimit::per_second(1).tenant(u32::MAX);
    let registry = registry();
    let tenant = |origin: &str| registry.get(origin);
    let mut kept = Vec::new();
    for n in 0..MANY {
        let tenant = limiter_of(registry, &format!("refused {n}"), "key");
        let key = limiter_of(registry, "refused keys", &format!("key {n}"));
        for limiter in [&tenant, &key] {
            send(limiter, limit, refusal(1)).await;
        }
        if n % 1000 == 0 {
            kept.push((tenant, key));
        }
    }
    let state_keys = || tenant("refused keys").map_or(0, |tenant| tenant.lock().state.keys_len());
    assert_eq!((state_keys(), registry.retired()), (MANY, 2 * (MANY - kept.len())));
    advance(Duration::from_micros(HOUR + MINUTE)).await;
    limiter_of(registry, "other", "key");
    assert_eq!((state_keys(), registry.retired()), (kept.len(), 0));
    assert!(tenant("refused 1").is_none() && tenant("refused 1000").is_some());
    drop(kept);
    assert!(tenant("refused keys").is_none() && tenant("refused 1000").is_none());
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
    send(&Limiter::shared("clock", "refused"), limit, refusal(3600)).await;
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
            assert_eq!(Limiter::shared("clock", "refused").status(limit).closed_for, None);
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
    limiter.key().with(|shared, now, _| {
        shared.set_last(now + S);
        assert_eq!(shared.now(), now + S);
    });
    assert_eq!(limiter.status(limit).in_use, 1);
    limiter.key().with(|shared, now, _| shared.set_last(now + 1));
    assert_eq!(limiter.status(limit).in_use, 0, "more than a second is another clock");
}

#[test]
fn promise_9_a_key_with_waiters_is_not_dropped() {
    let (mut store, limit) = (Store::default(), RateLimit::per_second(1).tenant(1));
    store.send("other", limit, Feedback::default());
    let (ticket, _) = store.wait("key", None, limit);
    assert_eq!(store.state.drop_key(store.now, "key"), Some(store.now + PATIENCE));
    store.state.tell(store.now, "key", limit, &Report::Withdrawn { ticket });
    assert_eq!((store.state.drop_key(store.now, "key"), store.state.keys_len()), (None, 1));
    assert_eq!(store.state.drop_key(store.now, "other"), Some(S + 5_000));
    store.now = S + 5_000;
    assert_eq!((store.state.drop_key(store.now, "other"), store.state.is_empty()), (None, true));
}

#[test]
fn promise_9_a_key_that_was_dropped_comes_back_as_a_new_one() {
    let (mut queue, limit) = (Queue::default(), RateLimit::default());
    (0..3).for_each(|ticket| queue.insert("other", ticket, 0, true, limit));
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
    let registry = registry();
    let refused = limiter_of(registry, "tenant", "refused");
    send(&refused, RateLimit::default(), refusal(10)).await;
    drop(refused);
    drop(limiter_of(registry, "tenant", "unused"));
    let refused = limiter_of(registry, "tenant", "refused");
    assert_eq!(refused.status(RateLimit::default()).closed_for, Some(10 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn promise_7_a_tenant_lives_as_long_as_its_last_client() {
    let registry = registry();
    let mut clients: Vec<_> = ["a", "a", "a", "b"].map(|key| limiter_of(registry, "tenant", key)).into();
    while clients.pop().is_some() {
        assert_eq!(registry.get("tenant").is_some(), !clients.is_empty(), "{}", clients.len());
    }
}
