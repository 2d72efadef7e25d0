//! Everything that the sandbox keeps, and which operation works on what.

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use super::access::AccessKey;
use super::customers::Customers;
use super::reply::{self, Reply};
use super::route::Operation;
use super::server::Request;
use super::validation::Invalid;

#[derive(Debug, Default)]
pub(super) struct Resources {
    customers: Customers,
}

/// Why an operation was not done.
#[derive(Debug)]
pub(super) enum No {
    Invalid(Invalid),
}

impl Resources {
    /// With the objects that are there at the start.
    pub(super) fn seeded() -> Self {
        Self::default()
    }

    pub(super) fn perform(&mut self, operation: Operation, request: &Request, _key: &AccessKey) -> Result<Reply, No> {
        match operation {
            Operation::CreateCustomer => self.customers.create(&sent(request)?),
        }
    }
}

impl No {
    pub(super) fn reply(self) -> Reply {
        match self {
            Self::Invalid(invalid) => reply::invalid(&invalid),
        }
    }
}

impl From<Invalid> for No {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

/// The object in a request's body; an empty body is an object without fields, as in Laravel.
fn sent(request: &Request) -> Result<Map<String, Value>, Invalid> {
    let wrong = |text| Invalid::one("body", text);
    if request.body.is_empty() {
        return Ok(Map::new());
    }
    if !is_json(&request.head.headers) {
        return Err(wrong("The request body must be sent as application/json."));
    }
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(wrong("The request body must be a JSON object.")),
        Err(_) => Err(wrong("The request body must be valid JSON.")),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}
