//! Online conferences.

use serde::Serialize;

use super::operation_error::OperationError;
use super::reply::{self, Reply};
use super::rfc3339::Rfc3339;
use super::validation::{Fields, Input, Presence};

/// The `maxItems` of the attendees.
const MAX_ATTENDEES: usize = 5;

#[derive(Debug)]
pub(super) struct OnlineConferences {
    conferences: Vec<OnlineConference>,
}

#[derive(Debug, Serialize)]
pub(super) struct OnlineConference {
    id: i64,
    #[serde(flatten)]
    given: Given,
    is_occurred: bool,
    started_at: Option<Rfc3339>,
    ended_at: Option<Rfc3339>,
    created_at: Rfc3339,
    updated_at: Rfc3339,
    deleted_at: Option<Rfc3339>,
}

/// The fields that a client sets.
#[derive(Debug, Serialize)]
struct Given {
    online_conference_account_id: i64,
    backer_event_id: Option<i64>,
    public_id: String,
    title: String,
    is_public: bool,
}

impl OnlineConferences {
    /// A conference for event 1, and one that has ended.
    pub(super) fn seeded() -> Self {
        let mut coming =
            OnlineConference::new(1, Given::sample("sandbox-conference-1", "Introduction"), Rfc3339::START);
        coming.given.backer_event_id = Some(1);
        let mut ended = OnlineConference::new(2, Given::sample("sandbox-conference-2", "Kick-off"), Rfc3339::START);
        ended.is_occurred = true;
        (ended.started_at, ended.ended_at) = (Some(Rfc3339::START), Some(Rfc3339::START));
        Self { conferences: vec![coming, ended] }
    }

    pub(super) fn create(&mut self, input: &Input) -> Result<Reply, OperationError> {
        let given = input.read(|fields| {
            let given = Given::read(fields);
            read_attendees(fields);
            given
        })?;
        let id = self.conferences.last().map_or(1, |last| last.id + 1);
        self.conferences.push(OnlineConference::new(id, given, Rfc3339::now()));
        Ok(reply::done("Online conference created.", &self.conferences.last()))
    }

    pub(super) fn update(&mut self, id: i64, input: &Input) -> Result<Reply, OperationError> {
        let found = self.conferences.iter_mut().find(|conference| conference.id == id);
        let conference = found.ok_or(OperationError::NotFound)?;
        let (title, is_public) = input.read(read_title)?;
        if conference.ended_at.is_some() {
            return Err(OperationError::Conflict("Online conference has already ended."));
        }
        (conference.given.title, conference.given.is_public) = (title, is_public);
        conference.updated_at = Rfc3339::now();
        Ok(reply::done("Online conference updated.", conference))
    }

    /// The conference of an event.
    pub(super) fn held_for(&self, event: i64) -> Option<&OnlineConference> {
        self.conferences.iter().find(|conference| conference.given.backer_event_id == Some(event))
    }
}

impl OnlineConference {
    fn new(id: i64, given: Given, now: Rfc3339) -> Self {
        Self {
            id,
            given,
            is_occurred: false,
            started_at: None,
            ended_at: None,
            created_at: now,
            updated_at: now,
            deleted_at: None,
        }
    }
}

impl Given {
    fn sample(public_id: &str, title: &str) -> Self {
        Self {
            online_conference_account_id: 1,
            backer_event_id: None,
            public_id: public_id.into(),
            title: title.into(),
            is_public: true,
        }
    }

    fn read(fields: &mut Fields<'_>) -> Self {
        let online_conference_account_id = fields.integer("online_conference_account_id", Presence::Required);
        let backer_event_id = fields.integer("backer_event_id", Presence::Optional);
        let public_id = fields.any_text("public_id", Presence::Required);
        let (title, is_public) = read_title(fields);
        Self {
            online_conference_account_id: online_conference_account_id.unwrap_or_default(),
            backer_event_id,
            public_id: public_id.unwrap_or_default(),
            title,
            is_public,
        }
    }
}

fn read_title(fields: &mut Fields<'_>) -> (String, bool) {
    let title = fields.text("title", Presence::Required);
    (title.unwrap_or_default(), fields.boolean("is_public", Presence::Required).unwrap_or_default())
}

/// Attendees are checked and not kept, because no documented operation returns them.
fn read_attendees(fields: &mut Fields<'_>) {
    let attendees = fields.list("online_conference_attendees", Presence::Optional, |attendee| {
        attendee.any_text("name", Presence::Required);
        attendee.email("email", Presence::Required);
    });
    if attendees.is_some_and(|attendees| attendees.len() > MAX_ATTENDEES) {
        fields.wrong("online_conference_attendees", "must not have more than 5 items.");
    }
}
