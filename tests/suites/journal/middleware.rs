//! Layers and services that send more than one request, or another reply than MeetBit's.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use meetbit_client::{
    Bytes, Client, Credentials, Customers, ErrorKind, NewCustomer, Outcome, RateLimit, Transport,
    http::{Request, Response},
    journal::{Entry, Journal},
    sandbox::Sandbox,
};
use meetbit_tests::client::Things;
use tokio::sync::{Notify, mpsc, oneshot};
use tower::{BoxError, ServiceExt, layer::layer_fn, service_fn};

fn ada() -> NewCustomer {
    NewCustomer::new().first_name("Ada")
}

/// A client whose service gives these replies, one after the other, and the number of requests.
fn answering(replies: &'static [(u16, &'static str)]) -> (Client, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let service = service_fn(move |_: Request<Bytes>| {
        let (status, body) = replies[counted.fetch_add(1, Ordering::Relaxed).min(replies.len() - 1)];
        async move { Ok::<_, Infallible>(Response::builder().status(status).body(Bytes::from(body)).unwrap()) }
    });
    let builder = Client::builder("acme.example.com").credentials(Credentials::new("id", "hush"));
    (builder.rate_limit(RateLimit::unlimited()).service(service).build().unwrap(), count)
}

#[tokio::test]
async fn promise_28_a_page_of_a_proxy_with_200_is_in_doubt() {
    let (client, count) = answering(&[(200, "<html>Welcome</html>")]);
    let journal = Journal::in_memory();
    let error = client.create_customer(&ada()).once(&journal, "crm:42").await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Decode, Outcome::Done));
    let error = client.create_customer(&ada()).once(&journal, "crm:42").await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::InDoubt, Outcome::Done), "{error}");
    assert!(error.to_string().ends_with("then call `Journal::resolve`"), "{error}");
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn promise_28_an_idempotent_call_of_which_an_attempt_may_have_acted_is_in_doubt() {
    for last in [404, 400] {
        let replies: &[_] = if last == 404 { &[(500, ""), (404, "")] } else { &[(500, ""), (400, "")] };
        let (client, count) = answering(replies);
        let journal = Journal::in_memory();
        let error = client.delete_thing("1").once(&journal, "thing:1").await.unwrap_err();
        assert_eq!(error.status().unwrap(), last);
        let error = client.delete_thing("1").once(&journal, "thing:1").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InDoubt, "{error}");
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }
}

/// The layer keeps a copy of the request, and sends it when the call has ended.
#[tokio::test]
async fn promise_28_a_request_that_a_layer_keeps_is_not_sent_after_the_end_of_its_call() {
    let sandbox = Sandbox::builder().unlimited().start().await.unwrap();
    let (ended, mut end) = mpsc::unbounded_channel::<oneshot::Sender<Result<Response<Bytes>, BoxError>>>();
    let (kept, mut copies) = mpsc::unbounded_channel::<(Transport, Request<Bytes>)>();
    let layer = layer_fn(move |inner: Transport| {
        let kept = kept.clone();
        service_fn(move |request: Request<Bytes>| {
            kept.send((inner.clone(), request.clone())).unwrap();
            inner.clone().oneshot(request)
        })
    });
    tokio::spawn(async move {
        while let (Some(answer), Some((inner, copy))) = (end.recv().await, copies.recv().await) {
            answer.send(inner.oneshot(copy).await).unwrap();
        }
    });
    let builder = Client::builder("acme.example.com").base_url(sandbox.base_url()).credentials(sandbox.credentials());
    let client = builder.rate_limit(RateLimit::unlimited()).layer(layer).build().unwrap();
    let journal = Journal::in_memory();
    let first = client.create_customer(&ada()).once(&journal, "crm:42").await.unwrap();
    let (answer, late) = oneshot::channel();
    ended.send(answer).unwrap();
    assert!(late.await.unwrap().is_err());
    assert_eq!(sandbox.requests().len(), 1);
    let again = client.create_customer(&ada()).once(&journal, "crm:42").send().await.unwrap();
    assert_eq!((again.data, again.replayed), (first, true));
}

/// The layer answers by itself while the request that it keeps is on the wire.
#[tokio::test]
async fn promise_28_a_request_that_a_layer_keeps_leaves_its_key_in_doubt() {
    let (sent, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let count = Arc::new(AtomicUsize::new(0));
    let (counted, departed, waits) = (count.clone(), sent.clone(), answer.clone());
    let service = service_fn(move |_: Request<Bytes>| {
        counted.fetch_add(1, Ordering::Relaxed);
        departed.notify_one();
        let waits = waits.clone();
        async move {
            waits.notified().await;
            Ok::<_, Infallible>(Response::new(Bytes::from(r#"{"data":{"id":7}}"#)))
        }
    });
    let layer = layer_fn(move |inner: Transport| {
        let sent = sent.clone();
        service_fn(move |request: Request<Bytes>| {
            let (kept, sent) = (inner.clone().oneshot(request), sent.clone());
            async move {
                tokio::spawn(kept);
                sent.notified().await;
                Ok::<_, BoxError>(Response::builder().status(404).body(Bytes::new()).unwrap())
            }
        })
    });
    let builder = Client::builder("acme.example.com").credentials(Credentials::new("id", "hush")).service(service);
    let client = builder.rate_limit(RateLimit::unlimited()).layer(layer).build().unwrap();
    let journal = Journal::in_memory();
    let once = || client.create_customer(&ada()).once(&journal, "crm:42");
    assert_eq!(once().await.unwrap_err().status().unwrap(), 404);
    answer.notify_one();
    assert_eq!(once().await.unwrap_err().kind(), ErrorKind::InDoubt);
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[test]
fn promise_16_the_record_of_an_entry_is_not_shown() {
    let entry = Entry { tag: 1, finished: true, changed: 2, record: b"ada@example.com".to_vec() };
    assert_eq!(format!("{entry:?}"), "Entry { tag: 1, finished: true, changed: 2, record: 15 bytes }");
}

#[tokio::test]
async fn a_key_that_a_database_cannot_index_is_refused() {
    let (client, count) = answering(&[(200, "{}")]);
    for key in ["a\0b".to_owned(), "k".repeat(1001)] {
        let error = client.create_customer(&ada()).once(&Journal::in_memory(), key).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::InvalidRequest, Outcome::NotSent));
    }
    assert_eq!(count.load(Ordering::Relaxed), 0);
}
