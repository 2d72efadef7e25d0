//! What a call does in each state of its key.

use std::time::{Duration, Instant};

use meetbit_client::{
    Client, Credentials, Customers, ErrorKind, NewCustomer, Outcome, RateLimit, RetryPolicy,
    journal::Resolution,
    sandbox::{Fault, Sandbox},
};
use meetbit_tests::{
    client::{Thing, Things},
    server::unreachable::Refusing,
};

use crate::stores::{Opened, on_each_store};

const TIME: Duration = Duration::from_millis(400);

on_each_store!(
    promise_28_a_reply_is_replayed_and_nothing_is_sent,
    promise_28_a_rejected_request_is_sent_again,
    promise_28_a_request_that_was_not_sent_is_sent_again,
    promise_28_an_unknown_outcome_is_in_doubt_until_it_is_resolved,
    promise_28_a_reply_that_cannot_be_read_is_not_asked_for_again,
    promise_28_a_key_belongs_to_one_request,
    promise_28_tasks_with_one_key_send_one_request,
    promise_28_a_call_waits_no_longer_than_its_own_time,
    promise_28_a_call_that_is_dropped_is_in_doubt_at_once,
    promise_28_a_call_that_is_dropped_in_the_queue_leaves_nothing,
    promise_28_a_retry_uses_the_same_record,
    what_is_forgotten_or_purged_is_sent_again,
    a_key_of_which_nothing_came_can_be_released_for_another_request,
    promise_28_a_key_whose_request_may_have_been_processed_is_not_released,
    a_library_authors_endpoint_can_be_sent_once,
    a_replayed_reply_is_the_same_reply,
);

async fn sandbox() -> (Sandbox, Client) {
    let sandbox = Sandbox::builder().unlimited().start().await.unwrap();
    let client = client(&sandbox);
    (sandbox, client)
}

fn client(sandbox: &Sandbox) -> Client {
    let builder = Client::builder("acme.example.com").base_url(sandbox.base_url()).credentials(sandbox.credentials());
    builder.rate_limit(RateLimit::unlimited()).build().unwrap()
}

fn ada() -> NewCustomer {
    NewCustomer::new().first_name("Ada").email("ada@example.com")
}

async fn promise_28_a_reply_is_replayed_and_nothing_is_sent(opened: Opened) {
    let (sandbox, client) = sandbox().await;
    let first = client.create_customer(&ada()).once(&opened.journal, "crm:42").send().await.unwrap();
    let again = client.create_customer(&ada()).once(&opened.again().await, "crm:42").send().await.unwrap();
    assert_eq!((first.replayed, again.replayed), (false, true));
    assert_eq!((first.attempts, again.attempts), (1, 0));
    assert_eq!(first.data, again.data);
    assert_eq!(sandbox.requests().len(), 1);
    assert_eq!(opened.journal.in_doubt().await.unwrap(), []);
}

async fn promise_28_a_rejected_request_is_sent_again(opened: Opened) {
    let (sandbox, client) = sandbox().await;
    let once = || client.create_customer(&ada()).once(&opened.journal, "crm:42");
    sandbox.fault(Fault::status(403));
    assert_eq!(once().await.unwrap_err().outcome(), Outcome::Rejected);
    once().await.unwrap();
    assert!(once().send().await.unwrap().replayed);
    assert_eq!(sandbox.requests().len(), 2);
}

async fn promise_28_a_request_that_was_not_sent_is_sent_again(opened: Opened) {
    let (refusing, id) = (Refusing::new(), format!("id-{:016x}", fastrand::u64(..)));
    let address = refusing.address();
    let builder = Client::builder("acme.example.com").base_url(format!("http://{address}/api/public/v2.0"));
    let client =
        builder.credentials(Credentials::new(&id, "s3cr3t")).rate_limit(RateLimit::unlimited()).build().unwrap();
    let once = || client.create_customer(&ada()).once(&opened.journal, "crm:42").retry(RetryPolicy::never());
    let error = once().await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Connect, Outcome::NotSent), "{error}");
    drop(refusing);
    let second = Sandbox::builder().unlimited().port(address.port()).credentials(id, "s3cr3t").start().await.unwrap();
    once().await.unwrap();
    assert_eq!(second.requests().len(), 1);
}

async fn promise_28_an_unknown_outcome_is_in_doubt_until_it_is_resolved(opened: Opened) {
    let (sandbox, client) = sandbox().await;
    let once = |key: &'static str| client.create_customer(&ada()).once(&opened.journal, key);
    for key in ["crm:1", "crm:2"] {
        sandbox.fault(Fault::reset().after_acting());
        assert_eq!(once(key).await.unwrap_err().kind(), ErrorKind::Network);
        let error = once(key).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::InDoubt, Outcome::Unknown));
        assert!(error.to_string().contains("Journal::resolve"), "{error}");
        assert!(error.to_string().contains(key), "{error}");
    }
    assert_eq!(sandbox.requests().len(), 2);
    let in_doubt = opened.again().await.in_doubt().await.unwrap();
    assert_eq!(in_doubt.iter().map(|doubt| &*doubt.key).collect::<Vec<_>>(), ["crm:1", "crm:2"]);
    assert_eq!(in_doubt[0].endpoint, "create_customer (POST /customers)");
    assert!(in_doubt[0].body.starts_with(b"{\"first_name\":\"Ada\""), "{:?}", in_doubt[0].body);

    opened.journal.resolve("crm:1", Resolution::NotDone).await.unwrap();
    once("crm:1").await.unwrap();
    assert_eq!(sandbox.requests().len(), 3);
    let found = meetbit_client::Customer::new(42).first_name("Ada");
    opened.journal.resolve("crm:2", Resolution::done(&found).unwrap()).await.unwrap();
    let replayed = once("crm:2").send().await.unwrap();
    assert!(replayed.replayed && replayed.data == found, "{replayed:?}");
    assert_eq!(sandbox.requests().len(), 3);

    for key in ["crm:1", "crm:2", "crm:3"] {
        let error = opened.journal.resolve(key, Resolution::NotDone).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{key} is not in doubt");
    }
    assert_eq!(opened.journal.in_doubt().await.unwrap(), []);
}

async fn promise_28_a_reply_that_cannot_be_read_is_not_asked_for_again(opened: Opened) {
    let (sandbox, client) = sandbox().await;
    let once = |key: &'static str| client.create_customer(&ada()).once(&opened.journal, key);
    // The reply is whole, but no customer.
    sandbox.reply(meetbit_client::http::Response::new(r#"{"data":{"id":"x"}}"#));
    for _ in 0..2 {
        let error = once("crm:1").await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Decode, Outcome::Done));
    }
    // The reply is lost.
    sandbox.fault(Fault::cut_body(5).after_acting());
    let error = once("crm:2").await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Decode, Outcome::Done));
    let error = once("crm:2").await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::InDoubt, Outcome::Done));
    assert_eq!(sandbox.requests().len(), 2);
}

async fn promise_28_a_key_belongs_to_one_request(opened: Opened) {
    let (sandbox, client) = sandbox().await;
    let journal = &opened.journal;
    let states = ["done", "rejected", "in doubt"];
    for state in states {
        match state {
            "rejected" => sandbox.fault(Fault::status(403)),
            "in doubt" => sandbox.fault(Fault::reset().after_acting()),
            _ => {}
        }
        let before = sandbox.requests().len();
        let first = client.create_customer(&ada()).once(journal, state).await;
        assert_eq!(first.is_ok(), state == "done");
        let grace = NewCustomer::new().first_name("Grace");
        let others: [meetbit_client::Error; 3] = [
            client.create_customer(&grace).once(journal, state).await.unwrap_err(),
            client.create_customer(&ada()).query("x", 1).once(journal, state).await.unwrap_err(),
            client.create_thing(&Thing::default()).once(journal, state).await.unwrap_err(),
        ];
        for error in others {
            assert_eq!(
                (error.kind(), error.outcome()),
                (ErrorKind::InvalidRequest, Outcome::NotSent),
                "{state}: {error}"
            );
            assert!(error.to_string().contains("create_customer"), "{error}");
        }
        assert_eq!(sandbox.requests().len(), before + 1, "{state}");
        let same = client.create_customer(&ada()).once(journal, state).await;
        match state {
            "in doubt" => assert_eq!(same.unwrap_err().kind(), ErrorKind::InDoubt),
            _ => drop(same.unwrap()),
        }
    }
}

async fn promise_28_tasks_with_one_key_send_one_request(opened: Opened) {
    let (sandbox, client) = sandbox().await;
    sandbox.fault(Fault::delay(Duration::from_millis(200)));
    let other = opened.again().await;
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..16 {
        let journal = if number % 2 == 0 { &opened.journal } else { &other };
        calls.spawn(client.create_customer(&ada()).once(journal, "crm:42").send());
    }
    let replies: Vec<_> = calls.join_all().await.into_iter().map(Result::unwrap).collect();
    assert_eq!(replies.iter().filter(|reply| !reply.replayed).count(), 1);
    assert!(replies.iter().all(|reply| reply.data == replies[0].data));
    assert_eq!(sandbox.requests().len(), 1);
}

async fn promise_28_a_call_waits_no_longer_than_its_own_time(opened: Opened) {
    let (sandbox, client) = sandbox().await;
    sandbox.fault(Fault::silence());
    let once = |time| client.create_customer(&ada()).once(&opened.journal, "crm:42").timeout(time);
    let first = tokio::spawn(once(Duration::from_secs(2)));
    while sandbox.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    let started = Instant::now();
    let error = once(TIME).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Timeout, Outcome::Unknown));
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(opened.journal.forget("crm:42").await.unwrap_err().kind(), ErrorKind::InvalidRequest);
    let patient = once(Duration::from_secs(20)).await.unwrap_err();
    assert_eq!(patient.kind(), ErrorKind::InDoubt, "{patient}");
    assert_eq!(first.await.unwrap().unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(sandbox.requests().len(), 1);
}

async fn promise_28_a_call_that_is_dropped_is_in_doubt_at_once(opened: Opened) {
    let (sandbox, client) = sandbox().await;
    sandbox.fault(Fault::silence());
    let once = || client.create_customer(&ada()).once(&opened.journal, "crm:42");
    let first = tokio::spawn(once());
    while sandbox.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    first.abort();
    let started = Instant::now();
    assert_eq!(once().await.unwrap_err().kind(), ErrorKind::InDoubt);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

async fn promise_28_a_call_that_is_dropped_in_the_queue_leaves_nothing(opened: Opened) {
    let (sandbox, _) = sandbox().await;
    let limit = RateLimit::every(Duration::from_mins(1));
    let builder = Client::builder("acme.example.com").base_url(sandbox.base_url()).credentials(sandbox.credentials());
    let slow = builder.rate_limit(limit).build().unwrap();
    slow.create_customer(&ada()).await.unwrap();
    let waiting = tokio::spawn(slow.create_customer(&ada()).once(&opened.journal, "crm:42"));
    while slow.rate_limit_status().waiting == 0 {
        tokio::task::yield_now().await;
    }
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    assert!(
        !opened.journal.forget("crm:42").await.unwrap(),
        "nothing was written for a call that waited for the limit"
    );
}

async fn promise_28_a_retry_uses_the_same_record(opened: Opened) {
    let (sandbox, client) = sandbox().await;
    let too_many = meetbit_client::http::Response::builder().status(429).header("Retry-After", "1").body("").unwrap();
    sandbox.reply(too_many);
    let call = client.create_customer(&ada()).once(&opened.journal, "crm:42").retry(RetryPolicy::default());
    assert_eq!(call.send().await.unwrap().attempts, 2);
    assert!(client.create_customer(&ada()).once(&opened.journal, "crm:42").send().await.unwrap().replayed);
    assert_eq!(sandbox.requests().len(), 2);
}

async fn what_is_forgotten_or_purged_is_sent_again(opened: Opened) {
    let (sandbox, client) = sandbox().await;
    let once = |key: &'static str| client.create_customer(&ada()).once(&opened.journal, key);
    once("crm:1").await.unwrap();
    assert!(opened.journal.forget("crm:1").await.unwrap());
    assert!(!opened.journal.forget("crm:1").await.unwrap());
    once("crm:1").await.unwrap();
    sandbox.fault(Fault::reset().after_acting());
    once("crm:2").await.unwrap_err();
    assert_eq!(opened.journal.purge(Duration::from_mins(1)).await.unwrap(), 0);
    tokio::time::sleep(Duration::from_millis(5)).await; // the clock of the records has milliseconds
    assert_eq!(opened.journal.purge(Duration::ZERO).await.unwrap(), 1);
    once("crm:1").await.unwrap();
    assert_eq!(once("crm:2").await.unwrap_err().kind(), ErrorKind::InDoubt, "what is in doubt stays");
    assert!(opened.journal.forget("crm:2").await.unwrap());
    assert_eq!(sandbox.requests().len(), 4);
}

async fn a_key_of_which_nothing_came_can_be_released_for_another_request(opened: Opened) {
    let (sandbox, client) = sandbox().await;
    let once = |customer: &NewCustomer| client.create_customer(customer).once(&opened.journal, "crm:42");
    assert!(!opened.journal.release("crm:42").await.unwrap(), "there is nothing");
    for status in [400, 401, 403, 422] {
        sandbox.fault(Fault::status(status));
        let refused = ada().last_name(status.to_string());
        assert_eq!(once(&refused).await.unwrap_err().outcome(), Outcome::Rejected, "{status}");
        assert_eq!(once(&ada()).await.unwrap_err().kind(), ErrorKind::InvalidRequest, "{status}");
        assert!(opened.journal.release("crm:42").await.unwrap(), "{status}");
    }
    sandbox.fault(Fault::reset().after_acting());
    once(&ada()).await.unwrap_err();
    opened.journal.resolve("crm:42", Resolution::NotDone).await.unwrap();
    assert!(opened.journal.release("crm:42").await.unwrap(), "somebody says that it was not done");
    once(&ada().last_name("Lovelace")).await.unwrap();
}

async fn promise_28_a_key_whose_request_may_have_been_processed_is_not_released(opened: Opened) {
    let (sandbox, client) = sandbox().await;
    let once = |key: &'static str| client.create_customer(&ada()).once(&opened.journal, key);
    once("crm:1").await.unwrap();
    sandbox.fault(Fault::reset().after_acting());
    once("crm:2").await.unwrap_err();
    sandbox.fault(Fault::silence());
    let under_way = tokio::spawn(once("crm:3"));
    while sandbox.requests().len() < 3 {
        tokio::task::yield_now().await;
    }
    for key in ["crm:1", "crm:2", "crm:3"] {
        assert!(!opened.journal.release(key).await.unwrap(), "{key}");
    }
    under_way.abort();
    assert!(once("crm:1").send().await.unwrap().replayed);
    for key in ["crm:2", "crm:3"] {
        assert_eq!(once(key).await.unwrap_err().kind(), ErrorKind::InDoubt, "{key}");
    }
    assert_eq!(sandbox.requests().len(), 3);
}

async fn a_library_authors_endpoint_can_be_sent_once(opened: Opened) {
    let (sandbox, client) = sandbox().await;
    let reply = meetbit_client::http::Response::new(meetbit_tests::client::THING);
    sandbox.on(meetbit_client::Method::POST, "/things").reply(reply);
    let once = || client.create_thing(&Thing::default()).once(&opened.journal, "thing:7");
    assert_eq!(once().await.unwrap().text, "seven");
    assert_eq!(once().await.unwrap().text, "seven");
    assert_eq!(sandbox.requests().len(), 1);
}

async fn a_replayed_reply_is_the_same_reply(opened: Opened) {
    let (sandbox, client) = sandbox().await;
    let once = || client.create_customer(&ada()).once(&opened.journal, "crm:42").send();
    let (first, again) = (once().await.unwrap(), once().await.unwrap());
    assert_eq!((first.status, &first.message, &first.body), (again.status, &again.message, &again.body));
    assert_eq!(first.headers, again.headers);
    assert_eq!(sandbox.requests().len(), 1);
}
