//! Customers.

use serde::Serialize;

use super::operation_error::OperationError;
use super::reply::{self, Reply};
use super::rfc3339::Rfc3339;
use super::validation::{Fields, Input, Presence};

#[derive(Debug, Default)]
pub(super) struct Customers {
    created: i64,
}

#[derive(Debug, Serialize)]
struct Customer {
    id: i64,
    name: String,
    #[serde(flatten)]
    given: Given,
    created_at: Rfc3339,
    updated_at: Rfc3339,
    deleted_at: Option<Rfc3339>,
}

/// The fields that a client sets.
#[derive(Debug, Serialize)]
struct Given {
    first_name: Option<String>,
    middle_name: Option<String>,
    last_name: Option<String>,
    email: Option<String>,
    contact_number: Option<String>,
    address: Option<Address>,
}

#[derive(Debug, Serialize)]
struct Address {
    line_1: Option<String>,
    line_2: Option<String>,
    city: Option<String>,
    region: Option<String>,
    region_code: Option<String>,
    country: Option<String>,
    country_code: Option<String>,
    postal_code: Option<String>,
}

impl Customers {
    /// Only the number of customers is kept, because no operation reads them.
    pub(super) fn create(&mut self, input: &Input) -> Result<Reply, OperationError> {
        let given = input.read(Given::read)?;
        self.created += 1;
        let now = Rfc3339::now();
        let customer = Customer {
            id: self.created,
            name: given.name(),
            given,
            created_at: now,
            updated_at: now,
            deleted_at: None,
        };
        Ok(reply::done("Customer created.", &customer))
    }
}

impl Given {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            first_name: fields.text("first_name", Presence::Present),
            middle_name: fields.text("middle_name", Presence::Present),
            last_name: fields.text("last_name", Presence::Present),
            email: fields.email("email", Presence::Present),
            contact_number: fields.phone("contact_number", Presence::Present),
            address: fields.object("address", Presence::Present, Address::read),
        }
    }

    fn name(&self) -> String {
        let parts = [&self.first_name, &self.middle_name, &self.last_name].into_iter().flatten();
        parts.map(|part| part.trim()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

impl Address {
    fn read(fields: &mut Fields<'_>) -> Self {
        let mut text = |name| fields.text(name, Presence::Optional);
        Self {
            line_1: text("line_1"),
            line_2: text("line_2"),
            city: text("city"),
            region: text("region"),
            region_code: text("region_code"),
            country: text("country"),
            country_code: text("country_code"),
            postal_code: text("postal_code"),
        }
    }
}
