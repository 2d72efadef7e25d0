use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::resources::model::setters;
use crate::{
    Api, Call, Checks, EventId, OnlineConferenceAccountId, OnlineConferenceId, Validate, ValidationError, api,
    api_endpoint,
};

/// Online conferences.
#[api]
pub trait OnlineConferences: Api {
    /// Creates an online conference.
    ///
    /// There is no idempotency key, so it is sent at most once: where the reply is lost, the error's
    /// [`outcome`](crate::Error::outcome) is `Unknown` and the conference may exist.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::{NewOnlineConference, NewOnlineConferenceAttendee, OnlineConferences};
    ///
    /// let conference = NewOnlineConference::new()
    ///     .online_conference_account_id(1)
    ///     .public_id("introduction-2030")
    ///     .title("Introduction")
    ///     .is_public(false)
    ///     .online_conference_attendees([NewOnlineConferenceAttendee::new("Ada", "ada@example.com")]);
    /// println!("{}", client.create_online_conference(&conference).await?.id);
    /// # Ok(())
    /// # }
    /// ```
    #[api_endpoint(post, "/online_conferences", perm = "online_conferences.create.*")]
    fn create_online_conference(&self, #[body] conference: &NewOnlineConference) -> Call<OnlineConference>;

    /// Changes title and publicity of an online conference.
    ///
    /// A [`Conflict`](crate::ErrorKind::Conflict) says that its status forbids it. It is not repeated by itself after a
    /// failure whose outcome is unknown.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::{OnlineConferenceId, OnlineConferenceUpdate, OnlineConferences};
    ///
    /// let update = OnlineConferenceUpdate::new("Kick-off", true);
    /// client.update_online_conference(OnlineConferenceId(2), &update).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[api_endpoint(patch, "/online_conferences/{online_conference_id}", perm = "online_conferences.update.*")]
    fn update_online_conference(
        &self,
        online_conference_id: OnlineConferenceId,
        #[body] conference: &OnlineConferenceUpdate,
    ) -> Call<OnlineConference>;
}

/// An online conference to be created. The first four fields are required.
///
/// ```
/// use meetbit_client::{NewOnlineConference, Validate};
///
/// let error = NewOnlineConference::new().title("x".repeat(256)).validate().unwrap_err();
/// assert_eq!(error.get("title").unwrap(), ["The title field must not be greater than 255 characters."]);
/// assert_eq!(error.get("public_id").unwrap(), ["The public_id field is required."]);
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewOnlineConference {
    /// The account at which it is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub online_conference_account_id: Option<OnlineConferenceAccountId>,
    /// The id that is shown to the public.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_id: Option<String>,
    /// At most 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Whether anybody may join.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_public: Option<bool>,
    /// The event for which it is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backer_event_id: Option<EventId>,
    /// Who is invited: at most 5. Left out where there is nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub online_conference_attendees: Vec<NewOnlineConferenceAttendee>,
}

impl NewOnlineConference {
    /// An online conference of which nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

setters!(NewOnlineConference {
    online_conference_account_id: OnlineConferenceAccountId,
    public_id: String,
    title: String,
    is_public: bool,
    backer_event_id: EventId,
    online_conference_attendees: Vec<NewOnlineConferenceAttendee>,
});

impl Validate for NewOnlineConference {
    fn validate(&self) -> Result<(), ValidationError> {
        let attendees = &self.online_conference_attendees;
        let checks = Checks::new()
            .required("online_conference_account_id", self.online_conference_account_id.is_some())
            .required("public_id", self.public_id.is_some())
            .required("title", self.title.is_some())
            .max_length("title", self.title.as_deref(), 255)
            .required("is_public", self.is_public.is_some())
            .ensure(attendees.len() <= 5, "online_conference_attendees", || {
                "The online_conference_attendees field must not have more than 5 items.".to_owned()
            });
        let attendees = attendees.iter().enumerate();
        attendees
            .fold(checks, |checks, (i, attendee)| {
                checks.email(&format!("online_conference_attendees.{i}.email"), Some(&attendee.email))
            })
            .finish()
    }
}

/// Who is invited to an online conference.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewOnlineConferenceAttendee {
    /// The name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
}

impl NewOnlineConferenceAttendee {
    /// Invites somebody.
    pub fn new(name: impl Into<String>, email: impl Into<String>) -> Self {
        Self { name: name.into(), email: email.into() }
    }
}

/// What an online conference is to be changed to. Both are required.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnlineConferenceUpdate {
    /// At most 255 characters.
    pub title: String,
    /// Whether anybody may join.
    pub is_public: bool,
}

impl OnlineConferenceUpdate {
    /// Sets both.
    pub fn new(title: impl Into<String>, is_public: bool) -> Self {
        Self { title: title.into(), is_public }
    }
}

impl Validate for OnlineConferenceUpdate {
    fn validate(&self) -> Result<(), ValidationError> {
        Checks::new().max_length("title", Some(&self.title), 255).finish()
    }
}

/// An online conference as MeetBit knows it.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnlineConference {
    /// The id.
    pub id: OnlineConferenceId,
    /// The account at which it is held.
    pub online_conference_account_id: OnlineConferenceAccountId,
    /// The event for which it is held.
    pub backer_event_id: Option<EventId>,
    /// The id that is shown to the public.
    pub public_id: String,
    /// The title.
    pub title: String,
    /// Whether anybody may join.
    pub is_public: bool,
    /// Whether it has taken place.
    pub is_occurred: Option<bool>,
    /// When it began, if it did.
    pub started_at: Option<Timestamp>,
    /// When it ended, if it did.
    pub ended_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
    /// When it was deleted, if it was.
    pub deleted_at: Option<Timestamp>,
}
