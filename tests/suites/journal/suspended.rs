//! A machine that is suspended between the intent and the departure: the wall clock goes on, and tokio's clock does not.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use meetbit_client::{
    Bytes, Client, Credentials, Customer, Customers, NewCustomer, RateLimit,
    http::{Request, Response},
    journal::{Entry, Journal, Store},
};
use tower::Service;

const KEY: &str = "crm:42";
const OTHER: &str = "crm:7";
const TIME: Duration = Duration::from_secs(1);

/// What happens while the machine is suspended, with the store.
type Meanwhile = fn(&dyn Store);

/// A service that answers at once. Right before the departure of the second request, the machine is suspended for longer than the
/// request's time. The thread sleeps, so tokio's paused clock does not see it.
#[derive(Clone)]
struct Suspending {
    store: Arc<dyn Store>,
    asked: Arc<AtomicUsize>,
    meanwhile: Meanwhile,
    /// The tag of the entry of [`KEY`] before the machine is suspended, and at each departure.
    tags: Arc<Mutex<Vec<Option<i64>>>>,
}

impl Suspending {
    fn see_tag(&self) {
        let entry = at_once(self.store.get(KEY)).unwrap();
        self.tags.lock().unwrap().push(entry.map(|entry| entry.tag));
    }
}

impl Service<Request<Bytes>> for Suspending {
    type Response = Response<Bytes>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Bytes>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.asked.fetch_add(1, Ordering::Relaxed) == 1 {
            self.see_tag();
            thread::sleep(TIME + Duration::from_millis(100)); // the machine is suspended
            (self.meanwhile)(&*self.store);
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Bytes>) -> Self::Future {
        self.see_tag();
        let customer = serde_json::json!({ "data": Customer::new(7) });
        ready(Ok(Response::new(customer.to_string().into())))
    }
}

/// Creates a customer under another key, and one under [`KEY`] while the machine is suspended. Returns the tags that the service
/// has seen, and whether the second reply was replayed.
async fn suspended(meanwhile: Meanwhile) -> (Vec<Option<i64>>, bool) {
    let journal = Journal::in_memory();
    let service = Suspending { store: journal.store(), asked: Arc::default(), meanwhile, tags: Arc::default() };
    let tags = service.tags.clone();
    let builder = Client::builder("acme.example.com").credentials(Credentials::new("id", "hush")).timeout(TIME);
    let client = builder.rate_limit(RateLimit::unlimited()).service(service).build().unwrap();
    let ada = NewCustomer::new().first_name("Ada");
    client.create_customer(&ada).once(&journal, OTHER).await.unwrap();
    let response = client.create_customer(&ada).once(&journal, KEY).send().await.unwrap();
    let tags = tags.lock().unwrap().clone();
    (tags, response.replayed)
}

/// The result of a future that does not wait.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("it waits"),
    }
}

/// Another process has found the record in doubt, and has sent the request. Its reply is that of the same request under [`OTHER`].
#[tokio::test(start_paused = true)]
async fn promise_28_a_request_that_another_process_took_over_is_not_sent_when_the_machine_wakes() {
    let (tags, replayed) = suspended(|store| {
        let entry = |key| at_once(store.get(key)).unwrap().unwrap();
        let (own, reply) = (entry(KEY), entry(OTHER));
        assert!(!own.finished && reply.finished);
        assert!(at_once(store.swap(KEY, Some(own.tag), Some(&Entry { tag: 1, ..reply }))).unwrap());
    })
    .await;
    assert!(matches!(tags[..], [None, Some(_)]), "only the first request departs: {tags:?}");
    assert!(replayed);
}

#[tokio::test(start_paused = true)]
async fn promise_28_a_request_that_wakes_late_is_sent_with_a_new_intent() {
    let (tags, replayed) = suspended(|_| {}).await;
    assert!(matches!(tags[..], [None, Some(old), Some(new)] if old != new), "{tags:?}");
    assert!(!replayed);
}
