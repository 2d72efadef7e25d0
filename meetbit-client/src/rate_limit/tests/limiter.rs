//! Callers on a paused clock: time passes when all of them wait.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Wake};
use std::{hint, thread};

use tokio::time::{advance, timeout};

use super::*;
use crate::rate_limit::state::WaitReason;

#[tokio::test(start_paused = true)]
async fn promise_9_the_sixth_waits_until_the_first_has_left_the_window() {
    let (limiter, start) = (limiter("sixth"), Instant::now());
    for sent in 0..11 {
        assert_eq!(start.elapsed().as_secs(), sent / 5, "{sent}");
        assert_eq!(limiter.status(RateLimit::default()).in_use as u64, sent % 5);
        send(&limiter, RateLimit::default(), Feedback::default()).await;
        if sent % 5 == 4 {
            let (_, waited_for) = limiter.acquire(&patient(RateLimit::default())).await.unwrap();
            assert_eq!(waited_for, Some(WaitReason::Key));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn promise_9_a_permit_counts_from_its_grant_and_at_most_until_two_seconds_after_its_departure() {
    let (limiter, limit, start) = (limiter("departure"), RateLimit::per_second(1), Instant::now());
    drop(acquire(&limiter, limit).await.unwrap());
    let unsent = acquire(&limiter, limit).await.unwrap();
    assert!(!unsent.has_departed());
    assert_eq!(start.elapsed(), Duration::ZERO, "given back");
    for _ in 0..10 {
        advance(SECOND / 2).await;
        unsent.renew();
    }
    assert!(timeout(SECOND / 2, acquire(&limiter, limit)).await.is_err(), "it may still leave");
    assert!(unsent.depart() && unsent.has_departed());
    let departed = Instant::now();
    drop(unsent); // given up
    acquire(&limiter, limit).await.unwrap();
    assert_eq!(departed.elapsed(), 2 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn promise_9_a_permit_that_is_not_renewed_lapses_and_cannot_depart() {
    let (limiter, limit, start) = (limiter("lapse"), RateLimit::default(), Instant::now());
    let mut kept = Vec::new();
    for _ in 0..5 {
        kept.push(acquire(&limiter, limit).await.unwrap());
    }
    let sixth = acquire(&limiter, limit).await.unwrap();
    assert!((SECOND..SECOND + SECOND / 100).contains(&start.elapsed()), "{:?}", start.elapsed());
    for permit in kept {
        permit.renew();
        assert!(!permit.depart() && permit.is_revoked() && !permit.has_departed());
        assert!(!permit.depart(), "the first answer stands");
    }
    assert!(sixth.depart() && !sixth.is_revoked());
    assert_eq!(limiter.status(limit).in_use, 1);
}

#[tokio::test(start_paused = true)]
async fn promise_9_keys_count_apart_and_the_tenant_together() {
    let keys =
        [Limiter::of_process("tenant", "a"), Limiter::of_process("tenant", "b"), Limiter::of_process("tenant", "b")];
    let (limit, start) = (RateLimit::per_second(2).tenant(3), Instant::now());
    for key in &keys {
        send(key, limit, Feedback::default()).await;
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(keys.each_ref().map(|key| key.status(limit).in_use), [1, 2, 2]);
    let (_, waited_for) = keys[0].acquire(&patient(limit)).await.unwrap();
    assert_eq!(waited_for, Some(WaitReason::Tenant));
    assert!(start.elapsed() >= SECOND);
}

#[tokio::test(start_paused = true)]
async fn promise_7_unlimited_clients_are_not_counted_but_wait_for_the_gate() {
    let (limiter, start) = (limiter("unlimited"), Instant::now());
    for _ in 0..100 {
        send(&limiter, RateLimit::unlimited(), Feedback::default()).await;
    }
    assert_eq!((start.elapsed(), limiter.status(RateLimit::default()).in_use), (Duration::ZERO, 0));
    let granted_before = acquire(&limiter, RateLimit::unlimited()).await.unwrap();
    send(&limiter, RateLimit::unlimited(), refusal(7)).await;
    assert!(!granted_before.depart());
    let (_, waited_for) = limiter.acquire(&patient(RateLimit::unlimited())).await.unwrap();
    assert_eq!((start.elapsed(), waited_for), (7 * SECOND, Some(WaitReason::Gate)));
}

#[tokio::test(start_paused = true)]
async fn promise_9_a_deadline_is_a_deadline() {
    let (limiter, limit, start) = (limiter("deadline"), RateLimit::per_second(1), Instant::now());
    let ask = async |deadline| limiter.acquire(&Turn::new(limit, deadline, LIMIT)).await;
    assert_eq!(ask(start).await.err(), Some(AcquireError::DeadlineExceeded));
    let unsent = ask(start + SECOND).await.unwrap();
    assert_eq!(ask(start + SECOND).await.err(), Some(AcquireError::DeadlineExceeded), "it can depart until then");
    assert_eq!(start.elapsed(), Duration::ZERO, "at once");
    drop(unsent);
    send(&limiter, limit, Feedback::default()).await;
    let free = Instant::now() + SECOND + Duration::from_millis(5);
    assert_eq!(ask(free).await.err(), Some(AcquireError::DeadlineExceeded));
    assert_eq!(start.elapsed(), Duration::ZERO, "at once");
    assert_eq!(limiter.status(limit).waiting, 0);
    assert!(ask(free + Duration::from_millis(1)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn promise_9_as_many_as_a_second_allows_are_not_too_late_together() {
    let (limiter, limit, start) = (limiter("together"), RateLimit::default(), Instant::now());
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let limiter = limiter.clone();
        callers.spawn(async move {
            let (permit, _) = limiter.acquire(&Turn::new(limit, start + 2 * SECOND, LIMIT)).await?;
            leave(&permit);
            Ok::<_, AcquireError>(())
        });
    }
    assert!(callers.join_all().await.iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn promise_10_who_waits_is_told_at_once_what_a_permit_has_become() {
    let (limiter, limit, start) = (limiter("told"), RateLimit::per_second(1), Instant::now());
    let given_back = acquire(&limiter, limit).await.unwrap();
    let waiting = tokio::spawn(call(&limiter, limit));
    tokio::task::yield_now().await;
    drop(given_back);
    let answered = waiting.await.unwrap().unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(answered.depart(), "until its answer it counts for two seconds");
    let waiting = tokio::spawn(call(&limiter, limit));
    tokio::task::yield_now().await;
    answered.answered(Feedback::default());
    waiting.await.unwrap().unwrap();
    assert_eq!(start.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn promise_10_who_waits_with_another_key_is_told_that_a_permit_was_given_back() {
    let (a, b) = (Limiter::of_process("told other", "a"), Limiter::of_process("told other", "b"));
    let (limit, start) = (RateLimit::per_second(2).tenant(2), Instant::now());
    let given_back = [acquire(&a, limit).await.unwrap(), acquire(&a, limit).await.unwrap()];
    let waiting = [tokio::spawn(call(&b, limit)), tokio::spawn(call(&b, limit))];
    tokio::task::yield_now().await;
    drop(given_back);
    for waiting in waiting {
        leave(&waiting.await.unwrap().unwrap());
    }
    assert_eq!(start.elapsed(), Duration::ZERO, "the first wakes the second");
}

#[tokio::test(start_paused = true)]
async fn promise_10_a_call_behind_one_that_goes_away_is_told_at_once() {
    let (limiter, limit, start) = (limiter("goes away"), RateLimit::per_second(1), Instant::now());
    send(&limiter, limit, Feedback::default()).await;
    let early = patient(limit);
    let mut first = Box::pin(limiter.acquire(&early));
    assert!(timeout(Duration::ZERO, &mut first).await.is_err());
    let second = tokio::spawn(call(&limiter, limit));
    advance(SECOND / 2).await;
    drop(first);
    leave(&second.await.unwrap().unwrap());
    assert!(start.elapsed() < SECOND + SECOND / 100, "{:?}", start.elapsed());
}

/// Each holds a permit for a moment and gives it back unsent.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn promise_9_threads_that_meet_are_all_served_and_never_too_many() {
    let (limiter, limit) = (limiter("threads"), RateLimit::per_second(2));
    let held = Arc::new(AtomicU64::new(0));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (limiter, held) = (limiter.clone(), held.clone());
        callers.spawn(async move {
            for _ in 0..2_000 {
                let permit = acquire(&limiter, limit).await.unwrap();
                assert!(held.fetch_add(1, Ordering::SeqCst) < 2);
                tokio::task::yield_now().await;
                held.fetch_sub(1, Ordering::SeqCst);
                drop(permit);
            }
        });
    }
    timeout(LIMIT, callers.join_all()).await.unwrap();
    assert_eq!(limiter.status(limit).in_use, 0);
}

/// A call finds that it must wait, while a permit is given back: either it sees that, or it is woken.
#[tokio::test]
async fn promise_10_a_permit_that_is_given_back_meanwhile_is_not_overlooked() {
    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    let (limiter, limit) = (limiter("meanwhile"), RateLimit::per_second(1));
    let (both, mut waited) = (Barrier::new(2), 0);
    for round in 0..5_000 {
        let held = acquire(&limiter, limit).await.unwrap();
        let woken = Arc::new(Woken::default());
        let mut call = pin!(acquire(&limiter, limit));
        thread::scope(|scope| {
            let leaving = scope.spawn(|| {
                both.wait();
                (0..round % 500).for_each(|_| hint::spin_loop());
                drop(held);
            });
            both.wait();
            let polled = call.as_mut().poll(&mut Context::from_waker(&woken.clone().into()));
            leaving.join().unwrap();
            waited += u32::from(polled.is_pending());
            assert!(polled.is_ready() || woken.0.load(Ordering::SeqCst), "in round {round}");
        });
    }
    assert!(waited > 50, "they hardly met: {waited}");
}

#[tokio::test(start_paused = true)]
async fn promise_10_other_keys_learn_that_a_refused_request_has_been_answered() {
    let (a, b) = (Limiter::of_process("told 429", "a"), Limiter::of_process("told 429", "b"));
    let (limit, start) = (RateLimit::per_second(1).tenant(1), Instant::now());
    let first = acquire(&a, limit).await.unwrap();
    assert!(first.depart());
    let waiting = tokio::spawn(call(&b, limit));
    tokio::task::yield_now().await;
    first.answered(refusal(1));
    waiting.await.unwrap().unwrap();
    assert_eq!(start.elapsed().as_millis() / 10, 100);
}

#[tokio::test(start_paused = true)]
async fn promise_9_a_layer_that_holds_requests_back_cannot_send_them_together() {
    let (limiter, limit, start) = (limiter("held together"), RateLimit::default(), Instant::now());
    let held: Vec<_> = (0..20).map(|_| tokio::spawn(call(&limiter, limit))).collect();
    let mut sent = 0;
    for permit in held {
        let permit = permit.await.unwrap().unwrap();
        advance(Duration::from_millis(230)).await; // each is held for a while, and all of the first together for 4.6 s
        sent += u32::from(permit.depart());
        assert!(f64::from(sent) <= 5.0 * (start.elapsed().as_secs_f64() + 1.0));
    }
    let late: Vec<_> = [(); 5].map(|()| call(&limiter, limit)).into_iter().collect();
    let mut permits = Vec::new();
    for permit in late {
        permits.push(permit.await.unwrap());
    }
    advance(5 * SECOND).await;
    assert_eq!(permits.iter().filter(|permit| permit.depart()).count(), 0, "their permits have ended");
}

#[tokio::test(start_paused = true)]
async fn the_last_thing_that_a_call_waited_for_is_reported_unless_it_is_only_the_queue() {
    let (limiter, limit) = (limiter("reason"), RateLimit::per_second(1));
    send(&limiter, limit, refusal(2)).await;
    let calls = [(); 2].map(|()| {
        let (limiter, turn) = (limiter.clone(), patient(limit));
        tokio::spawn(async move {
            let (permit, waited_for) = limiter.acquire(&turn).await.unwrap();
            leave(&permit);
            waited_for
        })
    });
    let mut waited_for = Vec::new();
    for call in calls {
        waited_for.push(call.await.unwrap());
    }
    assert_eq!(waited_for, [Some(WaitReason::Gate), Some(WaitReason::Key)]);
}
