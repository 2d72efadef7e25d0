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
    /// The permission `events.read.*` is inferred. The vendor documents no pages here, so whether a long span comes whole
    /// is not known; neither does the reference say whether an event that overlaps an edge is listed.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(client: meetbit_client::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use meetbit_client::{CalendarId, Events, ListEvents};
    ///
    /// let (from, to) = ("2030-01-07T00:00:00Z".parse()?, "2030-01-14T00:00:00Z".parse()?);
    /// for event in client.list_events(CalendarId(1), from, to, &ListEvents::new()).await? {
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

    /// Cancels an event. It stays on record: [`with_trashed`](ListEvents::with_trashed) lists it.
    ///
    /// It is sent at most once. The reference lists no `400` for it although the note has a limit; should one come, it
    /// is a [`Validation`](crate::ErrorKind::Validation) as anywhere.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::{CalendarId, CancelEvent, EventId, Events};
    ///
    /// client.cancel_event(CalendarId(1), EventId(2), &CancelEvent::new("The speaker is ill.")).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[api_endpoint(post, "/calendars/{calendar_id}/events/{event_id}/cancel", perm = "events.delete.*")]
    fn cancel_event(&self, calendar_id: CalendarId, event_id: EventId, #[body] cancel: &CancelEvent) -> Call<Event>;
}

id! {
    /// Whether an attendee comes: a code whose values the vendor does not document.
    AttendeeStatus
}

/// Which events to list. What is `None` is left out.
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
    /// What to filter by. The name is inferred; the attributes are not documented.
    pub attribute: Option<String>,
    /// How to compare the attribute with the value. The operators are not documented.
    pub operator: Option<String>,
    /// What to compare the attribute with.
    pub value: Option<String>,
}

impl ListEvents {
    /// All events that are not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

setters!(ListEvents { with_trashed: bool, attribute: String, operator: String, value: String });

/// Why an event is cancelled.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelEvent {
    /// At most 255 characters.
    pub cancel_note: String,
}

impl CancelEvent {
    /// Cancels with a note.
    pub fn new(cancel_note: impl Into<String>) -> Self {
        Self { cancel_note: cancel_note.into() }
    }
}

impl Validate for CancelEvent {
    fn validate(&self) -> Result<(), ValidationError> {
        Checks::new().max_length("cancel_note", Some(&self.cancel_note), 255).finish()
    }
}

/// An event as MeetBit knows it.
///
/// Which fields are always there is inferred. Only these are relied on: `id`, `calendar_id`, `start` and `end`.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The id.
    pub id: EventId,
    /// The calendar in which it stands.
    pub calendar_id: CalendarId,
    /// The title.
    pub title: Option<String>,
    /// The description.
    pub body: Option<String>,
    /// Where it takes place.
    pub location: Option<String>,
    /// When it begins.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// Who takes part.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub attendees: Vec<EventAttendee>,
    /// Why it was cancelled.
    pub cancel_note: Option<String>,
    /// The id of who cancelled it: of a user or another, as [`canceled_by_type`](Self::canceled_by_type) says.
    pub canceled_by_id: Option<i64>,
    /// What cancelled it; the values are not documented.
    pub canceled_by_type: Option<String>,
    /// The id that is shown to the public.
    pub public_id: Option<String>,
    /// The id that the provider of the calendar gives it.
    pub provider_event_id: Option<String>,
    /// The customer for whom it was made.
    pub customer_id: Option<CustomerId>,
    /// The meeting link by which it was made.
    pub meeting_link_id: Option<MeetingLinkId>,
    /// The online conference at which it takes place.
    pub online_conference: Option<OnlineConference>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
    /// When it was cancelled, if it was.
    pub deleted_at: Option<Timestamp>,
}

/// Who takes part in an event.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventAttendee {
    /// The e-mail address.
    pub email: String,
    /// The name.
    pub name: Option<String>,
    /// Whether the attendee comes.
    pub status: Option<AttendeeStatus>,
    /// Whether the attendee organizes the event.
    pub is_organizer: Option<bool>,
    /// The customer that the attendee is.
    pub customer_id: Option<CustomerId>,
    /// The calendar of the attendee.
    pub calendar_id: Option<CalendarId>,
}
