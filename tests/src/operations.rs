//! Every operation of the SDK, called once with all that it can be told.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use meetbit_client::{
    Address, CalendarId, Call, CancelEvent, Client, Customers, Endpoint, Error, EventId, Events, ListEvents, ListUsers,
    NewCustomer, NewOnlineConference, NewOnlineConferenceAttendee, NewUser, OnlineConferenceId, OnlineConferenceUpdate,
    OnlineConferences, Permission, TimeOfDay, UserAttribute, UserId, UserOrder, UserUpdate, Users, WorkHours,
    WorkHoursSpan,
    jiff::{Timestamp, civil::time},
};
use serde::Serialize;
use serde_json::Value;

/// The catalogues of all traits.
pub const CATALOGUES: [&[&Endpoint]; 4] =
    [<dyn Customers>::ENDPOINTS, <dyn Users>::ENDPOINTS, <dyn Events>::ENDPOINTS, <dyn OnlineConferences>::ENDPOINTS];

/// The reply of an operation, read and written as JSON again.
pub type Reply = Pin<Box<dyn Future<Output = Result<Value, Error>> + Send>>;

/// An operation that is ready to be sent.
pub struct Operation {
    /// What it calls.
    pub endpoint: &'static Endpoint,
    /// What the role needs for it.
    pub permissions: Vec<Permission>,
    /// What is sent.
    pub request: Result<http::Request<Bytes>, Error>,
    /// Sends it.
    pub reply: Reply,
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("endpoint", &self.endpoint)
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

/// Every operation with every argument and optional field set, and with these headers.
#[must_use]
pub fn all(client: &Client, headers: &[(&str, &str)]) -> Vec<Operation> {
    let operations = Operations { headers };
    vec![
        operations.of(client.create_customer(&customer())),
        operations.of(client.list_users(&user_query())),
        operations.of(client.create_user(&new_user())),
        operations.of(client.update_user(UserId(1), &user_update())),
        operations.of(client.list_events(CalendarId(1), Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH, &event_query())),
        operations.of(client.cancel_event(CalendarId(1), EventId(2), &CancelEvent::new("The speaker is ill."))),
        operations.of(client.create_online_conference(&new_conference())),
        operations
            .of(client.update_online_conference(OnlineConferenceId(1), &OnlineConferenceUpdate::new("Kick-off", true))),
    ]
}

struct Operations<'a> {
    headers: &'a [(&'a str, &'a str)],
}

impl Operations<'_> {
    fn of<T: Serialize + Send + 'static>(&self, call: Call<T>) -> Operation {
        let call = self.headers.iter().fold(call, |call, (name, value)| call.header(*name, *value));
        Operation {
            endpoint: call.endpoint().expect("it is not a ready call"),
            permissions: call.permissions(),
            request: call.request(),
            reply: Box::pin(async move {
                let value = call.await?;
                Ok(serde_json::to_value(value).expect("what was read can be written"))
            }),
        }
    }
}

/// A customer of whom everything is known.
#[must_use]
pub fn customer() -> NewCustomer {
    let address = Address::new()
        .line_1("12 St James's Square")
        .line_2("Second floor")
        .city("London")
        .region("Greater London")
        .region_code("LND")
        .country("United Kingdom")
        .country_code("GB")
        .postal_code("SW1Y 4JH");
    NewCustomer::new()
        .first_name("Ada")
        .middle_name("King")
        .last_name("Lovelace")
        .email("ada@example.com")
        .contact_number("+15551234567")
        .address(address)
}

/// All that can be asked of a list of users.
#[must_use]
pub fn user_query() -> ListUsers {
    ListUsers::new()
        .page_size(15)
        .page_number(2)
        .with_trashed(true)
        .order_by(UserOrder::LastName)
        .order_direction("asc")
        .attribute(UserAttribute::DepartmentId)
        .operator("=")
        .value("1")
}

/// A user of whom everything is said.
#[must_use]
pub fn new_user() -> NewUser {
    NewUser::new()
        .department_id(1)
        .first_name("Grace")
        .last_name("Hopper")
        .email("grace@example.com")
        .timezone("America/New_York")
        .work_hours(work_hours())
        .role("Agent")
        .activate(true)
        .is_silent(true)
}

/// The same user, as a change.
#[must_use]
pub fn user_update() -> UserUpdate {
    UserUpdate::new()
        .department_id(1)
        .first_name("Grace")
        .last_name("Hopper")
        .email("grace@example.com")
        .timezone("America/New_York")
        .work_hours(work_hours())
        .role("Agent")
}

fn work_hours() -> WorkHours {
    let day = WorkHoursSpan::new(time(9, 0, 0, 0), time(17, 30, 0, 0));
    let night = WorkHoursSpan::new(time(20, 0, 0, 0), TimeOfDay::END_OF_DAY);
    WorkHours::new().monday([day]).tuesday([day]).wednesday([day]).thursday([day]).friday([day, night])
}

/// All that can be asked of a list of events.
#[must_use]
pub fn event_query() -> ListEvents {
    ListEvents::new().with_trashed(true).attribute("title").operator("=").value("Introduction")
}

/// A conference of which everything is said.
#[must_use]
pub fn new_conference() -> NewOnlineConference {
    NewOnlineConference::new()
        .online_conference_account_id(1)
        .public_id("introduction-2030")
        .title("Introduction")
        .is_public(false)
        .backer_event_id(1)
        .online_conference_attendees([NewOnlineConferenceAttendee::new("Ada", "ada@example.com")])
}
