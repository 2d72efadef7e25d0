use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_core::Stream;
use http::{Request, Response, StatusCode};
use meetbit_client::{Call, Client, Credentials, Error, ErrorKind, ListUsers, Pages, RateLimit, User, UserId, Users};
use proptest::prelude::*;
use serde_json::json;

use crate::client::{Sent, answered_by};

/// A server with so many users, of whom it gives the page that it is asked for.
fn users(count: i64) -> (Client, Sent) {
    answered_by(move |request| {
        let (size, number) = (asked(request, "page_size"), asked(request, "page_number"));
        page((number - 1) * size + 1..=(number * size).min(count))
    })
}

fn page(ids: impl Iterator<Item = i64>) -> Response<Bytes> {
    let users: Vec<_> = ids.map(|id| json!({"id": id})).collect();
    Response::new(json!({"message": "Users retrieved.", "data": users}).to_string().into())
}

fn asked(request: &Request<Bytes>, name: &str) -> i64 {
    let pairs = request.uri().query().unwrap().split('&').filter_map(|pair| pair.split_once('='));
    let values: Vec<_> = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value.parse().unwrap()).collect();
    let [value] = values[..] else { panic!("`{name}` is said {} times", values.len()) };
    value
}

fn queries(sent: &Sent) -> Vec<String> {
    sent.lock().unwrap().iter().map(|request| request.uri().query().unwrap_or_default().to_owned()).collect()
}

fn ids(page: &[User]) -> Vec<i64> {
    page.iter().map(|user| user.id.0).collect()
}

async fn lengths(pages: &mut Pages<User>) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let Some(page) = pages.next().await {
        lengths.push(page.unwrap().len());
    }
    lengths
}

#[tokio::test]
async fn pages_end_after_a_short_one() {
    let (client, sent) = users(5);
    let mut pages = client.list_users(&ListUsers::new()).pages(2);
    assert_eq!(ids(&pages.next().await.unwrap().unwrap()), [1, 2]);
    assert_eq!(ids(&pages.next().await.unwrap().unwrap()), [3, 4]);
    assert_eq!(ids(&pages.next().await.unwrap().unwrap()), [5]);
    assert!(pages.next().await.is_none() && pages.next().await.is_none());
    assert_eq!(
        queries(&sent),
        [1, 2, 3, 4].map(|number| format!("page_size=2&page_number={number}")),
        "it asks once more"
    );
}

#[tokio::test]
async fn pages_end_at_an_empty_one() {
    let (client, sent) = users(4);
    assert_eq!(lengths(&mut client.list_users(&ListUsers::new()).pages(2)).await, [2, 2]);
    assert_eq!(sent.lock().unwrap().len(), 3);
    assert_eq!(lengths(&mut users(0).0.list_users(&ListUsers::new()).pages(2)).await, [0; 0]);
}

#[tokio::test]
async fn nothing_is_sent_before_a_page_is_asked_for_and_no_page_ahead() {
    let (client, sent) = users(100);
    let mut pages = client.list_users(&ListUsers::new()).pages(2);
    assert_eq!(sent.lock().unwrap().len(), 0);
    for asked in 1..=3 {
        pages.next().await.unwrap().unwrap();
        assert_eq!(sent.lock().unwrap().len(), asked);
    }
}

#[tokio::test]
async fn pages_replace_what_the_query_says_of_them_and_keep_the_rest() {
    let (client, sent) = users(2);
    let query = ListUsers::new().page_size(7).page_number(9).with_trashed(true);
    let call = client.list_users(&query).query("page", "x").header("x-trace", "t1");
    assert_eq!(lengths(&mut call.pages(2)).await, [2]);
    assert_eq!(
        queries(&sent),
        ["with_trashed=true&page=x&page_size=2&page_number=1", "with_trashed=true&page=x&page_size=2&page_number=2"]
    );
    assert!(sent.lock().unwrap().iter().all(|request| request.headers()["x-trace"] == "t1"));
}

#[tokio::test]
async fn a_list_may_name_its_pages_otherwise() {
    let (client, sent) = answered_by(|_| page(1..=1));
    let call = client.list_users(&ListUsers::new()).query("page[size]", 9);
    assert_eq!(lengths(&mut call.pages(2).names("page[size]", "page[number]")).await, [1]);
    assert_eq!(queries(&sent), ["page%5Bsize%5D=2&page%5Bnumber%5D=1", "page%5Bsize%5D=2&page%5Bnumber%5D=2"]);
}

#[tokio::test]
async fn pages_resume_from_a_number() {
    let (client, _) = users(5);
    let mut pages = client.list_users(&ListUsers::new()).pages(2).from_page(2);
    assert_eq!(pages.page_number(), 2);
    assert_eq!(ids(&pages.next().await.unwrap().unwrap()), [3, 4]);
    assert_eq!(pages.page_number(), 3);
}

#[tokio::test]
async fn an_error_ends_the_pages_and_names_the_one_that_failed() {
    let (client, sent) = answered_by(|request| match asked(request, "page_number") {
        2 => {
            let mut response = Response::new(Bytes::from_static(b"{}"));
            *response.status_mut() = StatusCode::BAD_REQUEST;
            response
        }
        number => page(number * 2..number * 2 + 2),
    });
    let mut pages = client.list_users(&ListUsers::new()).pages(2);
    assert_eq!(ids(&pages.next().await.unwrap().unwrap()), [2, 3]);
    assert_eq!(pages.next().await.unwrap().unwrap_err().kind(), ErrorKind::Validation);
    assert!(pages.next().await.is_none());
    assert_eq!((pages.page_number(), sent.lock().unwrap().len()), (2, 2));
}

/// Otherwise a server that understands no paging would be asked for the same list for ever.
#[tokio::test]
async fn a_page_that_is_larger_than_asked_for_is_an_error() {
    let (client, sent) = answered_by(|_| page(1..=3));
    let mut pages = client.list_users(&ListUsers::new()).pages(2);
    let error = pages.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert_eq!(
        error.to_string(),
        "list_users (GET /users): the page has 3 items, but 2 were asked for: this list does not understand `page_size`"
    );
    assert!(pages.next().await.is_none());
    assert_eq!(sent.lock().unwrap().len(), 1);
}

/// A page with something beside `data` that is never the same.
fn varying(ids: impl Iterator<Item = i64>) -> Response<Bytes> {
    static REQUEST: AtomicUsize = AtomicUsize::new(0);
    let users: Vec<_> = ids.map(|id| json!({"id": id})).collect();
    let request = REQUEST.fetch_add(1, Ordering::Relaxed);
    let body = match request % 3 {
        0 => format!(r#"{{"message":"Request {request}.","data":{}}}"#, json!(users)),
        1 => format!(r#"{{"data":{},"request":{request}}}"#, json!(users)),
        _ => format!(r#" {{ "request":{request},"data":{},"message":"Request {request}." }} "#, json!(users)),
    };
    Response::new(body.into())
}

/// The ids of each page.
type Served = &'static [&'static [i64]];

/// Answers with these pages, the last of which is repeated.
fn pages_of(pages: Served) -> (Client, Sent) {
    answered_by(move |request| {
        let number = usize::try_from(asked(request, "page_number")).unwrap();
        page(pages[(number - 1).min(pages.len() - 1)].iter().copied())
    })
}

/// All items of the list, and how it ended.
async fn read(client: &Client, size: u32) -> (Vec<i64>, Option<Error>) {
    let (mut pages, mut found) = (client.list_users(&ListUsers::new()).pages(size), Vec::new());
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => found.extend(ids(&page)),
            Err(error) => {
                assert!(pages.next().await.is_none(), "an error is the end");
                return (found, Some(error));
            }
        }
    }
    (found, None)
}

#[tokio::test]
async fn promise_29_a_full_page_that_comes_twice_at_once_is_an_error() {
    for varies in [false, true] {
        let (client, sent) = answered_by(move |_| if varies { varying(1..=2) } else { page(1..=2) });
        let mut pages = client.list_users(&ListUsers::new()).pages(2);
        assert_eq!(ids(&pages.next().await.unwrap().unwrap()), [1, 2]);
        assert_eq!(
            pages.next().await.unwrap().unwrap_err().to_string(),
            "list_users (GET /users): the page is the same as the one before: this list does not understand `page_number`"
        );
        assert!(pages.next().await.is_none());
        assert_eq!((pages.page_number(), sent.lock().unwrap().len()), (2, 2));
    }
}

#[tokio::test]
async fn promise_29_a_page_that_comes_again_after_others_is_the_end() {
    let table: [(Served, &[i64], usize); 4] = [
        (&[&[1, 2], &[3, 4], &[3, 4]], &[1, 2, 3, 4], 3),
        (&[&[1, 2], &[3, 4], &[1, 2], &[3, 4]], &[1, 2, 3, 4], 3),
        (&[&[1, 2], &[3, 4], &[5, 6], &[1, 2]], &[1, 2, 3, 4, 5, 6], 4),
        (&[&[1, 2], &[3, 4], &[5]], &[1, 2, 3, 4, 5], 4),
    ];
    for (pages, items, requests) in table {
        let (client, sent) = pages_of(pages);
        let (found, error) = read(&client, 2).await;
        assert!(error.is_none(), "{pages:?}: {error:?}");
        assert_eq!((&*found, sent.lock().unwrap().len()), (items, requests), "{pages:?}");
    }
    let (client, sent) = answered_by(|request| {
        let first = asked(request, "page_number") % 2 * 2;
        varying(first..=first + 1)
    });
    assert_eq!(read(&client, 2).await.0, [2, 3, 0, 1], "alternating pages end, whatever varies beside them");
    assert_eq!(sent.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn promise_29_smaller_pages_than_asked_for_lose_nothing() {
    let table: [(Served, &[i64], usize); 6] = [
        (&[&[1, 2], &[3, 4], &[5], &[]], &[1, 2, 3, 4, 5], 4),
        (&[&[1, 2], &[3, 4], &[]], &[1, 2, 3, 4], 3),
        (&[&[1, 2], &[]], &[1, 2], 2),
        (&[&[1, 2], &[1, 2]], &[1, 2], 2),
        (&[&[1, 2], &[3]], &[1, 2, 3], 3),
        (&[&[]], &[], 1),
    ];
    for (pages, items, requests) in table {
        let (client, sent) = pages_of(pages);
        let (found, error) = read(&client, 100).await;
        assert!(error.is_none(), "{pages:?}: {error:?}");
        assert_eq!((&*found, sent.lock().unwrap().len()), (items, requests), "{pages:?}");
    }
}

/// Some servers answer a page past the end with a `404`.
#[tokio::test]
async fn promise_29_a_page_that_is_not_found_after_another_is_the_end() {
    let (client, sent) = answered_by(|request| {
        let mut response = page(1..=2);
        if asked(request, "page_number") > 1 {
            *response.status_mut() = StatusCode::NOT_FOUND;
        }
        response
    });
    for (size, requests) in [(100, 2), (2, 4)] {
        let (found, error) = read(&client, size).await;
        assert!(error.is_none() && found == [1, 2] && sent.lock().unwrap().len() == requests, "{size}: {error:?}");
    }
    let mut pages = client.list_users(&ListUsers::new()).pages(2).from_page(2);
    assert_eq!(pages.next().await.unwrap().unwrap_err().kind(), ErrorKind::NotFound, "no page was found before");
}

/// A server that removes items from its pages after it has counted them.
#[tokio::test]
async fn promise_29_a_page_that_is_shorter_than_the_next_one_loses_nothing() {
    let (client, sent) = answered_by(|request| {
        let number = asked(request, "page_number");
        page((number * 15 - 14..=(number * 15).min(45)).filter(|id| *id != 20))
    });
    let (found, error) = read(&client, 15).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(found, (1..=45).filter(|id| *id != 20).collect::<Vec<_>>());
    assert_eq!(sent.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn pages_resume_after_an_error_and_after_the_end() {
    let fails = Arc::new(AtomicUsize::new(1));
    let failing = fails.clone();
    let (client, _) = answered_by(move |request| match asked(request, "page_number") {
        2 if failing.swap(0, Ordering::Relaxed) == 1 => {
            Response::builder().status(400).body(Bytes::from_static(b"{}")).unwrap()
        }
        number => page(2 * number - 1..=(2 * number).min(5)),
    });
    let mut pages = client.list_users(&ListUsers::new()).pages(2);
    assert_eq!(ids(&pages.next().await.unwrap().unwrap()), [1, 2]);
    pages.next().await.unwrap().unwrap_err();
    let number = pages.page_number();
    let mut pages = pages.from_page(number);
    assert_eq!(lengths(&mut pages).await, [2, 1], "it goes on with the page that failed");
    let number = pages.page_number();
    assert_eq!(lengths(&mut pages.from_page(number)).await, [0; 0], "there is still nothing after the end");

    let mut pages = client.list_users(&ListUsers::new()).pages(2);
    assert_eq!(lengths(&mut pages).await, [2, 2, 1]);
    assert_eq!(lengths(&mut pages.from_page(1)).await, [2, 2, 1], "the list starts anew");
}

#[tokio::test]
async fn another_page_replaces_the_one_that_is_under_way() {
    let service = tower::service_fn(|request: Request<Bytes>| async move {
        tokio::task::yield_now().await;
        let number = asked(&request, "page_number");
        Ok::<_, Infallible>(page(number..=number))
    });
    let builder = Client::builder("example.com").credentials(Credentials::new("pages-replaced", "secret"));
    let client = builder.rate_limit(RateLimit::unlimited()).service(service).build().unwrap();
    let mut pages = client.list_users(&ListUsers::new()).pages(1);
    let polled = poll_fn(|context| std::task::Poll::Ready(Pin::new(&mut pages).poll_next(context).is_pending())).await;
    assert!(polled, "page 1 is under way");
    assert_eq!(ids(&pages.from_page(3).next().await.unwrap().unwrap()), [3]);
}

#[tokio::test]
async fn promise_29_items_come_one_by_one() {
    let (client, sent) = users(5);
    let mut items = client.list_users(&ListUsers::new()).pages(2).items();
    let mut found = Vec::new();
    while let Some(user) = items.next().await {
        found.push(user.unwrap().id.0);
        let pages = usize::try_from((found.last().unwrap() + 1) / 2).unwrap();
        assert_eq!(sent.lock().unwrap().len(), pages, "no page is asked for ahead");
    }
    assert_eq!(found, [1, 2, 3, 4, 5]);
    assert!(items.next().await.is_none());

    let (client, _) = answered_by(|request| match asked(request, "page_number") {
        3 => Response::builder().status(400).body(Bytes::new()).unwrap(),
        number => page(number * 2..number * 2 + 2),
    });
    let mut items = client.list_users(&ListUsers::new()).pages(2).items();
    let mut found = Vec::new();
    let error = loop {
        match poll_fn(|context| Pin::new(&mut items).poll_next(context)).await.unwrap() {
            Ok(user) => found.push(user.id.0),
            Err(error) => break error,
        }
    };
    assert_eq!((found, error.kind(), items.page_number()), (vec![2, 3, 4, 5], ErrorKind::Validation, 3));
    assert!(items.next().await.is_none());
}

/// A server with any pages, in any order, with any of them repeated for ever.
fn servers() -> impl Strategy<Value = (Vec<Vec<i64>>, usize, u32)> {
    let page = prop::collection::vec(1..40_i64, 0..4);
    (prop::collection::vec(page, 1..6), 0..6_usize, 1..5_u32)
}

proptest! {
    #[test]
    fn promise_29_every_list_ends((pages, repeated_from, size) in servers(), varies in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let served = pages.clone();
        let (client, sent) = answered_by(move |request| {
            let number = usize::try_from(asked(request, "page_number")).unwrap() - 1;
            let repeated_from = repeated_from.min(served.len() - 1);
            let number = if number < served.len() {
                number
            } else {
                repeated_from + (number - repeated_from) % (served.len() - repeated_from)
            };
            if varies { varying(served[number].iter().copied()) } else { page(served[number].iter().copied()) }
        });
        let (found, error) = runtime.block_on(read(&client, size));
        let asked = sent.lock().unwrap().len();
        prop_assert!(asked <= pages.len() + 1, "{} requests", asked);
        if error.is_none() {
            let given: Vec<i64> = pages[..asked.min(pages.len())].concat();
            prop_assert_eq!(&given[..found.len()], &found[..], "in order, none twice, none left out");
        }
    }

    /// A server that understands pages, but gives no more than `most` items in one.
    #[test]
    fn promise_29_no_item_is_lost(count in 0..30_i64, most in 1..8_i64, size in 1..8_u32) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (client, _) = answered_by(move |request| {
            let (size, number) = (asked(request, "page_size").min(most), asked(request, "page_number"));
            page((number - 1) * size + 1..=(number * size).min(count))
        });
        let (found, error) = runtime.block_on(read(&client, size));
        prop_assert!(error.is_none(), "{:?}", error);
        prop_assert_eq!(found, (1..=count).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_size_of_none_counts_as_one() {
    let (client, sent) = users(1);
    assert_eq!(lengths(&mut client.list_users(&ListUsers::new()).pages(0)).await, [1]);
    assert_eq!(queries(&sent), ["page_size=1&page_number=1", "page_size=1&page_number=2"]);
}

#[tokio::test]
async fn the_last_possible_number_is_the_end() {
    let (client, _) = answered_by(|_| page(1..=1));
    assert_eq!(lengths(&mut client.list_users(&ListUsers::new()).pages(1).from_page(u32::MAX)).await, [1]);
}

#[tokio::test]
async fn the_pages_of_a_ready_call_are_its_one_list() {
    let mut pages = Call::ready(Ok(vec![1, 2, 3])).pages(2);
    assert_eq!(pages.next().await.unwrap().unwrap(), [1, 2, 3]);
    assert!(pages.next().await.is_none());
    let mut failed = Call::<Vec<u8>>::ready(Err(Error::new(ErrorKind::Server, "down"))).pages(2);
    assert_eq!(failed.next().await.unwrap().unwrap_err().kind(), ErrorKind::Server);
}

#[tokio::test]
async fn pages_are_a_stream() {
    let (client, _) = users(3);
    let mut pages = client.list_users(&ListUsers::new()).pages(2);
    let mut found = Vec::new();
    while let Some(page) = poll_fn(|context| Pin::new(&mut pages).poll_next(context)).await {
        found.extend(page.unwrap().into_iter().map(|user| user.id));
    }
    assert_eq!(found, [UserId(1), UserId(2), UserId(3)]);
}

/// The first poll sends; dropped there, the page is neither lost nor asked for twice.
#[tokio::test]
async fn dropping_the_future_of_a_page_loses_nothing() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let service = tower::service_fn(move |_: Request<Bytes>| {
        counted.fetch_add(1, Ordering::Relaxed);
        async {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(page(1..=1))
        }
    });
    let builder = Client::builder("example.com").credentials(Credentials::new("pages-dropped", "secret"));
    let client = builder.rate_limit(RateLimit::unlimited()).service(service).build().unwrap();
    let mut pages = client.list_users(&ListUsers::new()).pages(2);
    tokio::select! {
        biased;
        _ = pages.next() => panic!("it was ready at once"),
        () = async {} => {}
    }
    assert_eq!(ids(&pages.next().await.unwrap().unwrap()), [1]);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn every_page_is_paced() {
    let arrivals = Arc::new(Mutex::new(Vec::new()));
    let arrived = arrivals.clone();
    let service = tower::service_fn(move |request: Request<Bytes>| {
        arrived.lock().unwrap().push(Instant::now());
        let (size, number) = (asked(&request, "page_size"), asked(&request, "page_number"));
        std::future::ready(Ok::<_, Infallible>(page((number - 1) * size..(number * size).min(5))))
    });
    let builder = Client::builder("example.com").credentials(Credentials::new("pages-paced", "secret"));
    let client = builder.rate_limit(RateLimit::per_second(2)).service(service).build().unwrap();
    assert_eq!(lengths(&mut client.list_users(&ListUsers::new()).pages(2)).await, [2, 2, 1]);
    let arrivals = arrivals.lock().unwrap();
    assert!(arrivals[2] >= arrivals[0] + Duration::from_secs(1), "three within a second: {arrivals:?}");
}
