use meetbit_client::{AttendeeStatus, CalendarId, CancelEvent, EventId, Events, ListEvents};
use meetbit_tests::operations::event_query;
use serde_json::{Value, json};

use crate::client::{answered, refused, wire};

#[test]
fn a_list_of_events_says_what_it_is_told() {
    let client = answered(&Value::Null);
    let (from, to) = ("2030-01-07T00:00:00Z".parse().unwrap(), "2030-01-14T01:02:03.5+02:00".parse().unwrap());
    let line = "GET /api/public/v2.0/calendars/4/events?from=2030-01-07T00%3A00%3A00Z&to=2030-01-13T23%3A02%3A03.5Z";
    assert_eq!(wire(&client.list_events(CalendarId(4), from, to, &ListEvents::new())).0, line);
    let filtered = "&with_trashed=true&attribute=title&operator=%3D&value=Introduction";
    assert_eq!(wire(&client.list_events(CalendarId(4), from, to, &event_query())).0, format!("{line}{filtered}"));
}

#[test]
fn a_cancellation_carries_its_note() {
    let call = answered(&Value::Null).cancel_event(CalendarId(4), EventId(5), &CancelEvent::new("The speaker is ill."));
    let (line, body) = wire(&call);
    assert_eq!(line, "POST /api/public/v2.0/calendars/4/events/5/cancel");
    assert_eq!(body, json!({"cancel_note": "The speaker is ill."}));
}

#[test]
fn a_note_that_is_too_long_is_refused() {
    let client = answered(&Value::Null);
    let cancel = |length| client.cancel_event(CalendarId(4), EventId(5), &CancelEvent::new("ü".repeat(length)));
    assert!(cancel(255).request().is_ok());
    let text = ["The cancel_note field must not be greater than 255 characters."];
    assert_eq!(refused(&cancel(256), "cancel_note"), text);
}

#[tokio::test]
async fn an_event_survives_what_is_not_documented() {
    let least = json!({"id": 1, "calendar_id": 4, "start": "2030-01-07T09:00:00Z", "end": "2030-01-07T10:00:00Z"});
    let more = json!({
        "id": 2, "calendar_id": 4, "start": "2030-01-07T09:00:00Z", "end": "2030-01-07T10:00:00Z", "title": null,
        "attendees": [{"email": "ada@example.com", "status": -3, "rsvp": "maybe"}], "canceled_by_type": "App\\Robot",
    });
    let client = answered(&json!([least, more]));
    let from = "2030-01-07T00:00:00Z".parse().unwrap();
    let events = client.list_events(CalendarId(4), from, from, &ListEvents::new()).await.unwrap();
    assert_eq!((&events[0].title, events[0].attendees.len()), (&None, 0));
    assert_eq!(events[1].attendees[0].status, Some(AttendeeStatus(-3)));
    assert_eq!(events[1].canceled_by_type.as_deref(), Some("App\\Robot"));
}
