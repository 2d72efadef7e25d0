//! Online conferences.

use serde_json::{Value, json};

use crate::socket::{get, patch, post, unlimited};

fn conference() -> Value {
    json!({"online_conference_account_id": 1, "backer_event_id": 2, "public_id": "abc", "title": "Talk", "is_public": false})
}

#[tokio::test]
async fn a_conference_is_created_and_shown_with_its_event() {
    let sandbox = unlimited().await;
    let mut sent = conference();
    sent["online_conference_attendees"] = json!([{"name": "Ada", "email": "ada@example.com"}]);
    let data = post(&sandbox, "/online_conferences", &sent).await.data();
    for (field, value) in conference().as_object().unwrap() {
        assert_eq!(&data[field], value);
    }
    assert_eq!((&data["id"], &data["is_occurred"], &data["ended_at"]), (&json!(3), &json!(false), &Value::Null));
    let events = get(&sandbox, "/calendars/1/events?from=2030-01-16T00:00:00Z&to=2030-01-17T00:00:00Z").await.data();
    assert_eq!(events[0]["online_conference"], data);
}

#[tokio::test]
async fn a_conference_has_five_attendees_at_most() {
    let sandbox = unlimited().await;
    let mut sent = conference();
    let attendee = json!({"name": "Ada", "email": "ada@example.com"});
    sent["online_conference_attendees"] = vec![attendee.clone(); 5].into();
    assert_eq!(post(&sandbox, "/online_conferences", &sent).await.status, 200);
    sent["online_conference_attendees"] = vec![attendee; 6].into();
    let text = "The online_conference_attendees field must not have more than 5 items.";
    let answer = post(&sandbox, "/online_conferences", &sent).await;
    assert_eq!(answer.errors(), json!({"online_conference_attendees": [text]}));
    sent["online_conference_attendees"] = json!([{"email": "x"}]);
    let expected = json!({
        "online_conference_attendees.0.name": ["The online_conference_attendees.0.name field is required."],
        "online_conference_attendees.0.email": ["The online_conference_attendees.0.email field must be a valid email address."],
    });
    assert_eq!(post(&sandbox, "/online_conferences", &sent).await.errors(), expected);
}

#[tokio::test]
async fn a_conference_is_updated_until_it_has_ended() {
    let sandbox = unlimited().await;
    let update = json!({"title": "Other", "is_public": false});
    let data = patch(&sandbox, "/online_conferences/1", &update).await.data();
    assert_eq!((&data["title"], &data["is_public"]), (&json!("Other"), &json!(false)));
    let ended = patch(&sandbox, "/online_conferences/2", &update).await;
    assert_eq!(ended.text(), (409, "Online conference has already ended."));
    assert_eq!(patch(&sandbox, "/online_conferences/9", &update).await.status, 404);
    let expected =
        json!({"title": ["The title field is required."], "is_public": ["The is_public field is required."]});
    assert_eq!(patch(&sandbox, "/online_conferences/1", &json!({})).await.errors(), expected);
}
