use http::{Response, StatusCode};
use meetbit_client::{
    Call, ErrorKind, Events, NewUser, OnlineConferences, Permission, Users, api, api_endpoint, permissions,
};
use meetbit_tests::operations::{CATALOGUES, new_user};

use crate::client::answered_by;

#[test]
fn the_least_role_is_the_union_of_the_catalogues() {
    let role = permissions([<dyn Users>::ENDPOINTS, <dyn Events>::ENDPOINTS, <dyn OnlineConferences>::ENDPOINTS]);
    assert_eq!(
        texts(&role),
        [
            "events.delete.*",
            "events.read.*",
            "online_conferences.create.*",
            "online_conferences.update.*",
            "users.create.*",
            "users.read.*",
            "users.update.*",
        ]
    );
}

#[api]
trait Rooms: meetbit_client::Api {
    #[api_endpoint(get, "/rooms", perm = ["rooms.*.*", "users.*.*"])]
    fn list_rooms(&self) -> Call<Vec<u32>>;
    #[api_endpoint(delete, "/rooms", perm = "rooms.delete.*")]
    fn delete_rooms(&self) -> Call<()>;
}

#[test]
fn a_wildcard_covers_what_another_endpoint_needs() {
    assert_eq!(texts(&permissions([<dyn Users>::ENDPOINTS, <dyn Rooms>::ENDPOINTS])), ["rooms.*.*", "users.*.*"]);
}

#[test]
fn of_the_documented_operations_one_permission_is_inferred() {
    let needed = CATALOGUES.concat().into_iter().flat_map(meetbit_client::Endpoint::permissions);
    let inferred: Vec<_> = needed.filter(|permission| !permission.is_documented()).collect();
    assert_eq!(texts(&inferred), ["events.read.*"]);
    assert!(<dyn Rooms>::ENDPOINTS[0].permissions().all(|permission| !permission.is_documented()));
    assert!("users.lock.*".parse::<Permission>().unwrap().is_documented());
    assert!(!"users.lock.7".parse::<Permission>().unwrap().is_documented());
}

#[tokio::test]
async fn a_refusal_names_what_this_very_call_needs() {
    let (client, _) = answered_by(|_| {
        let mut response = Response::new("Access denied.".into());
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        response
    });
    let mut passive = new_user();
    (passive.activate, passive.is_silent) = (None, None);
    let cases: [(NewUser, &str); 3] = [
        (new_user(), "lacks at least one of `users.create.*` and `users.lock.*`;"),
        (passive.clone().activate(false), "lacks `users.create.*`;"),
        (passive, "lacks `users.create.*`;"),
    ];
    for (user, expected) in cases {
        let call = client.create_user(&user);
        let named = call.permissions();
        let error = call.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.to_string().contains(expected), "{error}");
        assert!(named.iter().all(|permission| error.to_string().contains(&permission.to_string())));
    }
}

#[test]
fn a_ready_call_needs_nothing() {
    assert_eq!(Call::ready(Ok(())).permissions(), []);
}

fn texts<'a>(permissions: impl IntoIterator<Item = &'a Permission>) -> Vec<String> {
    permissions.into_iter().map(ToString::to_string).collect()
}
