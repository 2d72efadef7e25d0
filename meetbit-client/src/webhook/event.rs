//! The typed content of a webhook.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::body::Members;
use super::json::Json;
use crate::resources::ids::{CalendarId, EventId};

/// One verified webhook.
///
/// It can be written to a queue as JSON and read back. The JSON is the vendor's body with `id` and `timestamp` added.
///
/// # Examples
/// To test a handler without a signature, read its input from JSON:
/// ```
/// use meetbit_client::CalendarId;
/// use meetbit_client::webhook::{Event, Webhook};
///
/// let queued = r#"{"id":"3f0e2f9b","timestamp":"2024-08-22T01:04:05Z",
///                  "event":"events.deleted","data":{"id":7,"calendar_id":3}}"#;
/// let webhook: Webhook = serde_json::from_str(queued)?;
/// let Event::EventDeleted(event) = webhook.event else { panic!() };
/// assert_eq!(event.calendar_id, Some(CalendarId(3)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Members")]
#[non_exhaustive]
pub struct Webhook {
    /// The `X-Webhook-Id`. It is the same in every try, so it identifies repeats.
    pub id: String,
    /// The `X-Webhook-Timestamp`. MeetBit does not document whether it differs between tries.
    pub timestamp: Timestamp,
    /// The event.
    #[serde(flatten)]
    pub event: Event,
}

/// An event of MeetBit.
///
/// Its JSON is the vendor's body, `{"event": type, "data": {..}}`. No correctly signed event is lost: an unknown type, an
/// attribute of another type than documented, or `data` without an `id` becomes [`Unknown`](Event::Unknown). Attributes that
/// this SDK does not know are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Members")]
#[non_exhaustive]
pub enum Event {
    /// `meeting_links.scheduled`: a meeting was booked through a meeting link.
    MeetingLinkScheduled(MeetingLinkScheduled),
    /// `events.created`.
    ///
    /// MeetBit documents this type for a reassigned event too, which is probably a slip for `events.reassigned`. If it is not a
    /// slip, the two cannot be told apart: treat the event as new or changed.
    EventCreated(CalendarEvent),
    /// `events.updated`.
    EventUpdated(CalendarEvent),
    /// `events.deleted`: the event was cancelled.
    EventDeleted(CalendarEvent),
    /// `events.rescheduled`.
    EventRescheduled(CalendarEvent),
    /// `events.reassigned`. This type is inferred: a reassigned event may also arrive as
    /// [`EventCreated`](Event::EventCreated).
    EventReassigned(CalendarEvent),
    /// Anything else, kept whole.
    ///
    /// ```
    /// use meetbit_client::webhook::Event;
    ///
    /// let event: Event = serde_json::from_str(
    ///     r#"{"event":"rooms.painted","data":{"litres":123456789012345678901}}"#,
    /// )?;
    /// let Event::Unknown { event, data } = event else { panic!("a new type") };
    /// assert_eq!(
    ///     (&*event, data.text()),
    ///     ("rooms.painted", r#"{"litres":123456789012345678901}"#)
    /// );
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    Unknown {
        /// The type, as MeetBit wrote it.
        event: String,
        /// The data, exactly as MeetBit wrote it; `null` if there was none.
        data: Json,
    },
}

/// A booking through a meeting link.
///
/// MeetBit documents all attributes but `name` and `contact_number` as always present, but its samples contain only `id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MeetingLinkScheduled {
    /// The attribute `id`. MeetBit does not document whether it identifies the meeting link or the booking.
    pub id: i64,
    /// The event that was booked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
    /// The calendar that holds the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar_id: Option<CalendarId>,
    /// The name of the person who booked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The e-mail address of the person who booked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The telephone number of the person who booked, in E.164 form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_number: Option<String>,
}

/// An event of a calendar that was created, changed or cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CalendarEvent {
    /// The event.
    pub id: EventId,
    /// Its calendar. MeetBit documents it as always present, but its samples lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar_id: Option<CalendarId>,
}

impl Event {
    /// The type as MeetBit writes it, such as `events.created`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::MeetingLinkScheduled(_) => "meeting_links.scheduled",
            Self::EventCreated(_) => "events.created",
            Self::EventUpdated(_) => "events.updated",
            Self::EventDeleted(_) => "events.deleted",
            Self::EventRescheduled(_) => "events.rescheduled",
            Self::EventReassigned(_) => "events.reassigned",
            Self::Unknown { event, .. } => event,
        }
    }

    /// The event with this type and data: typed if this SDK knows both, otherwise [`Unknown`](Event::Unknown).
    ///
    /// # Examples
    /// ```
    /// use meetbit_client::{EventId, webhook::Event};
    ///
    /// let data = serde_json::json!({"id": 7, "calendar_id": 3});
    /// let cancelled = Event::new("events.deleted", data);
    /// let Event::EventDeleted(event) = cancelled else { panic!() };
    /// assert_eq!(event.id, EventId(7));
    /// ```
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "callers have a value to give away: `json!({..})`")]
    pub fn new(event: impl Into<String>, data: Value) -> Self {
        Self::read(event.into(), &data.to_string())
    }

    fn read(event: String, data: &str) -> Self {
        let known = match event.as_str() {
            "meeting_links.scheduled" => typed(data).map(Self::MeetingLinkScheduled),
            "events.created" => typed(data).map(Self::EventCreated),
            "events.updated" => typed(data).map(Self::EventUpdated),
            "events.deleted" => typed(data).map(Self::EventDeleted),
            "events.rescheduled" => typed(data).map(Self::EventRescheduled),
            "events.reassigned" => typed(data).map(Self::EventReassigned),
            _ => None,
        };
        known.unwrap_or_else(|| Self::Unknown { event, data: Json::new(data) })
    }
}

/// Reads an object. The detour through a `Value` accepts repeated names; the last value counts.
fn typed<T: DeserializeOwned>(data: &str) -> Option<T> {
    if !data.starts_with('{') {
        return None; // serde would also read a struct from an array
    }
    let from_value = || serde_json::from_value(serde_json::from_str(data).ok()?).ok();
    serde_json::from_str(data).ok().or_else(from_value)
}

/// Decodes a JSON string. A string with a lone surrogate has no decoded form, so its escapes stay as they are.
fn text(json: &str) -> Option<String> {
    let inside = || json.strip_prefix('"')?.strip_suffix('"').map(String::from);
    serde_json::from_str(json).ok().or_else(inside)
}

impl TryFrom<Members> for Event {
    type Error = &'static str;

    fn try_from(members: Members) -> Result<Self, Self::Error> {
        let event = members.event.and_then(|event| text(event.get())).ok_or("`event` is not a string")?;
        Ok(Self::read(event, members.data.as_deref().map_or("null", RawValue::get)))
    }
}

impl TryFrom<Members> for Webhook {
    type Error = &'static str;

    fn try_from(mut members: Members) -> Result<Self, Self::Error> {
        let id = members.id.take().and_then(|id| text(id.get())).ok_or("`id` is not a string")?;
        let timestamp = members.timestamp.take().and_then(|time| serde_json::from_str(time.get()).ok());
        let timestamp = timestamp.ok_or("`timestamp` is not a time in ISO 8601 with an offset")?;
        Ok(Self { id, timestamp, event: members.try_into()? })
    }
}

impl TryFrom<Map<String, Value>> for Event {
    type Error = &'static str;

    fn try_from(mut body: Map<String, Value>) -> Result<Self, Self::Error> {
        match body.remove("event") {
            Some(Value::String(event)) => Ok(Self::new(event, body.remove("data").unwrap_or_default())),
            _ => Err("`event` is not a string"),
        }
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut body = serializer.serialize_struct("Event", 2)?;
        body.serialize_field("event", self.name())?;
        match self {
            Self::MeetingLinkScheduled(data) => body.serialize_field("data", data)?,
            Self::EventCreated(data)
            | Self::EventUpdated(data)
            | Self::EventDeleted(data)
            | Self::EventRescheduled(data)
            | Self::EventReassigned(data) => body.serialize_field("data", data)?,
            Self::Unknown { data, .. } => body.serialize_field("data", data)?,
        }
        body.end()
    }
}
