//! The objects that the sandbox keeps, and the operations on them.

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use super::access::AccessKey;
use super::customers::Customers;
use super::events::Events;
use super::online_conferences::OnlineConferences;
use super::operation_error::OperationError;
use super::reply::Reply;
use super::request::Request;
use super::route::Operation;
use super::users::Users;
use super::validation::{Input, Invalid};

#[derive(Debug)]
pub(super) struct Resources {
    customers: Customers,
    users: Users,
    events: Events,
    conferences: OnlineConferences,
}

impl Resources {
    /// The initial objects.
    pub(super) fn seeded() -> Self {
        Self {
            customers: Customers::default(),
            users: Users::seeded(),
            events: Events::seeded(),
            conferences: OnlineConferences::seeded(),
        }
    }

    pub(super) fn perform(
        &mut self,
        operation: Operation,
        request: &Request,
        key: &AccessKey,
    ) -> Result<Reply, OperationError> {
        match operation {
            Operation::CreateCustomer => self.customers.create(&body(request)?),
            Operation::ListUsers => self.users.list(&query(request)),
            Operation::CreateUser => self.users.create(&body(request)?, key),
            Operation::UpdateUser { user } => self.users.update(user, &body(request)?),
            Operation::ListEvents { calendar } => self.events.list(calendar, &query(request), &self.conferences),
            Operation::CancelEvent { calendar, event } => {
                self.events.cancel(calendar, event, &body(request)?, &self.conferences)
            }
            Operation::CreateOnlineConference => self.conferences.create(&body(request)?),
            Operation::UpdateOnlineConference { conference } => self.conferences.update(conference, &body(request)?),
        }
    }
}

/// The object in a request's body; an empty body is an object without fields, as in Laravel.
fn body(request: &Request) -> Result<Input, Invalid> {
    let wrong = |text| Invalid::one("body", text);
    if request.body.is_empty() {
        return Ok(Input::body(Map::new()));
    }
    if !is_json(&request.head.headers) {
        return Err(wrong("The request body must be sent as application/json."));
    }
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(fields)) => Ok(Input::body(fields)),
        Ok(_) => Err(wrong("The request body must be a JSON object.")),
        Err(_) => Err(wrong("The request body must be valid JSON.")),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// The query of a request; the last value of a repeated name counts, as in PHP.
fn query(request: &Request) -> Input {
    let query = request.head.uri.query().unwrap_or_default();
    Input::query(form_urlencoded::parse(query.as_bytes()).into_owned())
}
