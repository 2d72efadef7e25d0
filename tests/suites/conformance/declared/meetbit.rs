//! MeetBit Public API, version 2.0: printed by the example `declare` of meetbit-client.

use std::fmt;

use meetbit_client::jiff::Timestamp;
use meetbit_client::{Api, Call, api, api_endpoint};
use serde::{Deserialize, Serialize};

/// Customers.
#[api]
pub trait Customers: Api {
    /// Create Customer.
    #[api_endpoint(post, "/customers", perm = "customers.create.*")]
    fn create_customer(&self, #[body] customer: &NewCustomer) -> Call<Customer>;
}

/// Users.
#[api]
pub trait Users: Api {
    /// List Users.
    #[api_endpoint(get, "/users", perm = "users.read.*")]
    fn list_users(&self, #[query] query: &ListUsers) -> Call<Vec<User>>;

    /// Create User.
    #[api_endpoint(post, "/users", perm = "users.create.*")]
    fn create_user(&self, #[body] body: &NewUser) -> Call<User>;

    /// Update User.
    #[api_endpoint(patch, "/users/{user_id}", perm = "users.update.*")]
    fn update_user(&self, user_id: i64, #[body] user: &UserUpdate) -> Call<User>;
}

/// Events.
#[api]
pub trait Events: Api {
    /// List Events.
    #[api_endpoint(get, "/calendars/{calendar_id}/events", perm = "events.read.*")]
    fn list_events(
        &self,
        calendar_id: i64,
        #[query] from: Timestamp,
        #[query] to: Timestamp,
        #[query] query: &ListEvents,
    ) -> Call<Vec<Event>>;

    /// Cancel Event.
    #[api_endpoint(post, "/calendars/{calendar_id}/events/{event_id}/cancel", perm = "events.delete.*")]
    fn cancel_event(&self, calendar_id: i64, event_id: i64, #[body] body: &CancelEvent) -> Call<Event>;
}

/// Online Conferences.
#[api]
pub trait OnlineConferences: Api {
    /// Create Online Conference.
    #[api_endpoint(post, "/online_conferences", perm = "online_conferences.create.*")]
    fn create_online_conference(&self, #[body] body: &NewOnlineConference) -> Call<OnlineConference>;

    /// Update Online Conference.
    #[api_endpoint(patch, "/online_conferences/{online_conference_id}", perm = "online_conferences.update.*")]
    fn update_online_conference(
        &self,
        online_conference_id: i64,
        #[body] body: &OnlineConferenceUpdate,
    ) -> Call<OnlineConference>;
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NewCustomer {
    /// At most 255 characters.
    pub first_name: Option<String>,
    /// At most 255 characters.
    pub middle_name: Option<String>,
    /// At most 255 characters.
    pub last_name: Option<String>,
    /// At most 255 characters.
    pub email: Option<String>,
    /// E.164 form.
    pub contact_number: Option<String>,
    pub address: Option<Address>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Address {
    /// At most 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_1: Option<String>,
    /// At most 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_2: Option<String>,
    /// At most 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// At most 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// At most 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region_code: Option<String>,
    /// At most 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// At most 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_code: Option<String>,
    /// At most 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    pub id: i64,
    /// At most 255 characters.
    pub first_name: Option<String>,
    /// At most 255 characters.
    pub middle_name: Option<String>,
    /// At most 255 characters.
    pub last_name: Option<String>,
    /// At most 255 characters.
    pub email: Option<String>,
    /// E.164 form.
    pub contact_number: Option<String>,
    pub address: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

/// The query of [`list_users`](Users::list_users).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ListUsers {
    pub page_size: Option<i64>,
    pub page_number: Option<i64>,
    /// Includes deleted items.
    pub with_trashed: Option<bool>,
    pub order_by: Option<UserOrder>,
    pub order_direction: Option<String>,
    /// Value of the attribute to filter by.
    pub value: Option<String>,
    /// Comparison operator; the options are not documented.
    pub operator: Option<String>,
    pub attribute: Option<UserAttribute>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserOrder {
    /// `id`
    #[serde(rename = "id")]
    Id,
    /// `first_name`
    #[serde(rename = "first_name")]
    FirstName,
    /// `last_name`
    #[serde(rename = "last_name")]
    LastName,
    /// `email`
    #[serde(rename = "email")]
    Email,
    /// `status`
    #[serde(rename = "status")]
    Status,
    /// `timezone`
    #[serde(rename = "timezone")]
    Timezone,
    /// `role`
    #[serde(rename = "role")]
    Role,
    /// `created_at`
    #[serde(rename = "created_at")]
    CreatedAt,
    /// `updated_at`
    #[serde(rename = "updated_at")]
    UpdatedAt,
    /// `deleted_at`
    #[serde(rename = "deleted_at")]
    DeletedAt,
    /// A value that the document does not list.
    #[serde(untagged)]
    Unknown(String),
}

impl fmt::Display for UserOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "id",
            Self::FirstName => "first_name",
            Self::LastName => "last_name",
            Self::Email => "email",
            Self::Status => "status",
            Self::Timezone => "timezone",
            Self::Role => "role",
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
            Self::DeletedAt => "deleted_at",
            Self::Unknown(value) => value,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserAttribute {
    /// `id`
    #[serde(rename = "id")]
    Id,
    /// `first_name`
    #[serde(rename = "first_name")]
    FirstName,
    /// `last_name`
    #[serde(rename = "last_name")]
    LastName,
    /// `email`
    #[serde(rename = "email")]
    Email,
    /// `status`
    #[serde(rename = "status")]
    Status,
    /// `timezone`
    #[serde(rename = "timezone")]
    Timezone,
    /// `role`
    #[serde(rename = "role")]
    Role,
    /// `department`
    #[serde(rename = "department")]
    Department,
    /// `department_id`
    #[serde(rename = "department_id")]
    DepartmentId,
    /// `created_at`
    #[serde(rename = "created_at")]
    CreatedAt,
    /// `updated_at`
    #[serde(rename = "updated_at")]
    UpdatedAt,
    /// `deleted_at`
    #[serde(rename = "deleted_at")]
    DeletedAt,
    /// A value that the document does not list.
    #[serde(untagged)]
    Unknown(String),
}

impl fmt::Display for UserAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "id",
            Self::FirstName => "first_name",
            Self::LastName => "last_name",
            Self::Email => "email",
            Self::Status => "status",
            Self::Timezone => "timezone",
            Self::Role => "role",
            Self::Department => "department",
            Self::DepartmentId => "department_id",
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
            Self::DeletedAt => "deleted_at",
            Self::Unknown(value) => value,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    pub id: i64,
    pub department_id: i64,
    /// At most 255 characters.
    pub first_name: String,
    /// At most 255 characters.
    pub last_name: String,
    /// At most 255 characters.
    pub email: String,
    /// Integer code; its values are not documented.
    pub status: i64,
    /// IANA time zone name.
    pub timezone: String,
    pub work_hours: WorkHours,
    /// Name of an existing role.
    pub role: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkHours {
    pub sunday: Vec<WorkHoursSpan>,
    pub monday: Vec<WorkHoursSpan>,
    pub tuesday: Vec<WorkHoursSpan>,
    pub wednesday: Vec<WorkHoursSpan>,
    pub thursday: Vec<WorkHoursSpan>,
    pub friday: Vec<WorkHoursSpan>,
    pub saturday: Vec<WorkHoursSpan>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkHoursSpan {
    pub start: TimeOfDay,
    pub end: TimeOfDay,
}

/// A time within one day; hour, minute and second together are at most 24 hours.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TimeOfDay {
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NewUser {
    /// Activates the user at once; needs users.lock.* as well. Must be true where is_silent is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activate: Option<bool>,
    /// Sends no invitation email.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_silent: Option<bool>,
    pub department_id: i64,
    /// At most 255 characters.
    pub first_name: String,
    /// At most 255 characters.
    pub last_name: String,
    /// At most 255 characters.
    pub email: String,
    /// IANA time zone name.
    pub timezone: String,
    pub work_hours: WorkHours,
    /// Name of an existing role.
    pub role: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UserUpdate {
    pub department_id: i64,
    /// At most 255 characters.
    pub first_name: String,
    /// At most 255 characters.
    pub last_name: String,
    /// At most 255 characters.
    pub email: String,
    /// IANA time zone name.
    pub timezone: String,
    pub work_hours: WorkHours,
    /// Name of an existing role.
    pub role: String,
}

/// The query of [`list_events`](Events::list_events).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ListEvents {
    /// Includes deleted items.
    pub with_trashed: Option<bool>,
    /// Value of the attribute to filter by.
    pub value: Option<String>,
    /// Comparison operator; the options are not documented.
    pub operator: Option<String>,
    pub attribute: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub id: i64,
    pub calendar_id: i64,
    pub title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    pub start: Timestamp,
    pub end: Timestamp,
    pub attendees: Vec<EventAttendee>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canceled_by_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canceled_by_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_event_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meeting_link_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub online_conference: Option<OnlineConference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EventAttendee {
    pub email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_organizer: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calendar_id: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OnlineConference {
    pub id: i64,
    pub online_conference_account_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backer_event_id: Option<i64>,
    pub public_id: String,
    /// At most 255 characters.
    pub title: String,
    pub is_public: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_occurred: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CancelEvent {
    /// At most 255 characters.
    pub cancel_note: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NewOnlineConference {
    pub online_conference_account_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backer_event_id: Option<i64>,
    pub public_id: String,
    /// At most 255 characters.
    pub title: String,
    pub is_public: bool,
    /// At most 5 items.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub online_conference_attendees: Option<Vec<NewOnlineConferenceAttendee>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NewOnlineConferenceAttendee {
    pub name: String,
    pub email: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OnlineConferenceUpdate {
    /// At most 255 characters.
    pub title: String,
    pub is_public: bool,
}
