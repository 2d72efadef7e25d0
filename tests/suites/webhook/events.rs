//! What a signed body becomes: typed where it is known, kept whole where it is not.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use meetbit_client::webhook::{CalendarEvent, Event, Webhook};
use meetbit_client::{CalendarId, EventId};
use serde_json::{Value, json};

fn event(body: &Value) -> Event {
    serde_json::from_slice(&serde_json::to_vec(body).unwrap()).unwrap()
}

fn unknown(name: &str, data: &Value) -> Event {
    Event::Unknown { event: name.to_owned(), data: data.clone().into() }
}

#[test]
fn a_scheduled_meeting_link_has_all_its_attributes() {
    let body = json!({"event": "meeting_links.scheduled", "data": {
        "id": 1, "event_id": 2, "calendar_id": 3, "name": "Ada", "email": "ada@example.com",
        "contact_number": "+441234567890",
    }});
    let Event::MeetingLinkScheduled(link) = event(&body) else { panic!("{body}") };

    assert_eq!((link.id, link.event_id, link.calendar_id), (1, Some(EventId(2)), Some(CalendarId(3))));
    assert_eq!(link.name.as_deref(), Some("Ada"));
    assert_eq!(link.email.as_deref(), Some("ada@example.com"));
    assert_eq!(link.contact_number.as_deref(), Some("+441234567890"));
}

#[test]
fn every_type_of_calendar_event_has_a_variant() {
    let variant: fn(&Event) -> Option<&CalendarEvent> = |event| match (event.name(), event) {
        ("events.created", Event::EventCreated(known))
        | ("events.updated", Event::EventUpdated(known))
        | ("events.deleted", Event::EventDeleted(known))
        | ("events.rescheduled", Event::EventRescheduled(known))
        | ("events.reassigned", Event::EventReassigned(known)) => Some(known),
        _ => None,
    };
    for name in ["events.created", "events.updated", "events.deleted", "events.rescheduled", "events.reassigned"] {
        let event = event(&json!({"event": name, "data": {"id": 8, "calendar_id": 3}}));
        let known = variant(&event).unwrap();
        assert_eq!((event.name(), known.id, known.calendar_id), (name, EventId(8), Some(CalendarId(3))));
    }
}

#[test]
fn missing_null_and_further_attributes_lose_nothing() {
    for data in [json!({"id": 8}), json!({"id": 8, "calendar_id": null}), json!({"id": 8, "mood": "good"})] {
        let created = event(&json!({"event": "events.created", "data": data, "sent_by": "a newer MeetBit"}));
        assert!(
            matches!(created, Event::EventCreated(event) if event.id == EventId(8) && event.calendar_id.is_none()),
            "{data}"
        );

        let scheduled = event(&json!({"event": "meeting_links.scheduled", "data": data}));
        assert!(matches!(scheduled, Event::MeetingLinkScheduled(link) if link.id == 8), "{data}");
    }
}

#[test]
fn data_that_does_not_fit_its_type_is_kept_whole() {
    let misfits = [
        json!({}),
        json!({"id": null}),
        json!({"id": "8"}),
        json!({"id": 8.5}),
        json!({"id": u64::MAX}),
        json!({"id": 8, "calendar_id": "three"}),
        json!([8, 3]),
        json!("8"),
        json!(null),
    ];
    for data in misfits {
        for name in ["events.created", "meeting_links.scheduled"] {
            assert_eq!(event(&json!({"event": name, "data": data})), unknown(name, &data));
        }
    }
}

#[test]
fn an_event_without_data_is_kept() {
    assert_eq!(event(&json!({"event": "events.created"})), unknown("events.created", &Value::Null));
}

#[test]
fn an_unknown_type_is_kept_whole() {
    for name in ["rooms.repainted", "", "Events.Created", "events.created "] {
        let data = json!({"id": 1, "nested": {"list": [1, null, "x"]}});
        let event = event(&json!({"event": name, "data": data}));
        assert_eq!(event, unknown(name, &data));
        assert_eq!(event.name(), name);
    }
}

#[test]
fn a_webhook_survives_a_queue() {
    let bodies = [
        json!({"event": "meeting_links.scheduled", "data": {"id": 1, "email": "ada@example.com"}}),
        json!({"event": "events.created", "data": {"id": 8, "calendar_id": 3}}),
        json!({"event": "events.updated", "data": {"id": 8}}),
        json!({"event": "events.deleted", "data": {"id": 8}}),
        json!({"event": "events.rescheduled", "data": {"id": 8}}),
        json!({"event": "events.reassigned", "data": {"id": 8}}),
        json!({"event": "events.created", "data": {"id": "misfit"}}),
        json!({"event": "rooms.repainted", "data": {"id": "not the webhook's", "timestamp": 7}}),
    ];
    for body in bodies {
        let mut queued = body.clone();
        queued["id"] = json!("3f0e2f9b");
        queued["timestamp"] = json!("2024-08-22T01:04:05.5Z");
        let webhook: Webhook = serde_json::from_value(queued.clone()).unwrap();

        assert_eq!(serde_json::to_value(&webhook).unwrap(), queued);
        assert_eq!(serde_json::to_value(&webhook.event).unwrap(), body);
        assert_eq!(webhook.event, event(&body));
    }
}
