//! Callers on a paused clock: time passes when all of them wait.

use std::pin::pin;
use std::sync::{Barrier, mpsc};
use std::task::Wake;
use std::{hint, thread};

use crate::response::retry_after::RateLimitHeaders;

use tokio::time::{advance, timeout};

use super::*;

const LIMIT: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// A pacer of its own for each test.
fn pacer(test: &str) -> Pacer {
    Pacer::shared(test, "key")
}

async fn acquire(pacer: &Pacer, limit: RateLimit) -> Result<Permit, Refusal> {
    pacer.acquire(pacer.place(), limit, Instant::now() + LIMIT, LIMIT).await.map(|granted| granted.permit)
}

/// One request that is answered at once.
async fn send(pacer: &Pacer, limit: RateLimit, answer: Answer) {
    let permit = acquire(pacer, limit).await.unwrap();
    assert!(permit.depart());
    permit.answered(answer);
}

fn refusal(seconds: u64) -> Answer {
    Answer { is_refusal: true, retry_after: Some(Duration::from_secs(seconds)), ..Answer::default() }
}

#[tokio::test(start_paused = true)]
async fn promise_9_the_sixth_waits_until_the_first_has_left_the_window() {
    let (pacer, start) = (pacer("sixth"), Instant::now());
    for sent in 0..11 {
        assert_eq!(start.elapsed().as_secs(), sent / 5, "{sent}");
        assert_eq!(pacer.status(RateLimit::default()).in_use as u64, sent % 5);
        send(&pacer, RateLimit::default(), Answer::default()).await;
        if sent % 5 == 4 {
            let granted = pacer.acquire(pacer.place(), RateLimit::default(), start + LIMIT, LIMIT).await.unwrap();
            assert_eq!(granted.waited_for, Some(Wait::Key));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn promise_9_a_permit_counts_from_its_departure_or_not_at_all() {
    let (pacer, limit, start) = (pacer("departure"), RateLimit::per_second(1), Instant::now());
    drop(acquire(&pacer, limit).await.unwrap());
    let unsent = acquire(&pacer, limit).await.unwrap();
    assert!(!unsent.has_departed());
    assert_eq!(start.elapsed(), Duration::ZERO, "given back");
    advance(10 * SECOND).await;
    assert!(timeout(SECOND, acquire(&pacer, limit)).await.is_err(), "it may still leave");
    assert!(unsent.depart() && unsent.has_departed());
    drop(unsent); // given up
    acquire(&pacer, limit).await.unwrap();
    assert!(start.elapsed() >= 12 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn promise_9_keys_count_apart_and_the_tenant_together() {
    let keys = [Pacer::shared("tenant", "a"), Pacer::shared("tenant", "b"), Pacer::shared("tenant", "b")];
    let (limit, start) = (RateLimit::per_second(2).tenant(3), Instant::now());
    for key in &keys {
        send(key, limit, Answer::default()).await;
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(keys.each_ref().map(|key| key.status(limit).in_use), [1, 2, 2]);
    let granted = keys[0].acquire(keys[0].place(), limit, start + LIMIT, LIMIT).await.unwrap();
    assert_eq!(granted.waited_for, Some(Wait::Tenant));
    assert!(start.elapsed() >= SECOND);
}

#[tokio::test(start_paused = true)]
async fn promise_7_unlimited_clients_are_not_counted_but_wait_for_the_gate() {
    let (pacer, start) = (pacer("unlimited"), Instant::now());
    for _ in 0..100 {
        send(&pacer, RateLimit::unlimited(), Answer::default()).await;
    }
    assert_eq!((start.elapsed(), pacer.status(RateLimit::default()).in_use), (Duration::ZERO, 0));
    send(&pacer, RateLimit::unlimited(), refusal(7)).await;
    let granted = pacer.acquire(pacer.place(), RateLimit::unlimited(), start + LIMIT, LIMIT).await.unwrap();
    assert_eq!((start.elapsed(), granted.waited_for), (7 * SECOND, Some(Wait::Closed)));
}

#[tokio::test(start_paused = true)]
async fn promise_7_what_has_not_left_when_a_429_comes_is_held_back() {
    let pacer = pacer("held back");
    let (refused, waiting) =
        (acquire(&pacer, RateLimit::default()).await.unwrap(), acquire(&pacer, RateLimit::default()).await.unwrap());
    assert!(refused.depart());
    refused.answered(refusal(2));
    refused.answered(Answer::default()); // only the first counts
    assert!(!waiting.depart() && !waiting.has_departed());
    advance(2 * SECOND).await;
    assert!(waiting.depart());
    assert_eq!(pacer.status(RateLimit::default()).refusals, 1);
}

#[tokio::test(start_paused = true)]
async fn promise_7_every_429_counts_and_of_other_answers_the_first() {
    let pacer = pacer("every");
    let permit = acquire(&pacer, RateLimit::default()).await.unwrap();
    assert!(permit.depart());
    let nothing_left = RateLimitHeaders { limit: None, remaining: Some(0), reset: Some(9 * SECOND) };
    let closed_for = || pacer.status(RateLimit::default()).closed_for;
    permit.answered(Answer::default());
    permit.answered(Answer { headers: nothing_left, ..Answer::default() });
    assert_eq!(closed_for(), None);
    permit.answered(refusal(2));
    assert_eq!(closed_for(), Some(2 * SECOND));
    permit.answered(refusal(3));
    assert_eq!(closed_for(), Some(3 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn promise_8_a_wait_that_is_too_long_is_refused_at_once() {
    let (pacer, start) = (pacer("too long"), Instant::now());
    send(&pacer, RateLimit::default(), refusal(10)).await;
    let ask = |time: u64, most: u64| {
        let deadline = start + Duration::from_secs(time);
        pacer.acquire(pacer.place(), RateLimit::default(), deadline, Duration::from_secs(most))
    };
    let closed = Refusal::Closed { wait: 10 * SECOND, warned: false };
    assert_eq!(ask(9, 99).await.err(), Some(closed));
    assert_eq!(ask(10, 99).await.err(), Some(closed), "it opens when it is too late");
    assert_eq!(ask(99, 9).await.err(), Some(closed));
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(ask(11, 10).await.is_ok());
    assert_eq!(start.elapsed(), 10 * SECOND);
    for _ in 0..2 {
        send(&pacer, RateLimit::default(), refusal(1)).await;
    }
    assert_eq!(ask(99, 99).await.err(), Some(Refusal::Closed { wait: SECOND, warned: true }));
    advance(SECOND).await;
    send(&pacer, RateLimit::default(), Answer::default()).await;
    assert!(ask(99, 99).await.is_ok(), "a wait that helped ends the warning");
}

#[tokio::test(start_paused = true)]
async fn promise_8_those_who_wait_learn_of_a_longer_wait_at_once() {
    let (pacer, start) = (pacer("longer"), Instant::now());
    let slow = acquire(&pacer, RateLimit::default()).await.unwrap();
    slow.depart();
    send(&pacer, RateLimit::default(), refusal(10)).await;
    let waiting = tokio::spawn({
        let pacer = pacer.clone();
        async move { pacer.acquire(pacer.place(), RateLimit::default(), start + LIMIT, 20 * SECOND).await.err() }
    });
    advance(SECOND).await;
    slow.answered(refusal(50));
    assert_eq!(waiting.await.unwrap(), Some(Refusal::Closed { wait: 50 * SECOND, warned: false }));
    assert_eq!(start.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn promise_9_the_queue_is_in_order_bounded_and_left_without_a_trace() {
    let (pacer, limit, start) = (pacer("queue"), RateLimit::per_second(1).queue(3), Instant::now());
    send(&pacer, limit, Answer::default()).await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut callers = Vec::new();
    for n in 0..3 {
        let (caller, turns) = (pacer.clone(), order.clone());
        callers.push(tokio::spawn(async move {
            let granted = caller.acquire(caller.place(), limit, start + LIMIT, LIMIT).await.unwrap();
            assert_eq!(granted.waited_for, Some(Wait::Key), "what held it back once it was the first");
            assert!(granted.permit.depart());
            granted.permit.answered(Answer::default());
            lock(&turns).push(n);
        }));
        tokio::task::yield_now().await;
    }
    assert_eq!(pacer.status(limit).waiting, 3);
    assert_eq!(acquire(&pacer, limit).await.err(), Some(Refusal::QueueFull));
    let soon = pacer.acquire(pacer.place(), limit.queue(9), start + 3 * SECOND, LIMIT).await;
    assert_eq!(soon.err(), Some(Refusal::TooLate), "three are before it");
    callers[0].abort();
    tokio::task::yield_now().await;
    assert_eq!(pacer.status(limit).waiting, 2);
    for caller in callers.drain(1..) {
        caller.await.unwrap();
    }
    assert_eq!(*lock(&order), [1, 2]);
    assert_eq!((start.elapsed().as_secs(), pacer.status(limit).waiting), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn promise_9_who_is_not_polled_is_passed_over_and_keeps_its_place() {
    let keys = [Pacer::shared("set aside", "a"), Pacer::shared("set aside", "b")];
    let (limit, start) = (RateLimit::per_second(1).tenant(1), Instant::now());
    send(&keys[0], limit, Answer::default()).await;
    let ask = |key: &Pacer| {
        let key = key.clone();
        async move { key.acquire(key.place(), limit, start + LIMIT, LIMIT).await.unwrap().permit }
    };
    let mut set_aside: Vec<_> = (0..2).map(|_| Box::pin(ask(&keys[0]))).collect();
    for call in &mut set_aside {
        assert!(timeout(Duration::ZERO, call).await.is_err());
    }
    for key in &keys {
        let before = Instant::now();
        let permit = timeout(5 * SECOND, ask(key)).await.expect("a turn");
        assert!(Instant::now() >= before + SECOND, "the limit holds");
        assert!(permit.depart());
        permit.answered(Answer::default());
    }
    let again = tokio::spawn(set_aside.remove(0)); // it must wait, as the first once more
    tokio::task::yield_now().await;
    let waiting = tokio::spawn(ask(&keys[0]));
    let permit = again.await.unwrap();
    assert!(!waiting.is_finished(), "it came later");
    assert!(permit.depart());
    permit.answered(Answer::default());
    drop(set_aside);
    waiting.await.unwrap();
}

/// A call that is spawned, and what it was granted; and one that is asked once and set aside.
fn ask(pacer: &Pacer, limit: RateLimit) -> impl Future<Output = Result<Permit, Refusal>> + Send + 'static {
    let (pacer, place, deadline) = (pacer.clone(), pacer.place(), Instant::now() + LIMIT);
    async move { pacer.acquire(place, limit, deadline, LIMIT).await.map(|granted| granted.permit) }
}

fn leave(permit: &Permit) {
    assert!(permit.depart());
    permit.answered(Answer::default());
}

#[tokio::test(start_paused = true)]
async fn promise_9_a_wake_up_that_a_call_set_aside_got_is_not_lost() {
    let (pacer, limit, start) = (pacer("lost"), RateLimit::per_second(1), Instant::now());
    let connecting = ask(&pacer, limit).await.unwrap();
    let mut set_aside = Box::pin(ask(&pacer, limit));
    assert!(timeout(Duration::ZERO, &mut set_aside).await.is_err());
    let live = tokio::spawn(ask(&pacer, limit));
    advance(Duration::from_millis(100)).await;
    leave(&connecting);
    leave(&live.await.unwrap().unwrap());
    assert!(start.elapsed() < 3 * SECOND, "{:?}", start.elapsed());
    for _ in 0..6 {
        let live = tokio::spawn(ask(&pacer, limit));
        advance(2 * SECOND).await;
        leave(&live.await.unwrap().unwrap());
    }
    assert!(start.elapsed() < 18 * SECOND, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn promise_9_a_head_that_waits_for_others_to_leave_looks_again() {
    let (pacer, limit, start) = (pacer("looks"), RateLimit::per_second(1), Instant::now());
    let early = pacer.place();
    let connecting = ask(&pacer, limit).await.unwrap();
    let live = tokio::spawn(ask(&pacer, limit));
    tokio::task::yield_now().await;
    let mut set_aside = pacer.acquire(early, limit, start + LIMIT, LIMIT);
    assert!(timeout(Duration::ZERO, &mut set_aside).await.is_err());
    leave(&connecting);
    live.await.unwrap().unwrap();
    assert!(start.elapsed() < 5 * SECOND, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn promise_9_any_number_of_calls_set_aside_is_passed_over_at_once() {
    let (pacer, limit) = (pacer("many"), RateLimit::default());
    let mut set_aside: Vec<_> = (0..60).map(|_| Box::pin(ask(&pacer, limit))).collect();
    for call in &mut set_aside {
        if let Ok(granted) = timeout(Duration::ZERO, call).await {
            leave(&granted.unwrap());
        }
    }
    assert_eq!(pacer.status(limit).waiting, 55);
    let start = Instant::now();
    ask(&pacer, limit).await.unwrap();
    assert!(start.elapsed() < 6 * SECOND, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn promise_7_passing_over_keeps_the_order_of_those_who_live() {
    let (pacer, limit) = (pacer("order"), RateLimit::per_second(1));
    leave(&ask(&pacer, limit).await.unwrap());
    let mut set_aside = Box::pin(ask(&pacer, limit));
    assert!(timeout(Duration::ZERO, &mut set_aside).await.is_err());
    (0..10).for_each(|_| assert!(pacer.place() > 0, "another key's"));
    advance(SECOND + Duration::from_millis(100)).await;
    let goes = || {
        let call = ask(&pacer, limit);
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
async fn promise_7_who_has_arrived_goes_before_those_who_come_later() {
    let (pacer, limit, start) = (pacer("arrived"), RateLimit::per_second(1), Instant::now());
    let arrive = |limit| {
        let mut call = pacer.acquire(pacer.place(), limit, start + LIMIT, LIMIT);
        call.arrive();
        call
    };
    let (first, mut second) = (arrive(limit), arrive(limit));
    assert!(timeout(Duration::ZERO, &mut second).await.is_err());
    assert_eq!(pacer.status(limit).waiting, 2);
    assert!(first.await.unwrap().permit.depart());
    second.await.unwrap();
    assert!(start.elapsed() >= SECOND);
    for others_come in [true, false] {
        let gone = arrive(limit);
        assert!(pacer.tenant.arrival.is_another(u64::MAX));
        if others_come {
            assert!(timeout(Duration::ZERO, acquire(&pacer, limit)).await.is_err());
            assert_eq!((pacer.status(limit).waiting, pacer.tenant.arrival.is_another(u64::MAX)), (1, false));
        }
        drop(gone);
        assert_eq!((pacer.status(limit).waiting, pacer.tenant.arrival.is_another(u64::MAX)), (0, false));
    }
    let _refused = arrive(limit.queue(0));
    assert!(!pacer.tenant.arrival.is_another(u64::MAX), "nobody may wait");
}

#[tokio::test(start_paused = true)]
async fn promise_7_who_has_arrived_goes_first_whatever_the_others_are() {
    fn poll(call: &mut Acquire<'_>) -> Poll<Result<Granted, Refusal>> {
        Pin::new(call).poll(&mut Context::from_waker(Waker::noop()))
    }
    let keys = [Pacer::shared("whatever", "a"), Pacer::shared("whatever", "b")];
    let (limit, deadline) = (RateLimit::per_second(1).tenant(9), Instant::now() + LIMIT);
    let call = |key: usize, limit| keys[key].acquire(keys[key].place(), limit, deadline, LIMIT);
    send(&keys[1], limit, Answer::default()).await;
    let mut waits = call(1, limit);
    assert!(poll(&mut waits).is_pending());
    let mut first = call(0, limit);
    first.arrive();
    assert!(poll(&mut call(0, limit)).is_pending(), "somebody waits with another key");
    assert!(poll(&mut first).is_ready());
    drop((waits, first));
    advance(9 * SECOND).await;
    let mut first = call(0, limit.tenant(1));
    first.arrive();
    assert!(poll(&mut call(1, limit.tenant(1))).is_pending(), "the tenant's limit is for the first");
    drop(first);
    send(&keys[0], limit, Answer::default()).await;
    let (mut first, mut later) = (call(0, limit), call(0, RateLimit::per_second(9)));
    first.arrive();
    assert!(poll(&mut later).is_pending());
    assert!(poll(&mut first).is_pending());
    for _ in 0..3 {
        assert!(poll(&mut later).is_pending(), "its own limit may be higher");
        advance(Duration::from_millis(260)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn promise_9_an_earlier_place_goes_first() {
    let (pacer, limit) = (pacer("place"), RateLimit::per_second(1));
    let early = pacer.place();
    send(&pacer, limit, Answer::default()).await;
    let late = tokio::spawn({
        let pacer = pacer.clone();
        async move {
            let granted = pacer.acquire(pacer.place(), limit, Instant::now() + LIMIT, LIMIT).await.unwrap();
            (granted.waited_for, Instant::now())
        }
    });
    tokio::task::yield_now().await;
    let first = pacer.acquire(early, limit, Instant::now() + LIMIT, LIMIT).await.unwrap();
    let at = Instant::now();
    assert!(first.permit.depart());
    first.permit.answered(Answer::default());
    let (waited_for, sent) = late.await.unwrap();
    assert_eq!(waited_for, Some(Wait::Key));
    assert!(sent >= at + SECOND);
}

#[tokio::test(start_paused = true)]
async fn promise_9_a_deadline_is_a_deadline() {
    let (pacer, limit, start) = (pacer("deadline"), RateLimit::per_second(1), Instant::now());
    let ask = |deadline| pacer.acquire(pacer.place(), limit, deadline, LIMIT);
    assert_eq!(ask(start).await.err(), Some(Refusal::TooLate));
    let unsent = ask(start + SECOND).await.unwrap();
    assert_eq!(ask(start + SECOND).await.err(), Some(Refusal::TooLate), "nobody knows when it leaves");
    assert_eq!(start.elapsed(), SECOND);
    drop(unsent);
    send(&pacer, limit, Answer::default()).await;
    let free = Instant::now() + SECOND + Duration::from_millis(5);
    assert_eq!(ask(free).await.err(), Some(Refusal::TooLate));
    assert_eq!(start.elapsed(), SECOND, "at once");
    assert!(ask(free + Duration::from_millis(1)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn promise_9_as_many_as_a_second_allows_are_not_too_late_together() {
    let (pacer, limit, start) = (pacer("together"), RateLimit::default(), Instant::now());
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let pacer = pacer.clone();
        callers.spawn(async move {
            let granted = pacer.acquire(pacer.place(), limit, start + 2 * SECOND, LIMIT).await?;
            granted.permit.answered(Answer::default());
            Ok::<_, Refusal>(())
        });
    }
    assert!(callers.join_all().await.iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn promise_9_headers_ask_for_less() {
    let (pacer, start) = (pacer("headers"), Instant::now());
    let headers = |limit, remaining, reset| Answer {
        headers: RateLimitHeaders { limit, remaining, reset: Some(Duration::from_secs(reset)) },
        ..Answer::default()
    };
    send(&pacer, RateLimit::default(), headers(Some(3), Some(2), 1)).await;
    assert_eq!((pacer.status(RateLimit::default()).limit, start.elapsed()), (3, Duration::ZERO));
    send(&pacer, RateLimit::default(), headers(Some(5), Some(0), 4)).await;
    assert_eq!(pacer.status(RateLimit::default()).closed_for, Some(4 * SECOND));
    send(&pacer, RateLimit::default(), headers(Some(5), Some(0), 1)).await;
    assert_eq!(pacer.status(RateLimit::default()).closed_for, Some(SECOND), "others use the key as well");
    assert_eq!(start.elapsed(), 4 * SECOND);
    advance(2 * SECOND).await;
    for _ in 0..4 {
        send(&pacer, RateLimit::default(), headers(Some(5), Some(1), 1)).await;
    }
    send(&pacer, RateLimit::default(), headers(Some(5), Some(0), 1)).await;
    assert_eq!(pacer.status(RateLimit::default()).closed_for, None, "its own count holds the next");
    for _ in 0..4 {
        send(&pacer, RateLimit::default(), headers(Some(5), Some(1), 1)).await;
    }
    send(&pacer, RateLimit::default(), headers(Some(10), Some(0), 1)).await;
    assert_eq!(pacer.status(RateLimit::default()).closed_for, Some(SECOND), "others use up the tenant's limit");
    advance(2 * SECOND).await;
    for _ in 0..4 {
        send(&pacer, RateLimit::default(), headers(Some(5), Some(1), 1)).await;
    }
    send(&pacer, RateLimit::default(), headers(Some(5), Some(0), 3)).await;
    assert_eq!(pacer.status(RateLimit::default()).closed_for, Some(3 * SECOND), "it asks for more than a second");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_does_not_wait_takes_no_lock() {
    let pacer = pacer("no lock");
    let held = lock(&pacer.tenant.queues);
    let (done, is_done) = mpsc::channel();
    thread::spawn({
        let pacer = pacer.clone();
        move || {
            let deadline = Instant::now() + LIMIT;
            let mut call = pacer.acquire(pacer.place(), RateLimit::default(), deadline, LIMIT);
            call.arrive();
            let polled = pin!(call).poll(&mut Context::from_waker(Waker::noop()));
            let Poll::Ready(Ok(Granted { permit, .. })) = polled else { return };
            assert!(permit.depart());
            permit.answered(Answer::default());
            drop(permit);
            done.send(()).unwrap();
        }
    });
    assert_eq!(is_done.recv_timeout(10 * SECOND), Ok(()));
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn promise_10_who_waits_is_told_at_once_what_a_permit_has_become() {
    let (pacer, limit, start) = (pacer("told"), RateLimit::per_second(1), Instant::now());
    let given_back = acquire(&pacer, limit).await.unwrap();
    let waiting = tokio::spawn(ask(&pacer, limit));
    tokio::task::yield_now().await;
    drop(given_back);
    let answered = waiting.await.unwrap().unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(answered.depart(), "until its answer it counts for two seconds");
    let waiting = tokio::spawn(ask(&pacer, limit));
    tokio::task::yield_now().await;
    answered.answered(Answer::default());
    waiting.await.unwrap().unwrap();
    assert_eq!(start.elapsed().as_secs(), 1);
}

/// Each holds a permit for a moment and gives it back unsent.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn promise_9_threads_that_meet_are_all_served_and_never_too_many() {
    let (pacer, limit) = (pacer("threads"), RateLimit::per_second(2));
    let held = Arc::new(AtomicU64::new(0));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (pacer, held) = (pacer.clone(), held.clone());
        callers.spawn(async move {
            for _ in 0..2_000 {
                let permit = acquire(&pacer, limit).await.unwrap();
                assert!(held.fetch_add(1, Ordering::SeqCst) < 2);
                tokio::task::yield_now().await;
                held.fetch_sub(1, Ordering::SeqCst);
                drop(permit);
            }
        });
    }
    timeout(LIMIT, callers.join_all()).await.unwrap();
    assert_eq!(pacer.status(limit).in_use, 0);
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

    let (pacer, limit) = (pacer("meanwhile"), RateLimit::per_second(1));
    let (both, mut waited) = (Barrier::new(2), 0);
    for round in 0..10_000 {
        let held = acquire(&pacer, limit).await.unwrap();
        let woken = Arc::new(Woken::default());
        let mut call = pin!(acquire(&pacer, limit));
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
    assert!(waited > 100, "they hardly met: {waited}");
}

#[tokio::test(start_paused = true)]
async fn promise_10_other_keys_learn_that_a_refused_request_has_been_answered() {
    let (a, b) = (Pacer::shared("told 429", "a"), Pacer::shared("told 429", "b"));
    let (limit, start) = (RateLimit::per_second(1).tenant(1), Instant::now());
    let first = acquire(&a, limit).await.unwrap();
    assert!(first.depart());
    let waiting = tokio::spawn(ask(&b, limit));
    tokio::task::yield_now().await;
    first.answered(refusal(1));
    waiting.await.unwrap().unwrap();
    assert_eq!(start.elapsed().as_millis() / 10, 100);
}

#[tokio::test(start_paused = true)]
async fn promise_10_a_request_sent_again_after_its_slot_has_gone_counts_once() {
    let (pacer, limit) = (pacer("again late"), RateLimit::per_second(2));
    let permit = acquire(&pacer, limit).await.unwrap();
    assert!(permit.depart());
    advance(3 * SECOND).await;
    let other = acquire(&pacer, limit).await.unwrap();
    assert!(permit.depart(), "middleware sends it again");
    permit.answered(Answer::default());
    assert_eq!(pacer.status(limit).in_use, 2);
    drop(other);
}

#[tokio::test(start_paused = true)]
async fn promise_9_a_key_that_the_tenants_limit_holds_back_has_not_used_up_its_own() {
    let (a, b) = (Pacer::shared("misled", "a"), Pacer::shared("misled", "b"));
    let limit = RateLimit::per_second(2).tenant(2);
    let first = acquire(&a, limit).await.unwrap();
    assert!(first.depart());
    let other = acquire(&b, limit).await.unwrap();
    assert!(timeout(Duration::ZERO, acquire(&a, limit)).await.is_err(), "for the tenant");
    let headers = RateLimitHeaders { limit: Some(2), remaining: Some(0), reset: Some(SECOND) };
    first.answered(Answer { headers, ..Answer::default() });
    assert_eq!(a.status(limit).closed_for, Some(SECOND), "others use the key as well");
    drop(other);
}

#[tokio::test(start_paused = true)]
async fn promise_7_a_key_is_remembered_as_long_as_it_matters() {
    let known = |origin: &str| lock(&TENANTS).contains_key(origin);
    send(&pacer("closed"), RateLimit::default(), refusal(10)).await;
    send(&pacer("counted"), RateLimit::default(), Answer::default()).await;
    let nothing_left = RateLimitHeaders { limit: None, remaining: Some(0), reset: Some(10 * SECOND) };
    send(&pacer("reset"), RateLimit::unlimited(), Answer { headers: nothing_left, ..Answer::default() }).await;
    drop(pacer("idle"));
    let live = pacer("live");
    pacer("other");
    assert!(known("closed") && known("counted") && known("live") && !known("idle"));
    assert!(pacer("closed").status(RateLimit::default()).closed_for.is_some());
    assert_eq!(pacer("counted").status(RateLimit::default()).in_use, 1);
    advance(2 * SECOND).await;
    pacer("other");
    assert!(known("closed") && known("reset") && !known("counted"));
    advance(10 * SECOND).await;
    pacer("other");
    assert!(known("closed") && !known("reset"), "refusals in a row are not forgotten");
    drop(live);
}
