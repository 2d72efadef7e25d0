//! Clients for the servers here, and endpoints to call.

use meetbit_client::{
    Api, Call, Client, ClientBuilder, Credentials, Customer, Customers, NewCustomer, RateLimit, api, api_endpoint,
};
use serde::{Deserialize, Serialize};

use crate::server::raw_server::RawServer;

/// The secret of every client here, which must be found nowhere.
pub const SECRET: &str = "PLANTED#*s3cret-0f-the-tests";

/// A client for a server at this origin, with a key of its own and no pacing.
#[must_use = "`build` makes the client"]
pub fn builder(url: &str) -> ClientBuilder {
    let id = format!("key-{:016x}", fastrand::u64(..));
    Client::builder("acme.example.com")
        .base_url(url)
        .credentials(Credentials::new(id, SECRET))
        .rate_limit(RateLimit::unlimited())
}

/// A client for this server, with a key of its own and no pacing.
///
/// # Panics
///
/// Never: its settings are fine.
#[must_use]
pub fn client(server: &RawServer) -> Client {
    builder(&server.url()).build().expect("the settings are fine")
}

/// The credentials with this id.
#[must_use]
pub fn credentials(id: &str) -> Credentials {
    Credentials::new(id, SECRET)
}

/// A client for a server at this origin, with this key and these limits.
///
/// # Panics
///
/// Never: its settings are fine.
#[must_use]
pub fn keyed(url: &str, id: &str, limit: RateLimit) -> Client {
    builder(url).credentials(Credentials::new(id, SECRET)).rate_limit(limit).build().expect("the settings are fine")
}

/// A client for this server, with a key of its own and these limits.
///
/// # Panics
///
/// Never: its settings are fine.
#[must_use]
pub fn limited(server: &RawServer, limit: RateLimit) -> Client {
    builder(&server.url()).rate_limit(limit).build().expect("the settings are fine")
}

/// A create that carries this marker.
pub fn create(client: &Client, marker: &str) -> Call<Customer> {
    client.create_customer(&NewCustomer::new().first_name("Ada").email(format!("{marker}@example.com")))
}

/// Endpoints of every kind.
#[api]
pub trait Things: Api {
    /// Idempotent by its method.
    #[api_endpoint(get, "/things/{id}", perm = "things.read.*")]
    fn get_thing(&self, id: &str) -> Call<Thing>;
    /// Idempotent by declaration.
    #[api_endpoint(post, "/things/search", perm = "things.read.*", idempotent)]
    fn search_things(&self, #[body] thing: &Thing) -> Call<Vec<Thing>>;
    /// Not idempotent.
    #[api_endpoint(post, "/things", perm = "things.create.*")]
    fn create_thing(&self, #[body] thing: &Thing) -> Call<Thing>;
    /// Idempotent by its method, without a body and without a value in the reply.
    #[api_endpoint(delete, "/things/{id}", perm = "things.delete.*")]
    fn delete_thing(&self, id: &str) -> Call<()>;
    /// A header of the caller's.
    #[api_endpoint(get, "/things", perm = "things.read.*")]
    fn list_things(&self, #[query] page: Option<u32>, #[header("X-Trace")] trace: &str) -> Call<Vec<Thing>>;
}

/// What the endpoints deal in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Thing {
    /// A number.
    pub id: u32,
    /// A text of any length.
    pub text: String,
}

/// A reply with a thing in it.
pub const THING: &str = r#"{"message":"Found.","data":{"id":7,"text":"seven"}}"#;
