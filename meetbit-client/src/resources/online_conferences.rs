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
    /// MeetBit has no idempotency key, so the request is sent at most once. If the reply is lost, the error's
    /// [`outcome`](crate::Error::outcome) is `Unknown` and the conference may exist.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::{
    ///     NewOnlineConference, NewOnlineConferenceAttendee, OnlineConferences,
    /// };
    ///
    /// let ada = NewOnlineConferenceAttendee::new("Ada", "ada@example.com");
    /// let conference = NewOnlineConference::new()
    ///     .online_conference_account_id(1)
    ///     .public_id("introduction-2030")
    ///     .title("Introduction")
    ///     .is_public(false)
    ///     .online_conference_attendees([ada]);
    /// println!("{}", client.create_online_conference(&conference).await?.id);
    /// # Ok(())
    /// # }
    /// ```
    #[api_endpoint(post, "/online_conferences", perm = "online_conferences.create.*")]
    fn create_online_conference(&self, #[body] conference: &NewOnlineConference) -> Call<OnlineConference>;

    /// Changes the title of an online conference, and whether it is public.
    ///
    /// The error is a [`Conflict`](crate::ErrorKind::Conflict) if the conference's status does not allow the change. The
    /// request is not retried automatically after a failure whose outcome is unknown.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::{
    ///     OnlineConferenceId, OnlineConferenceUpdate, OnlineConferences,
    /// };
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

/// An online conference to create. The first four fields are required.
///
/// The setters take values. To set a field from an `Option`, assign it.
///
/// ```
/// use meetbit_client::{NewOnlineConference, Validate};
///
/// let conference = NewOnlineConference::new().title("x".repeat(256));
/// let error = conference.validate().unwrap_err();
/// let texts = error.get("public_id").unwrap();
/// assert_eq!(texts, ["The public_id field is required."]);
/// let texts = error.get("title").unwrap();
/// assert_eq!(
///     texts,
///     ["The title field must not be greater than 255 characters."]
/// );
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewOnlineConference {
    /// The account that hosts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub online_conference_account_id: Option<OnlineConferenceAccountId>,
    /// The public id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_id: Option<String>,
    /// At most 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Whether it is public: anyone may join.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_public: Option<bool>,
    /// The event that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backer_event_id: Option<EventId>,
    /// The invited attendees, at most 5. An empty list is left out of the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub online_conference_attendees: Vec<NewOnlineConferenceAttendee>,
}

impl NewOnlineConference {
    /// An empty online conference; set the fields.
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

/// An attendee to invite to an online conference.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewOnlineConferenceAttendee {
    /// The name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
}

impl NewOnlineConferenceAttendee {
    /// An attendee with this name and e-mail address.
    pub fn new(name: impl Into<String>, email: impl Into<String>) -> Self {
        Self { name: name.into(), email: email.into() }
    }
}

/// The new values of an online conference. Both are required.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnlineConferenceUpdate {
    /// The title, at most 255 characters.
    pub title: String,
    /// Whether it is public: anyone may join.
    pub is_public: bool,
}

impl OnlineConferenceUpdate {
    /// Sets both values.
    pub fn new(title: impl Into<String>, is_public: bool) -> Self {
        Self { title: title.into(), is_public }
    }
}

impl Validate for OnlineConferenceUpdate {
    fn validate(&self) -> Result<(), ValidationError> {
        Checks::new().max_length("title", Some(&self.title), 255).finish()
    }
}

/// An online conference that MeetBit returns.
///
/// A fake makes one with [`OnlineConference::new`] and the setters:
/// ```
/// use meetbit_client::OnlineConference;
///
/// let conference = OnlineConference::new(2).title("Introduction").is_public(true);
/// # let _ = conference;
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnlineConference {
    /// The id.
    pub id: OnlineConferenceId,
    /// The account that hosts it.
    pub online_conference_account_id: OnlineConferenceAccountId,
    /// The event that it belongs to.
    pub backer_event_id: Option<EventId>,
    /// The public id.
    pub public_id: String,
    /// The title.
    pub title: String,
    /// Whether it is public: anyone may join.
    pub is_public: bool,
    /// Whether it has already taken place.
    pub is_occurred: Option<bool>,
    /// The time when it started; `None` if it has not.
    pub started_at: Option<Timestamp>,
    /// The time when it ended; `None` if it has not.
    pub ended_at: Option<Timestamp>,
    /// The time of creation.
    pub created_at: Option<Timestamp>,
    /// The time of the last change.
    pub updated_at: Option<Timestamp>,
    /// The time of deletion; `None` if the conference is not deleted.
    pub deleted_at: Option<Timestamp>,
}

impl OnlineConference {
    /// An online conference for a fake. It is not public, its account is 0 and its texts are empty until they are set; all
    /// other fields are `None`.
    pub fn new(id: impl Into<OnlineConferenceId>) -> Self {
        Self {
            id: id.into(),
            online_conference_account_id: OnlineConferenceAccountId(0),
            backer_event_id: None,
            public_id: String::new(),
            title: String::new(),
            is_public: false,
            is_occurred: None,
            started_at: None,
            ended_at: None,
            created_at: None,
            updated_at: None,
            deleted_at: None,
        }
    }
}

setters!(OnlineConference {
    online_conference_account_id: OnlineConferenceAccountId,
    backer_event_id: EventId,
    public_id: String,
    title: String,
    is_public: bool,
    is_occurred: bool,
    started_at: Timestamp,
    ended_at: Timestamp,
    created_at: Timestamp,
    updated_at: Timestamp,
    deleted_at: Timestamp,
});
