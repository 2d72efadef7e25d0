use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::resources::ids::id;
use crate::resources::model::{null_is_empty, setters};
use crate::{
    Api, CalendarId, Call, Checks, CustomerId, EventId, MeetingLinkId, OnlineConference, Validate, ValidationError,
    api, api_endpoint,
};

/// Events in the calendars of users.
#[api]
pub trait Events: Api {
    /// Lists the events of a calendar between two times.
    ///
    /// The permission `events.read.*` is inferred. The vendor documents no pages for this list: it is unknown whether a
    /// long time span comes complete, and whether an event that overlaps `from` or `to` is listed.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(client: meetbit_client::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use meetbit_client::{CalendarId, Events, ListEvents};
    ///
    /// let from = "2030-01-07T00:00:00Z".parse()?;
    /// let to = "2030-01-14T00:00:00Z".parse()?;
    /// let query = ListEvents::new();
    /// for event in client.list_events(CalendarId(1), from, to, &query).await? {
    ///     println!("{} {}", event.start, event.title.unwrap_or_default());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[api_endpoint(get, "/calendars/{calendar_id}/events", perm = "events.read.*")]
    fn list_events(
        &self,
        calendar_id: CalendarId,
        #[query] from: Timestamp,
        #[query] to: Timestamp,
        #[query] query: &ListEvents,
    ) -> Call<Vec<Event>>;

    /// Cancels an event. A cancelled event can still be listed, with [`with_trashed`](ListEvents::with_trashed).
    ///
    /// The request is sent at most once. The reference lists no `400` here although the note's length is limited; a `400`
    /// is a [`Validation`](crate::ErrorKind::Validation) error, as everywhere.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::{CalendarId, CancelEvent, EventId, Events};
    ///
    /// let note = CancelEvent::new("The speaker is ill.");
    /// client.cancel_event(CalendarId(1), EventId(2), &note).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[api_endpoint(post, "/calendars/{calendar_id}/events/{event_id}/cancel", perm = "events.delete.*")]
    fn cancel_event(&self, calendar_id: CalendarId, event_id: EventId, #[body] cancel: &CancelEvent) -> Call<Event>;
}

id! {
    /// The attendance status: a code whose values the vendor does not document.
    AttendeeStatus
}

/// Which events to list. A field that is `None` is left out of the query.
///
/// ```
/// use meetbit_client::ListEvents;
///
/// let with_cancelled = ListEvents::new().with_trashed(true);
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListEvents {
    /// Whether to include cancelled events.
    pub with_trashed: Option<bool>,
    /// The attribute to filter by. The name of this field is inferred; the attributes are not documented.
    pub attribute: Option<String>,
    /// The operator that compares the attribute with the value. The operators are not documented.
    pub operator: Option<String>,
    /// The value to compare the attribute with.
    pub value: Option<String>,
}

impl ListEvents {
    /// Lists all events that are not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

setters!(ListEvents { with_trashed: bool, attribute: String, operator: String, value: String });

/// The reason for a cancellation.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelEvent {
    /// The note, at most 255 characters.
    pub cancel_note: String,
}

impl CancelEvent {
    /// A cancellation with this note.
    pub fn new(cancel_note: impl Into<String>) -> Self {
        Self { cancel_note: cancel_note.into() }
    }
}

impl Validate for CancelEvent {
    fn validate(&self) -> Result<(), ValidationError> {
        Checks::new().max_length("cancel_note", Some(&self.cancel_note), 255).finish()
    }
}

/// An event that MeetBit returns.
///
/// The vendor does not document which fields are always present. This type requires `id`, `calendar_id`, `start` and `end`,
/// which is inferred.
///
/// A fake makes one with [`Event::new`] and the setters:
/// ```
/// use meetbit_client::{Event, EventAttendee};
///
/// let start = "2030-01-07T09:00:00Z".parse()?;
/// let end = "2030-01-07T10:00:00Z".parse()?;
/// let ada = EventAttendee::new("ada@example.com").is_organizer(true);
/// let event = Event::new(7, 1, start, end).title("Hello").attendees([ada]);
/// # let _ = event;
/// # Ok::<(), meetbit_client::jiff::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The id.
    pub id: EventId,
    /// The calendar that contains it.
    pub calendar_id: CalendarId,
    /// The title.
    pub title: Option<String>,
    /// The description.
    pub body: Option<String>,
    /// The location.
    pub location: Option<String>,
    /// The start.
    pub start: Timestamp,
    /// The end.
    pub end: Timestamp,
    /// The attendees.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub attendees: Vec<EventAttendee>,
    /// The reason for the cancellation.
    pub cancel_note: Option<String>,
    /// The id of the user, or of another object, that cancelled it; [`canceled_by_type`](Self::canceled_by_type) says which.
    pub canceled_by_id: Option<i64>,
    /// The type of object that cancelled it; the values are not documented.
    pub canceled_by_type: Option<String>,
    /// The public id.
    pub public_id: Option<String>,
    /// The calendar provider's id.
    pub provider_event_id: Option<String>,
    /// The customer that it was booked for.
    pub customer_id: Option<CustomerId>,
    /// The meeting link that it was booked with.
    pub meeting_link_id: Option<MeetingLinkId>,
    /// Its online conference.
    pub online_conference: Option<OnlineConference>,
    /// The time of creation.
    pub created_at: Option<Timestamp>,
    /// The time of the last change.
    pub updated_at: Option<Timestamp>,
    /// The time of cancellation; `None` if the event is not cancelled.
    pub deleted_at: Option<Timestamp>,
}

impl Event {
    /// An event for a fake. It has no attendees until they are set, and all other fields are `None`.
    pub fn new(id: impl Into<EventId>, calendar_id: impl Into<CalendarId>, start: Timestamp, end: Timestamp) -> Self {
        Self {
            id: id.into(),
            calendar_id: calendar_id.into(),
            title: None,
            body: None,
            location: None,
            start,
            end,
            attendees: Vec::new(),
            cancel_note: None,
            canceled_by_id: None,
            canceled_by_type: None,
            public_id: None,
            provider_event_id: None,
            customer_id: None,
            meeting_link_id: None,
            online_conference: None,
            created_at: None,
            updated_at: None,
            deleted_at: None,
        }
    }
}

setters!(Event {
    title: String,
    body: String,
    location: String,
    attendees: Vec<EventAttendee>,
    cancel_note: String,
    canceled_by_id: i64,
    canceled_by_type: String,
    public_id: String,
    provider_event_id: String,
    customer_id: CustomerId,
    meeting_link_id: MeetingLinkId,
    online_conference: OnlineConference,
    created_at: Timestamp,
    updated_at: Timestamp,
    deleted_at: Timestamp,
});

/// An attendee of an event.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventAttendee {
    /// The e-mail address.
    pub email: String,
    /// The name.
    pub name: Option<String>,
    /// The attendance status.
    pub status: Option<AttendeeStatus>,
    /// Whether the attendee organizes the event.
    pub is_organizer: Option<bool>,
    /// The customer, if the attendee is one.
    pub customer_id: Option<CustomerId>,
    /// The calendar of the attendee.
    pub calendar_id: Option<CalendarId>,
}

impl EventAttendee {
    /// An attendee for a fake. All other fields are `None` until they are set.
    pub fn new(email: impl Into<String>) -> Self {
        Self { email: email.into(), name: None, status: None, is_organizer: None, customer_id: None, calendar_id: None }
    }
}

setters!(EventAttendee {
    name: String,
    status: AttendeeStatus,
    is_organizer: bool,
    customer_id: CustomerId,
    calendar_id: CalendarId,
});
