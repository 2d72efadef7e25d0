//! Calls of operations that no trait declares.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use meetbit_client::http::{Request, Response};
use meetbit_client::{
    Api, Bytes, Call, CallBuilder, Client, ErrorKind, Method, Outcome, RetryPolicy, api, api_endpoint,
};
use meetbit_tests::client::builder;
use meetbit_tests::server::raw_server::RawServer;
use meetbit_tests::server::replies;
use meetbit_tests::server::script::Plan;
use serde_json::{Value, json};
use tower::{BoxError, service_fn};

#[api]
trait Notes: Api {
    #[api_endpoint(patch, "/customers/{id}/notes/{name}", perm = "notes.update.*", idempotent)]
    fn rename(
        &self,
        id: u32,
        name: &str,
        #[query] page: u32,
        #[header("X-Trace")] trace: &str,
        #[body] note: &Value,
    ) -> Call<u32>;
}

/// A client for a server that answers with this status and body and counts requests.
fn client(status: u16, body: &'static str) -> (Client, Arc<AtomicU32>) {
    let requests = Arc::new(AtomicU32::new(0));
    let counter = requests.clone();
    let service = service_fn(move |_: Request<Bytes>| {
        counter.fetch_add(1, Ordering::SeqCst);
        let response = Response::builder().status(status).body(Bytes::from_static(body.as_bytes()));
        async move { Ok::<_, BoxError>(response?) }
    });
    (builder("https://acme.example.com/prefix/").service(service).build().unwrap(), requests)
}

fn rename(client: &Client) -> CallBuilder<u32> {
    client
        .call(Method::PATCH, "/customers/{id}/notes/{name}")
        .permission("notes.update.*")
        .path(7)
        .path("a/b")
        .query("page", 2)
        .header("X-Trace", "t")
        .body(json!({"text": "x"}))
        .idempotent()
}

#[tokio::test]
async fn an_undeclared_call_sends_what_a_declared_one_sends() {
    let server = RawServer::start(Plan::respond(|_| replies::reply(200, &[], r#"{"message":"m","data":5}"#)));
    let client = builder(&format!("{}/prefix", server.url())).build().unwrap();
    assert_eq!(client.rename(7, "a/b", 2, "t", &json!({"text": "x"})).await.unwrap(), 5);
    assert_eq!(rename(&client).await.unwrap(), 5);
    assert_eq!(rename(&client).send().await.unwrap().message.as_deref(), Some("m"));
    let record = server.finish();
    let sent: Vec<_> = record.requests.iter().map(|request| (&request.head, &request.body)).collect();
    assert!(sent[0].0.starts_with("PATCH /prefix/customers/7/notes/a%2Fb?page=2 HTTP/1.1\r\n"), "{sent:?}");
    assert_eq!((sent[1], sent[2]), (sent[0], sent[0]));
}

#[tokio::test]
async fn each_kind_of_reply_can_be_read() {
    let (enveloped, _) = client(200, r#"{"message":"m","data":[1,2]}"#);
    let notes = || enveloped.call::<Vec<u32>>(Method::GET, "/notes");
    assert_eq!(notes().await.unwrap(), [1, 2]);
    assert_eq!(notes().raw().await.unwrap_err().kind(), ErrorKind::Decode);
    assert_eq!(notes().into_bytes().await.unwrap(), r#"{"message":"m","data":[1,2]}"#);
    enveloped.call::<()>(Method::DELETE, "/notes").await.unwrap();
    let (plain, _) = client(200, "[1,2]");
    assert_eq!(plain.call::<Vec<u32>>(Method::GET, "/notes").raw().await.unwrap(), [1, 2]);
    let (empty, _) = client(200, "");
    empty.call::<()>(Method::DELETE, "/notes").await.unwrap();
    assert_eq!(empty.call::<u32>(Method::GET, "/notes").await.unwrap_err().kind(), ErrorKind::Decode);
}

#[tokio::test]
async fn an_undeclared_post_is_sent_once_unless_it_is_idempotent() {
    let policy = RetryPolicy::default().max_attempts(3);
    let (client, requests) = client(503, "down");
    let post = || client.call::<()>(Method::POST, "/notes");
    let error = post().into_call().retry(policy).await.unwrap_err();
    assert_eq!((error.outcome(), requests.swap(0, Ordering::SeqCst)), (Outcome::Unknown, 1), "{error}");
    post().idempotent().into_call().retry(policy).await.unwrap_err();
    assert_eq!(requests.swap(0, Ordering::SeqCst), 3);
    client.call::<()>(Method::PUT, "/notes").into_call().retry(policy).await.unwrap_err();
    assert_eq!(requests.swap(0, Ordering::SeqCst), 3);
}

#[tokio::test]
async fn the_error_of_a_denied_access_names_the_permissions() {
    let (client, _) = client(401, "Access denied.");
    let call = client.call::<()>(Method::GET, "/a").permission("notes.read.*").permission("users.read.*");
    let call = call.permission("notes.read.*").into_call();
    let names: Vec<_> = call.permissions().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["notes.read.*", "users.read.*"]);
    let error = call.await.unwrap_err();
    assert!(error.to_string().contains("`notes.read.*` and `users.read.*`"), "{error}");
}

#[test]
fn equal_calls_share_one_endpoint() {
    let (client, _) = client(200, "");
    let endpoint = |call: CallBuilder<u32>| call.into_call().endpoint().unwrap();
    let first = endpoint(rename(&client));
    assert_eq!((first.name(), &*first.to_string()), ("call", "PATCH /customers/{id}/notes/{name}"));
    assert!(first.is_idempotent());
    assert!((0..100).all(|_| ptr::eq(first, endpoint(rename(&client)))));
    assert!(!ptr::eq(first, endpoint(rename(&client).permission("users.read.*"))));
}

#[tokio::test]
async fn promise_21_an_undeclared_call_that_cannot_be_right_is_not_sent() {
    let (client, requests) = client(200, r#"{"data":1}"#);
    let get = |path| client.call::<u32>(Method::GET, path);
    let post = |path| client.call::<u32>(Method::POST, path);
    let calls = [
        (get("notes"), "does not begin with a slash"),
        (get("//evil.example/"), "has an empty segment"),
        (get("/a/../b"), "has the segment `.` or `..`"),
        (get("/%2e%2e/a"), "has a percent-encoding"),
        (get("/a?b"), "has a query; use `.query(..)`"),
        (get("/notes/{id}"), "the placeholder `{id}` of the path has no value"),
        (get("/notes/{id}").path("%2E%2e"), "the path argument `id` is `.` or `..`"),
        (get("/notes/{id}").path(1).path(2), "the path has fewer placeholders than arguments"),
        (get("/notes").body(1), "a `GET` request has no body"),
        (get("/notes").header("Host", "evil.example"), "the header `host` is set by the client"),
        (get("/notes").permission("notes"), "`notes` is not a permission"),
        (post("/notes").bytes("a\nb", "x"), "the media type of the body has a line break"),
        (
            post("/notes").bytes("text/plain; title=ü", "x"),
            "the media type of the body has a character that is not ASCII",
        ),
        (post("/notes").bytes("", "x"), "the media type of the body is empty"),
        (post("/notes").bytes(" text/csv", "x"), "the media type of the body has leading or trailing whitespace"),
        (client.call(Method::CONNECT, "/notes"), "`CONNECT` cannot be called"),
    ];
    for (call, why) in calls {
        assert_eq!(call.clone().into_call().request().unwrap_err().kind(), ErrorKind::InvalidRequest);
        let error = call.await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::InvalidRequest, Outcome::NotSent), "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
    assert_eq!(requests.load(Ordering::SeqCst), 0);
}
