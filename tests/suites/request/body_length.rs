//! How a request says how long its body is, and what is not a body: promise 26.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meetbit_client::http::{HeaderMap, Request, Response, header};
use meetbit_client::{Api, Bytes, Call, Client, Transport, api, api_endpoint};
use meetbit_tests::client::{builder, client};
use meetbit_tests::server::raw_server::RawServer;
use meetbit_tests::server::script::{Plan, Script};
use meetbit_tests::server::tls::Authority;
use meetbit_tests::server::{record, replies};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use serde::Serialize;
use serde_json::Value;
use tower::layer::layer_fn;
use tower::{BoxError, ServiceExt, service_fn};

#[api]
trait Notes: Api {
    #[api_endpoint(post, "/notes/{id}/archive")]
    fn archive(&self, id: i64) -> Call<()>;
    #[api_endpoint(put, "/notes/{id}/star")]
    fn star(&self, id: i64) -> Call<()>;
    #[api_endpoint(patch, "/notes/{id}/touch")]
    fn touch(&self, id: i64) -> Call<()>;
    #[api_endpoint(get, "/notes/{id}")]
    fn get(&self, id: i64) -> Call<()>;
    #[api_endpoint(delete, "/notes/{id}")]
    fn delete(&self, id: i64) -> Call<()>;
    #[api_endpoint(post, "/notes")]
    fn create(&self, #[body] note: Option<&NewNote>) -> Call<()>;
    #[api_endpoint(post, "/notes/form")]
    fn form(&self, #[form] note: Option<&NewNote>) -> Call<()>;
    #[api_endpoint(post, "/notes/wrapped")]
    fn wrapped(&self, #[body] note: &Wrapped<'_>) -> Call<()>;
    #[api_endpoint(post, "/notes/raw")]
    fn json(&self, #[body] value: &Value) -> Call<()>;
    #[api_endpoint(post, "/notes/unit")]
    fn unit(&self, #[body] value: ()) -> Call<()>;
    #[api_endpoint(get, "/notes")]
    fn list(&self, #[query] tag: Option<&str>, #[query] filter: Option<&NewNote>) -> Call<()>;
}

#[derive(Serialize)]
struct NewNote {
    text: String,
    color: Option<u8>,
}

#[derive(Serialize)]
struct Wrapped<'a>(Option<&'a NewNote>);

fn note() -> NewNote {
    NewNote { text: "a b".to_owned(), color: None }
}

/// A server that takes any request, and a connection for each.
fn server() -> RawServer {
    RawServer::start(Plan::respond(|_| replies::reply(200, &[], "")))
}

fn bodiless(client: &Client) -> [Call<()>; 3] {
    [client.archive(7), client.star(7), client.touch(7)]
}

fn length(request: &record::Request) -> Option<&str> {
    request.header("content-length")
}

#[tokio::test]
async fn promise_26_a_post_without_a_body_has_content_length_zero() {
    let server = server();
    let client = client(&server);
    for call in bodiless(&client) {
        call.await.unwrap();
    }
    let record = server.finish();
    assert_eq!(record.connections.len(), 1, "the connection is used again");
    for request in &record.requests {
        assert_eq!((length(request), request.header("content-type")), (Some("0"), None), "{}", request.head);
        assert_eq!(request.head.matches("ontent-").count(), 1, "{}", request.head);
    }
}

#[tokio::test]
async fn promise_26_a_get_or_delete_without_a_body_has_no_content_length() {
    let server = server();
    let client = client(&server);
    client.get(7).await.unwrap();
    client.delete(7).await.unwrap();
    client.list(None, None).await.unwrap();
    let record = server.finish();
    assert!(record.requests.iter().all(|request| length(request).is_none()));
    assert_eq!(record.requests[2].target(), "/notes");
}

#[tokio::test]
async fn promise_26_a_service_and_a_layer_see_the_length_zero() {
    let seen: Arc<Mutex<Vec<HeaderMap>>> = Arc::default();
    let service = service_fn({
        let seen = seen.clone();
        move |request: Request<Bytes>| {
            seen.lock().unwrap().push(request.headers().clone());
            async { Ok::<_, BoxError>(Response::new(Bytes::new())) }
        }
    });
    let stand_in = builder("http://127.0.0.1:1").service(service).build().unwrap();
    let server = server();
    let watched = seen.clone();
    let watch = layer_fn(move |inner: Transport| {
        let watched = watched.clone();
        inner.map_request(move |request: Request<Bytes>| {
            watched.lock().unwrap().push(request.headers().clone());
            request
        })
    });
    let layered = builder(&server.url()).layer(watch).build().unwrap();
    for client in [stand_in, layered] {
        for call in bodiless(&client) {
            call.await.unwrap();
        }
        client.get(7).await.unwrap();
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        let lengths: Vec<_> = seen.iter().map(|headers| headers.get(header::CONTENT_LENGTH)).collect();
        assert!(lengths[..3].iter().all(|length| *length.unwrap() == "0") && lengths[3].is_none(), "{lengths:?}");
        assert_eq!(client.archive(7).request().unwrap().headers()[header::CONTENT_LENGTH], "0");
    }
    let record = server.finish();
    assert!(record.requests[..3].iter().all(|request| length(request) == Some("0")));
    assert_eq!(length(&record.requests[3]), None);
}

#[tokio::test]
async fn promise_26_middleware_that_changes_a_body_changes_its_length() {
    let server = server();
    let swap = layer_fn(|inner: Transport| {
        inner.map_request(|request: Request<Bytes>| {
            let other = if request.body().is_empty() { Bytes::from("seven 7") } else { Bytes::new() };
            request.map(|_| other)
        })
    });
    let client = builder(&server.url()).layer(swap).build().unwrap();
    client.archive(7).await.unwrap();
    client.create(Some(&note())).await.unwrap();
    let record = server.finish();
    assert_eq!(record.requests.iter().map(length).collect::<Vec<_>>(), [Some("7"), Some("0")]);
    assert_eq!(record.requests[0].body, "seven 7");
}

#[tokio::test]
async fn promise_26_none_is_an_absent_body() {
    let server = server();
    let client = client(&server);
    for call in [client.create(None), client.form(None), client.wrapped(&Wrapped(None))] {
        call.await.unwrap();
    }
    for call in [client.create(Some(&note())), client.wrapped(&Wrapped(Some(&note())))] {
        call.await.unwrap();
    }
    client.form(Some(&note())).await.unwrap();
    client.json(&Value::Null).await.unwrap();
    client.unit(()).await.unwrap();
    let json = "application/json";
    let expected = [
        ("", None),
        ("", None),
        ("", None),
        (r#"{"text":"a b","color":null}"#, Some(json)),
        (r#"{"text":"a b","color":null}"#, Some(json)),
        ("text=a+b", Some("application/x-www-form-urlencoded")),
        ("null", Some(json)),
        ("null", Some(json)),
    ];
    for (request, (body, media_type)) in server.finish().requests.iter().zip(expected) {
        assert_eq!((&*request.body, request.header("content-type")), (body.as_bytes(), media_type), "{}", request.head);
        assert_eq!(length(request), Some(&*body.len().to_string()));
    }
}

/// Resolves every name to this address, all but the first time later.
struct SlowLater(SocketAddr, AtomicBool);

impl Resolve for SlowLater {
    fn resolve(&self, _: Name) -> Resolving {
        let wait = if self.1.swap(true, Ordering::Relaxed) { Duration::from_millis(400) } else { Duration::ZERO };
        let address = self.0;
        Box::pin(async move {
            tokio::time::sleep(wait).await; // the way is this long
            Ok(Box::new([address].into_iter()) as Addrs)
        })
    }
}

/// A `429` arrives while the second request connects.
#[tokio::test]
async fn promise_7_a_request_without_a_body_is_held_back_too() {
    let authority = Authority::new();
    let plan = Plan::each(|connection| match connection {
        0 => Script::new().read_request().write(replies::too_many_requests(Some("1"))).respond(|_| replies::customer()),
        _ => Script::new().respond(|_| replies::customer()),
    });
    let server = RawServer::start_tls(plan, authority.trusted());
    let resolver = SlowLater(server.address(), AtomicBool::new(false));
    let root = reqwest::Certificate::from_der(authority.der()).unwrap();
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([root]).dns_resolver(Arc::new(resolver));
    let url = format!("https://acme.example.com:{}", server.address().port());
    let client = builder(&url).http_client(http).build().unwrap();
    let (refused, held) = tokio::join!(client.archive(1).send(), client.archive(2).send());
    assert_eq!((refused.unwrap().attempts, held.unwrap().attempts), (2, 1));
    let record = server.finish();
    let first = record.requests[0].head_read;
    assert!(record.connections[1].accepted < first + Duration::from_secs(1), "it was connected");
    assert_eq!(record.requests.len(), 3);
    assert!(record.requests[1..].iter().all(|request| request.head_read >= first + Duration::from_secs(1)));
}
