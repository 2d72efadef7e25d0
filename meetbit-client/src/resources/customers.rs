use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::resources::model::setters;
use crate::{Api, Call, Checks, CustomerId, Validate, ValidationError, api, api_endpoint};

/// Customers of the tenant.
#[api]
pub trait Customers: Api {
    /// Creates a customer.
    ///
    /// MeetBit has no idempotency key, so the request is sent at most once. If the reply is lost, the error's
    /// [`outcome`](crate::Error::outcome) is `Unknown` and the customer may exist.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(client: meetbit_client::Client) -> Result<(), meetbit_client::Error> {
    /// use meetbit_client::{Customers, NewCustomer};
    ///
    /// let ada = NewCustomer::new().first_name("Ada").email("ada@example.com");
    /// let customer = client.create_customer(&ada).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[api_endpoint(post, "/customers", perm = "customers.create.*")]
    fn create_customer(&self, #[body] customer: &NewCustomer) -> Call<Customer>;
}

/// A customer to create. All six fields are sent; a field that is `None` is sent as `null`.
///
/// The setters take values. To set a field from an `Option`, assign it: `customer.email = email;`.
///
/// ```
/// use meetbit_client::{Address, NewCustomer};
///
/// let customer = NewCustomer::new()
///     .first_name("Ada")
///     .contact_number("+15551234567")
///     .address(Address::new().city("London"));
/// assert_eq!(
///     serde_json::to_value(&customer)?,
///     serde_json::json!({
///         "first_name": "Ada",
///         "middle_name": null,
///         "last_name": null,
///         "email": null,
///         "contact_number": "+15551234567",
///         "address": { "city": "London" },
///     })
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NewCustomer {
    /// At most 255 characters.
    pub first_name: Option<String>,
    /// At most 255 characters.
    pub middle_name: Option<String>,
    /// At most 255 characters.
    pub last_name: Option<String>,
    /// An e-mail address of at most 255 characters.
    pub email: Option<String>,
    /// A telephone number in E.164 form, such as `+15551234567`.
    pub contact_number: Option<String>,
    /// Sent as `null` if it is `None`. Taken literally, the vendor's document requires an object: if a tenant refuses
    /// `null`, send an empty [`Address`].
    pub address: Option<Address>,
}

impl NewCustomer {
    /// An empty customer; set the fields that you know.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

setters!(NewCustomer {
    first_name: String,
    middle_name: String,
    last_name: String,
    email: String,
    contact_number: String,
    address: Address,
});

impl Validate for NewCustomer {
    fn validate(&self) -> Result<(), ValidationError> {
        let checks = Checks::new()
            .max_length("first_name", self.first_name.as_deref(), 255)
            .max_length("middle_name", self.middle_name.as_deref(), 255)
            .max_length("last_name", self.last_name.as_deref(), 255)
            .email("email", self.email.as_deref())
            .max_length("email", self.email.as_deref(), 255)
            .phone("contact_number", self.contact_number.as_deref());
        let Some(address) = &self.address else { return checks.finish() };
        let parts = address.parts().into_iter();
        parts.fold(checks, |checks, (name, part)| checks.max_length(name, part, 255)).finish()
    }
}

/// A postal address. A field that is `None` is left out of the request.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Address {
    /// The first line. Like every field, at most 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_1: Option<String>,
    /// The second line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_2: Option<String>,
    /// The city.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// The name of the region or state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The code of the region or state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region_code: Option<String>,
    /// The name of the country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// The code of the country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_code: Option<String>,
    /// The postal code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
}

impl Address {
    /// An empty address; set the fields that you know.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn parts(&self) -> [(&'static str, Option<&str>); 8] {
        [
            ("address.line_1", self.line_1.as_deref()),
            ("address.line_2", self.line_2.as_deref()),
            ("address.city", self.city.as_deref()),
            ("address.region", self.region.as_deref()),
            ("address.region_code", self.region_code.as_deref()),
            ("address.country", self.country.as_deref()),
            ("address.country_code", self.country_code.as_deref()),
            ("address.postal_code", self.postal_code.as_deref()),
        ]
    }
}

setters!(Address {
    line_1: String,
    line_2: String,
    city: String,
    region: String,
    region_code: String,
    country: String,
    country_code: String,
    postal_code: String,
});

/// A customer that MeetBit returns.
///
/// A fake makes one with [`Customer::new`] and the setters:
/// ```
/// use meetbit_client::{Call, Customer, CustomerId};
///
/// let ada = Customer::new(42).first_name("Ada").email("ada@example.com");
/// assert_eq!(ada.id, CustomerId(42));
/// let call = Call::ready(Ok(ada));
/// # let _ = call;
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    /// The id.
    pub id: CustomerId,
    /// The first name.
    pub first_name: Option<String>,
    /// The middle name.
    pub middle_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The telephone number, in E.164 form.
    pub contact_number: Option<String>,
    /// The postal address.
    pub address: Option<Address>,
    /// The full name, composed by MeetBit.
    pub name: Option<String>,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time of the last change.
    pub updated_at: Timestamp,
    /// The time of deletion; `None` if the customer is not deleted.
    pub deleted_at: Option<Timestamp>,
}

impl Customer {
    /// A customer for a fake. The times are 1970-01-01 until they are set, and all other fields are `None`.
    pub fn new(id: impl Into<CustomerId>) -> Self {
        Self {
            id: id.into(),
            first_name: None,
            middle_name: None,
            last_name: None,
            email: None,
            contact_number: None,
            address: None,
            name: None,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            deleted_at: None,
        }
    }
}

setters!(Customer {
    first_name: String,
    middle_name: String,
    last_name: String,
    email: String,
    contact_number: String,
    address: Address,
    name: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    deleted_at: Timestamp,
});
