//! Users.

use serde::Serialize;
use serde_json::Value;

use super::access::AccessKey;
use super::filter::{self, Filter};
use super::operation_error::OperationError;
use super::reply::{self, Reply};
use super::rfc3339::Rfc3339;
use super::validation::{Fields, Input, Presence};
use super::work_hours::WorkHours;

const ORDERS: &[&str] =
    &["id", "first_name", "last_name", "email", "status", "timezone", "role", "created_at", "updated_at", "deleted_at"];
const ATTRIBUTES: &[&str] = &[
    "id",
    "first_name",
    "last_name",
    "email",
    "status",
    "timezone",
    "role",
    "department",
    "department_id",
    "created_at",
    "updated_at",
    "deleted_at",
];
/// MeetBit does not document the values of its codes; these are the sandbox's.
const INVITED: i64 = 0;
const ACTIVE: i64 = 1;

#[derive(Debug)]
pub(super) struct Users {
    users: Vec<User>,
}

#[derive(Debug, Serialize)]
struct User {
    id: i64,
    #[serde(flatten)]
    given: Given,
    status: i64,
    created_at: Rfc3339,
    updated_at: Rfc3339,
    deleted_at: Option<Rfc3339>,
}

/// The fields that a client sets.
#[derive(Debug, Serialize)]
struct Given {
    department_id: i64,
    first_name: String,
    last_name: String,
    email: String,
    timezone: String,
    work_hours: WorkHours,
    role: String,
}

/// The query of a list.
#[derive(Debug)]
struct Listing {
    page_size: usize,
    page_number: usize,
    with_trashed: bool,
    order_by: &'static str,
    descending: bool,
    filter: Option<Filter>,
}

impl Users {
    pub(super) fn seeded() -> Self {
        let user = |id, first_name, last_name, email, deleted_at: Option<Rfc3339>| User {
            id,
            given: Given::sample(first_name, last_name, email),
            status: ACTIVE,
            created_at: Rfc3339::START,
            updated_at: deleted_at.unwrap_or(Rfc3339::START),
            deleted_at,
        };
        Self {
            users: vec![
                user(1, "Grace", "Hopper", "grace@example.com", None),
                user(2, "Alan", "Turing", "alan@example.com", None),
                user(3, "Charles", "Babbage", "charles@example.com", Some(Rfc3339::START)),
            ],
        }
    }

    pub(super) fn list(&self, input: &Input) -> Result<Reply, OperationError> {
        let listing = input.read(Listing::read)?;
        let mut found: Vec<_> = self.users.iter().filter_map(|user| serde_json::to_value(user).ok()).collect();
        found.retain(|user| listing.wants(user));
        found.sort_by(|one, other| filter::compare(&one[listing.order_by], &other[listing.order_by]));
        if listing.descending {
            found.reverse();
        }
        let before = (listing.page_number - 1).saturating_mul(listing.page_size);
        let page: Vec<_> = found.into_iter().skip(before).take(listing.page_size).collect();
        Ok(reply::done("Users retrieved.", &page))
    }

    pub(super) fn create(&mut self, input: &Input, key: &AccessKey) -> Result<Reply, OperationError> {
        if input.asks_for("activate") && !key.permits("users.lock.*") {
            return Err(OperationError::Denied);
        }
        let (given, activate) = input.read(|fields| (Given::read(fields), read_activate(fields)))?;
        let now = Rfc3339::now();
        self.users.push(User {
            id: self.users.last().map_or(1, |last| last.id + 1),
            given,
            status: if activate { ACTIVE } else { INVITED },
            created_at: now,
            updated_at: now,
            deleted_at: None,
        });
        Ok(reply::done("User created.", &self.users.last()))
    }

    pub(super) fn update(&mut self, id: i64, input: &Input) -> Result<Reply, OperationError> {
        let found = self.users.iter_mut().find(|user| user.id == id && user.deleted_at.is_none());
        let user = found.ok_or(OperationError::NotFound)?;
        user.given = input.read(Given::read)?;
        user.updated_at = Rfc3339::now();
        Ok(reply::done("User updated.", user))
    }
}

impl Given {
    fn sample(first_name: &str, last_name: &str, email: &str) -> Self {
        Self {
            department_id: 1,
            first_name: first_name.into(),
            last_name: last_name.into(),
            email: email.into(),
            timezone: "Europe/London".into(),
            work_hours: WorkHours::usual(),
            role: "Member".into(),
        }
    }

    /// An invalid field reads as a default, which is discarded with the other fields.
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            department_id: fields.integer("department_id", Presence::Required).unwrap_or_default(),
            first_name: fields.text("first_name", Presence::Required).unwrap_or_default(),
            last_name: fields.text("last_name", Presence::Required).unwrap_or_default(),
            email: fields.email("email", Presence::Required).unwrap_or_default(),
            timezone: fields.zone_name("timezone", Presence::Required).unwrap_or_default(),
            work_hours: fields.object("work_hours", Presence::Required, WorkHours::read).unwrap_or_default(),
            role: fields.any_text("role", Presence::Required).unwrap_or_default(),
        }
    }
}

fn read_activate(fields: &mut Fields<'_>) -> bool {
    let activate = fields.boolean("activate", Presence::Optional);
    let is_silent = fields.boolean("is_silent", Presence::Optional);
    if is_silent == Some(true) && activate != Some(true) {
        fields.wrong("activate", "must be accepted when is_silent is true.");
    }
    activate == Some(true)
}

impl Listing {
    fn read(fields: &mut Fields<'_>) -> Self {
        let descending = fields.any_text("order_direction", Presence::Optional);
        Self {
            page_size: fields.count("page_size", Presence::Optional).unwrap_or(15),
            page_number: fields.count("page_number", Presence::Optional).unwrap_or(1),
            with_trashed: fields.boolean("with_trashed", Presence::Optional) == Some(true),
            order_by: fields.one_of("order_by", Presence::Optional, ORDERS).unwrap_or("id"),
            descending: descending.is_some_and(|direction| direction.to_ascii_lowercase().starts_with("desc")),
            filter: Filter::read(fields, ATTRIBUTES),
        }
    }

    fn wants(&self, user: &Value) -> bool {
        (self.with_trashed || user["deleted_at"].is_null())
            && self.filter.as_ref().is_none_or(|filter| filter.keeps(user))
    }
}
