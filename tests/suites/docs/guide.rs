//! What the guide makes of a library author's first afternoon: three endpoints and their tests, in 60 lines.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "it is short on purpose")]

use meetbit_client::http::{Method, Response};
use meetbit_client::sandbox::Sandbox;
use meetbit_client::{Api, Call, ErrorKind, api, api_endpoint};

#[derive(Debug, PartialEq, serde::Deserialize)]
pub struct Room {
    id: u32,
    name: String,
}

#[derive(Debug, serde::Serialize)]
pub struct NewRoom {
    name: String,
}

#[api]
pub trait Rooms: Api {
    #[api_endpoint(get, "/rooms", perm = "rooms.read.*")]
    fn list_rooms(&self, #[query] building: Option<&str>) -> Call<Vec<Room>>;

    #[api_endpoint(post, "/rooms", perm = "rooms.create.*")]
    fn create_room(&self, #[body] room: &NewRoom) -> Call<Room>;

    #[api_endpoint(delete, "/rooms/{room_id}", perm = "rooms.delete.*")]
    fn delete_room(&self, room_id: u32) -> Call<()>;
}

#[tokio::test]
async fn rooms_are_listed() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.reply(Response::new(r#"{"message":"Rooms.","data":[{"id":1,"name":"Ada"}]}"#));
    let rooms = sandbox.client().list_rooms(Some("north wing")).await.unwrap();
    assert_eq!(rooms, [Room { id: 1, name: "Ada".into() }]);
    assert_eq!(sandbox.requests()[0].query.as_deref(), Some("building=north+wing"));
}

#[tokio::test]
async fn a_room_is_created() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.on(Method::POST, "/rooms").reply(Response::new(r#"{"message":"Created.","data":{"id":7,"name":"Ada"}}"#));
    assert_eq!(sandbox.client().create_room(&NewRoom { name: "Ada".into() }).await.unwrap().id, 7);
    assert_eq!(sandbox.requests()[0].body, r#"{"name":"Ada"}"#);
}

#[tokio::test]
async fn a_room_that_is_not_there_is_not_deleted() {
    let sandbox = Sandbox::start().await.unwrap();
    let error = sandbox.client().delete_room(7).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(<dyn Rooms>::ENDPOINTS.len(), 3);
}
