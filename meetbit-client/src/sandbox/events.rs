//! Calendars and their events.

use serde::Serialize;

use super::filter::Filter;
use super::online_conferences::{OnlineConference, OnlineConferences};
use super::operation_error::OperationError;
use super::reply::{self, Reply};
use super::rfc3339::Rfc3339;
use super::validation::{Fields, Input, Presence};

const CALENDARS: [i64; 2] = [1, 2];
const ATTRIBUTES: &[&str] = &[
    "id",
    "calendar_id",
    "title",
    "body",
    "location",
    "start",
    "end",
    "cancel_note",
    "canceled_by_id",
    "canceled_by_type",
    "public_id",
    "provider_event_id",
    "customer_id",
    "meeting_link_id",
    "created_at",
    "updated_at",
    "deleted_at",
];

#[derive(Debug)]
pub(super) struct Events {
    events: Vec<Event>,
}

#[derive(Debug, Serialize)]
struct Event {
    id: i64,
    calendar_id: i64,
    title: String,
    body: Option<String>,
    location: Option<String>,
    start: Rfc3339,
    end: Rfc3339,
    attendees: Vec<Attendee>,
    cancel_note: Option<String>,
    canceled_by_id: Option<i64>,
    canceled_by_type: Option<&'static str>,
    public_id: String,
    provider_event_id: Option<String>,
    customer_id: Option<i64>,
    meeting_link_id: Option<i64>,
    created_at: Rfc3339,
    updated_at: Rfc3339,
    deleted_at: Option<Rfc3339>,
}

#[derive(Debug, Serialize)]
struct Attendee {
    email: &'static str,
    name: Option<&'static str>,
    status: Option<i64>,
    is_organizer: Option<bool>,
    customer_id: Option<i64>,
    calendar_id: Option<i64>,
}

/// An event in a reply, with its online conference.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    event: &'a Event,
    online_conference: Option<&'a OnlineConference>,
}

/// The query of a list.
#[derive(Debug)]
struct Listing {
    from: Option<Rfc3339>,
    to: Option<Rfc3339>,
    with_trashed: bool,
    filter: Option<Filter>,
}

impl Events {
    /// Three events in January 2030, the last of them cancelled.
    pub(super) fn seeded() -> Self {
        const HOUR: i64 = 3600;
        const NINE_ON_THE_15TH: i64 = 1_894_698_000;
        let start = |day: i64| NINE_ON_THE_15TH + day * 24 * HOUR;
        let mut events = vec![
            Event::sample(1, "Introduction", start(0), start(0) + HOUR),
            Event::sample(2, "Review", start(1), start(1) + HOUR),
            Event::sample(3, "Farewell", start(2), start(2) + HOUR),
        ];
        if let Some(event) = events.last_mut() {
            event.cancel("No longer needed.".into(), Rfc3339::START);
        }
        Self { events }
    }

    pub(super) fn list(
        &self,
        calendar: i64,
        input: &Input,
        conferences: &OnlineConferences,
    ) -> Result<Reply, OperationError> {
        if !CALENDARS.contains(&calendar) {
            return Err(OperationError::NotFound);
        }
        let listing = input.read(Listing::read)?;
        let of_calendar = self.events.iter().filter(|event| event.calendar_id == calendar && listing.wants(event));
        let shown = of_calendar.filter_map(|event| serde_json::to_value(event.shown(conferences)).ok());
        let found: Vec<_> =
            shown.filter(|event| listing.filter.as_ref().is_none_or(|filter| filter.keeps(event))).collect();
        Ok(reply::done("Events retrieved.", &found))
    }

    /// A cancelled event counts as deleted, so cancelling it again is a 404.
    pub(super) fn cancel(
        &mut self,
        calendar: i64,
        id: i64,
        input: &Input,
        conferences: &OnlineConferences,
    ) -> Result<Reply, OperationError> {
        let is_it = |event: &&mut Event| event.id == id && event.calendar_id == calendar && event.deleted_at.is_none();
        let event = self.events.iter_mut().find(is_it).ok_or(OperationError::NotFound)?;
        let note = input.read(|fields| fields.text("cancel_note", Presence::Required).unwrap_or_default())?;
        event.cancel(note, Rfc3339::now());
        Ok(reply::done("Event canceled.", &event.shown(conferences)))
    }
}

impl Event {
    fn sample(id: i64, title: &str, start: i64, end: i64) -> Self {
        let organizer = Attendee {
            email: "grace@example.com",
            name: Some("Grace Hopper"),
            status: Some(1),
            is_organizer: Some(true),
            customer_id: None,
            calendar_id: Some(1),
        };
        let guest = Attendee {
            email: "ada@example.com",
            name: None,
            status: None,
            is_organizer: Some(false),
            customer_id: None,
            calendar_id: None,
        };
        Self {
            id,
            calendar_id: 1,
            title: title.into(),
            body: None,
            location: Some("Room 1".into()),
            start: Rfc3339::from_unix(start),
            end: Rfc3339::from_unix(end),
            attendees: vec![organizer, guest],
            cancel_note: None,
            canceled_by_id: None,
            canceled_by_type: None,
            public_id: format!("sandbox-event-{id}"),
            provider_event_id: None,
            customer_id: None,
            meeting_link_id: None,
            created_at: Rfc3339::START,
            updated_at: Rfc3339::START,
            deleted_at: None,
        }
    }

    fn cancel(&mut self, note: String, now: Rfc3339) {
        self.cancel_note = Some(note);
        self.canceled_by_id = Some(1);
        self.canceled_by_type = Some("client");
        self.updated_at = now;
        self.deleted_at = Some(now);
    }

    fn shown<'a>(&'a self, conferences: &'a OnlineConferences) -> Shown<'a> {
        Shown { event: self, online_conference: conferences.held_for(self.id) }
    }
}

impl Listing {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            from: fields.moment("from", Presence::Required),
            to: fields.moment("to", Presence::Required),
            with_trashed: fields.boolean("with_trashed", Presence::Optional) == Some(true),
            filter: Filter::read(fields, ATTRIBUTES),
        }
    }

    /// True for an event that overlaps the span from `from` to `to`.
    fn wants(&self, event: &Event) -> bool {
        Some(event.end) > self.from && Some(event.start) < self.to && (self.with_trashed || event.deleted_at.is_none())
    }
}
