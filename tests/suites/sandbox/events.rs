//! Calendars and events.

use meetbit_client::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::socket::{get, post, unlimited};

const JANUARY: &str = "from=2030-01-01T00:00:00Z&to=2030-02-01T00:00:00%2B01:00";

async fn titles(sandbox: &Sandbox, query: &str) -> Vec<String> {
    let data = get(sandbox, &format!("/calendars/1/events?{query}")).await.data();
    data.as_array().unwrap().iter().map(|event| event["title"].as_str().unwrap().into()).collect()
}

#[tokio::test]
async fn the_events_of_a_span_are_listed() {
    let sandbox = unlimited().await;
    assert_eq!(titles(&sandbox, JANUARY).await, ["Introduction", "Review"]);
    let touching = "from=2030-01-15T10:00:00Z&to=2030-01-16T09:00:00Z";
    assert_eq!(titles(&sandbox, touching).await, [""; 0]);
    let overlapping = "from=2030-01-15T09:59:59Z&to=2030-01-16T09:00:00Z";
    assert_eq!(titles(&sandbox, overlapping).await, ["Introduction"]);
    assert_eq!(titles(&sandbox, &format!("{JANUARY}&attribute=title&value=review")).await, ["Review"]);
    assert_eq!(get(&sandbox, &format!("/calendars/2/events?{JANUARY}")).await.data(), json!([]));
}

#[tokio::test]
async fn a_conference_is_shown_with_its_event() {
    let sandbox = unlimited().await;
    let events = get(&sandbox, &format!("/calendars/1/events?{JANUARY}")).await.data();
    assert_eq!(events[0]["online_conference"]["backer_event_id"], 1);
    assert_eq!(events[1]["online_conference"], Value::Null);
    assert_eq!(events[0]["start"], "2030-01-15T09:00:00.000000Z");
}

#[tokio::test]
async fn a_span_needs_both_ends() {
    let sandbox = unlimited().await;
    let answer = get(&sandbox, "/calendars/1/events?from=yesterday").await;
    let expected = json!({"from": ["The from field must be a valid date."], "to": ["The to field is required."]});
    assert_eq!(answer.errors(), expected);
}

#[tokio::test]
async fn a_cancelled_event_is_listed_with_the_deleted_ones_alone() {
    let sandbox = unlimited().await;
    let cancelled = post(&sandbox, "/calendars/1/events/2/cancel", &json!({"cancel_note": "Ill."})).await.data();
    assert_eq!((&cancelled["cancel_note"], &cancelled["canceled_by_type"]), (&json!("Ill."), &json!("client")));
    assert!(cancelled["deleted_at"].is_string() && cancelled["canceled_by_id"].is_i64());
    assert_eq!(titles(&sandbox, JANUARY).await, ["Introduction"]);
    assert_eq!(titles(&sandbox, &format!("{JANUARY}&with_trashed=true")).await, ["Introduction", "Review", "Farewell"]);
    let again = post(&sandbox, "/calendars/1/events/2/cancel", &json!({"cancel_note": "Ill."})).await;
    assert_eq!(again.text(), (404, "Resource object does not exist."));
}

#[tokio::test]
async fn only_what_is_there_can_be_listed_or_cancelled() {
    let sandbox = unlimited().await;
    assert_eq!(get(&sandbox, &format!("/calendars/9/events?{JANUARY}")).await.status, 404);
    for path in ["/calendars/1/events/9/cancel", "/calendars/2/events/1/cancel", "/calendars/1/events/x/cancel"] {
        assert_eq!(
            post(&sandbox, path, &json!({"cancel_note": ""})).await.text(),
            (404, "Resource object does not exist.")
        );
    }
}

#[tokio::test]
async fn cancelling_needs_a_note() {
    let sandbox = unlimited().await;
    let cases = [
        (json!({}), "The cancel_note field is required."),
        (json!({"cancel_note": "x".repeat(256)}), "The cancel_note field must not be greater than 255 characters."),
    ];
    for (body, text) in cases {
        assert_eq!(
            post(&sandbox, "/calendars/1/events/1/cancel", &body).await.errors(),
            json!({"cancel_note": [text]})
        );
    }
}
