//! Endpoints that the sandbox does not have: what it says of them, and what it checks once it is told to serve them.

use http::{Method, Response};
use meetbit_client::sandbox::{Fault, Sandbox};
use meetbit_client::{Api, Call, Customers as _, ErrorKind, ListUsers, NewCustomer, Users as _, api, api_endpoint};

use crate::socket::{Socket, call, get, request, start, unlimited};

#[api]
trait Notes: Api {
    #[api_endpoint(get, "/notes", perm = "notes.read.*")]
    fn list_notes(&self) -> Call<Vec<u32>>;

    #[api_endpoint(get, "/notes/latest", perm = "notes.read.*")]
    fn latest_note(&self) -> Call<u32>;

    #[api_endpoint(get, "/notes/{note_id}", perm = "notes.read.*")]
    fn get_note(&self, note_id: u32) -> Call<u32>;

    #[api_endpoint(delete, "/notes/{note_id}", perm = ["notes.delete.*", "notes.read.*"])]
    fn delete_note(&self, note_id: u32) -> Call<()>;

    #[api_endpoint(delete, "/notes/{note_id}/archive", perm = "notes.update.*")]
    fn archive_note(&self, note_id: u32) -> Call<()>;

    #[api_endpoint(get, "/notes/{note_id}/authors")]
    fn list_authors(&self, note_id: u32) -> Call<Vec<u32>>;

    #[api_endpoint(put, "/users/{user_id}", perm = "users.update.*")]
    fn replace_user(&self, user_id: u32) -> Call<()>;
}

fn done() -> Response<&'static str> {
    Response::new(r#"{"message": "Done.", "data": null}"#)
}

async fn serving(permissions: &[&str]) -> Sandbox {
    let sandbox = start(Sandbox::builder().unlimited().permissions(permissions.iter().copied())).await;
    sandbox.serve(<dyn Notes>::ENDPOINTS);
    sandbox
}

#[tokio::test]
async fn an_unscripted_path_says_how_to_script_it() {
    let sandbox = unlimited().await;
    let text = "the sandbox has no DELETE /notes/1: script it with `Sandbox::on`";
    assert_eq!(call(&sandbox, "DELETE", "/notes/1", None).await.text(), (404, text));
    sandbox.serve(<dyn Notes>::ENDPOINTS);
    assert_eq!(call(&sandbox, "DELETE", "/notes/1?a=b", None).await.text(), (404, text));
    let error = sandbox.client().delete_note(1).await.unwrap_err();
    assert_eq!((error.kind(), error.body()), (ErrorKind::NotFound, Some(text)));
    assert!(error.to_string().ends_with(text), "{error}");
}

#[tokio::test]
async fn another_method_of_a_path_that_is_there_says_the_same() {
    let sandbox = unlimited().await;
    let answer = call(&sandbox, "PUT", "/users/1", None).await;
    assert_eq!(answer.text(), (405, "the sandbox has no PUT /users/1: script it with `Sandbox::on`"));
    assert_eq!(answer.header("allow"), Some("PATCH"));
}

#[tokio::test]
async fn a_path_that_is_not_below_the_base_url_is_told_so() {
    let sandbox = unlimited().await;
    let mut socket = Socket::connect(&sandbox).await;
    socket.send(request(&sandbox, "GET", "/users", None).replace("/api/public/v2.0", "/api")).await;
    let text = "the sandbox has no GET /api/users: its paths begin with /api/public/v2.0";
    assert_eq!(socket.answer().await.text(), (404, text));
}

#[tokio::test]
async fn an_object_that_is_not_there_is_told_apart_from_a_path_that_is_not() {
    let sandbox = unlimited().await;
    for path in ["/users/99", "/users/x", "/users/-1"] {
        let answer = call(&sandbox, "PATCH", path, Some(&serde_json::json!({}))).await;
        assert_eq!(answer.text(), (404, "Resource object does not exist."), "{path}");
    }
}

#[tokio::test]
async fn a_served_endpoint_needs_its_permissions() {
    let sandbox = serving(&["notes.read.*"]).await;
    sandbox.on(Method::DELETE, "/notes/{note_id}").reply(done());
    let denied = sandbox.client().delete_note(1).await.unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::PermissionDenied);
    assert_eq!(sandbox.requests()[0].status.unwrap(), 401);

    let sandbox = serving(&["notes.delete.*"]).await;
    assert_eq!(sandbox.client().delete_note(1).await.unwrap_err().kind(), ErrorKind::PermissionDenied);

    let sandbox = serving(&["notes.*.*"]).await;
    sandbox.on(Method::DELETE, "/notes/{note_id}").reply(done());
    sandbox.client().delete_note(1).await.unwrap();
}

#[tokio::test]
async fn a_reply_waits_for_a_request_that_is_allowed() {
    let builder = Sandbox::builder().unlimited().permissions(["users.read.*"]).key("writer", "secret", ["notes.*.*"]);
    let sandbox = start(builder).await;
    sandbox.serve(<dyn Notes>::ENDPOINTS);
    sandbox.on(Method::GET, "/notes").reply(Response::new(r#"{"message": "", "data": [7]}"#));
    assert_eq!(sandbox.client().list_notes().await.unwrap_err().kind(), ErrorKind::PermissionDenied);

    let writer = meetbit_client::Client::builder("acme.example.com")
        .base_url(sandbox.base_url())
        .credentials(meetbit_client::Credentials::new("writer", "secret"))
        .build()
        .unwrap();
    assert_eq!(writer.list_notes().await.unwrap(), [7]);
}

#[tokio::test]
async fn a_fault_does_not_wait() {
    let sandbox = serving(&["users.read.*"]).await;
    sandbox.on(Method::GET, "/notes").fault(Fault::close());
    let error = sandbox.client().list_notes().retry(meetbit_client::RetryPolicy::never()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
}

#[tokio::test]
async fn an_id_at_the_end_of_a_path_is_the_scope_that_is_needed() {
    let sandbox = serving(&["notes.*.7", "notes.update.*"]).await;
    for _ in 0..2 {
        sandbox.on(Method::DELETE, "/notes/{note_id}").reply(done());
    }
    sandbox.client().delete_note(7).await.unwrap();
    assert_eq!(sandbox.client().delete_note(8).await.unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(sandbox.client().list_notes().await.unwrap_err().kind(), ErrorKind::PermissionDenied);
    sandbox.on(Method::DELETE, "/notes/{note_id}/archive").reply(done());
    sandbox.client().archive_note(8).await.unwrap();
}

#[tokio::test]
async fn an_endpoint_without_permissions_needs_a_key_only() {
    let sandbox = serving(&["users.read.*"]).await;
    sandbox.on(Method::GET, "/notes/{note_id}/authors").reply(Response::new(r#"{"message": "", "data": []}"#));
    assert!(sandbox.client().list_authors(1).await.unwrap().is_empty());

    sandbox.on(Method::GET, "/notes/{note_id}/authors").reply(done());
    let mut socket = Socket::connect(&sandbox).await;
    socket.send("GET /api/public/v2.0/notes/1/authors HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(socket.answer().await.text(), (401, "Invalid or missing access key."));
}

#[tokio::test]
async fn a_served_endpoint_keeps_to_the_rate_limits() {
    let sandbox = start(Sandbox::builder().rate_limit(1, 100)).await;
    sandbox.serve(<dyn Notes>::ENDPOINTS);
    for _ in 0..2 {
        sandbox.on(Method::GET, "/notes").reply(done());
    }
    assert_eq!(get(&sandbox, "/notes").await.status, 200);
    assert_eq!(get(&sandbox, "/notes").await.status, 429);
}

#[tokio::test]
async fn without_serve_a_scripted_reply_is_given_to_anybody() {
    let sandbox = start(Sandbox::builder().unlimited().permissions(["users.read.*"])).await;
    sandbox.on(Method::DELETE, "/notes/{note_id}").reply(done());
    sandbox.client().delete_note(1).await.unwrap();
    assert!(sandbox.requests()[0].endpoint.is_none());
}

#[tokio::test]
async fn a_request_names_the_endpoint_that_it_calls() {
    let sandbox = serving(&["*.*.*"]).await;
    let client = sandbox.client();
    for _ in 0..4 {
        sandbox.on(Method::GET, "/notes/{note_id}").reply(Response::new(r#"{"message": "", "data": 1}"#));
    }
    client.latest_note().await.unwrap();
    client.get_note(3).await.unwrap();
    client.list_users(&ListUsers::new()).await.unwrap();
    client.create_customer(&NewCustomer::new()).await.unwrap();
    let _ = client.replace_user(1).await;
    get(&sandbox, "/notes/").await;
    get(&sandbox, "/notes/1/x").await;
    let requests = sandbox.requests();
    let names: Vec<_> = requests.iter().map(|received| received.endpoint.map(meetbit_client::Endpoint::name)).collect();
    let expected = ["latest_note", "get_note", "list_users", "create_customer", "replace_user", "get_note"];
    assert_eq!(names[..6], expected.map(Some));
    assert_eq!(names[6..], [None]);
}

#[tokio::test]
async fn a_status_is_replied_with_its_name() {
    let sandbox = unlimited().await;
    for (status, expected) in
        [(503, (503, "Service Unavailable")), (404, (404, "Not Found")), (99, (500, "Internal Server Error"))]
    {
        sandbox.fault(Fault::status(status));
        assert_eq!(get(&sandbox, "/users").await.text(), expected);
    }
    sandbox.fault(Fault::status(http::StatusCode::BAD_GATEWAY));
    assert_eq!(get(&sandbox, "/users").await.status, 502);
    sandbox.fault(Fault::status(599));
    assert_eq!(get(&sandbox, "/users").await.status, 599);
}
