use meetbit_client::{
    NewOnlineConference, NewOnlineConferenceAttendee, OnlineConferenceId, OnlineConferenceUpdate, OnlineConferences,
};
use meetbit_tests::operations::new_conference;
use serde_json::{Value, json};

use crate::client::{answered, refused, wire};

#[test]
fn a_new_conference_is_sent_whole() {
    let (line, body) = wire(&answered(&Value::Null).create_online_conference(&new_conference()));
    assert_eq!(line, "POST /api/public/v2.0/online_conferences");
    assert_eq!(
        body,
        json!({
            "online_conference_account_id": 1,
            "public_id": "introduction-2030",
            "title": "Introduction",
            "is_public": false,
            "backer_event_id": 1,
            "online_conference_attendees": [{"name": "Ada", "email": "ada@example.com"}],
        })
    );
}

#[test]
fn what_a_new_conference_does_not_say_is_left_out() {
    let conference =
        NewOnlineConference::new().online_conference_account_id(1).public_id("x").title("x").is_public(true);
    let (_, body) = wire(&answered(&Value::Null).create_online_conference(&conference));
    assert_eq!(body, json!({"online_conference_account_id": 1, "public_id": "x", "title": "x", "is_public": true}));
}

#[test]
fn more_than_five_attendees_are_refused() {
    let client = answered(&Value::Null);
    let with = |attendees| {
        let attendees = vec![NewOnlineConferenceAttendee::new("Ada", "ada@example.com"); attendees];
        client.create_online_conference(&new_conference().online_conference_attendees(attendees))
    };
    assert!(with(5).request().is_ok());
    let text = ["The online_conference_attendees field must not have more than 5 items."];
    assert_eq!(refused(&with(6), "online_conference_attendees"), text);
}

#[test]
fn what_cannot_be_valid_is_refused_in_the_words_of_the_server() {
    let client = answered(&Value::Null);
    let attendees =
        [NewOnlineConferenceAttendee::new("Ada", "ada@example.com"), NewOnlineConferenceAttendee::new("Bob", "bob")];
    let call = client.create_online_conference(&new_conference().online_conference_attendees(attendees));
    let text = ["The online_conference_attendees.1.email field must be a valid email address."];
    assert_eq!(refused(&call, "online_conference_attendees.1.email"), text);
    assert!(refused(&call, "online_conference_attendees.0.email").is_empty());
    let call = client.create_online_conference(&NewOnlineConference::new());
    for field in ["online_conference_account_id", "public_id", "title", "is_public"] {
        assert_eq!(refused(&call, field), [format!("The {field} field is required.")]);
    }
}

#[test]
fn an_update_says_title_and_publicity() {
    let client = answered(&Value::Null);
    let update = |title: &str| {
        client.update_online_conference(OnlineConferenceId(3), &OnlineConferenceUpdate::new(title, false))
    };
    let (line, body) = wire(&update("Kick-off"));
    assert_eq!(line, "PATCH /api/public/v2.0/online_conferences/3");
    assert_eq!(body, json!({"title": "Kick-off", "is_public": false}));
    let text = ["The title field must not be greater than 255 characters."];
    assert_eq!(refused(&update(&"ü".repeat(256)), "title"), text);
}
