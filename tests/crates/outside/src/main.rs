//! Uses the client as a user's crate does, with only the client and tokio as dependencies. The argument is a server's URL.
#![deny(warnings)]

use std::sync::Arc;
use std::time::Duration;

use meetbit_client::{
    Api, Call, Client, Credentials, Customer, Customers, Error, ErrorKind, NewCustomer, Outcome, RateLimit, Response,
    RetryPolicy, api, api_endpoint,
};

/// An endpoint that the SDK does not know.
#[api]
pub trait Notes: Api {
    /// Lists the ids of a customer's notes.
    #[api_endpoint(get, "/customers/{customer_id}/notes", perm = "notes.read.*")]
    fn list_note_ids(&self, customer_id: i64, #[query] limit: Option<u32>) -> Call<Vec<i64>>;
}

/// Stands in for MeetBit in a test.
struct Fake(Client);

impl Api for Fake {
    fn client(&self) -> &Client {
        &self.0
    }
}

impl Customers for Fake {
    fn create_customer(&self, _: &NewCustomer) -> Call<Customer> {
        Call::ready(Err(Error::new(ErrorKind::Conflict, "faked")))
    }
}

async fn through_dyn(customers: &dyn Customers) -> Result<Customer, Error> {
    customers.create_customer(&NewCustomer::new().first_name("Ada").email("ada@example.com")).await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("give the server's URL")?;
    let client = Client::builder("acme.example.com")
        .base_url(url)
        .credentials(Credentials::new("id", "secret"))
        .timeout(Duration::from_secs(10))
        .rate_limit(RateLimit::per_second(5).tenant(10))
        .retry(RetryPolicy::default().max_attempts(2).max_wait(Duration::from_secs(5)))
        .max_response_size(1024 * 1024)
        .build()?;

    let ada = NewCustomer::new().first_name("Ada").email("ada@example.com");
    let customer: Customer = client.create_customer(&ada).await?;
    println!("customer {}", customer.id);

    let call = client.create_customer(&ada).header("X-Trace", "1").query("dry", true).timeout(Duration::from_secs(5));
    assert_eq!(call.endpoint().ok_or("no endpoint")?.name(), "create_customer");
    assert_eq!(call.request()?.method(), "POST");
    let response: Response<Customer> = call.clone().send().await?;
    println!("{} {:?} {} {}", response.status, response.message, response.attempts, response.headers.len());

    let spawned = tokio::spawn(async move { call.retry(RetryPolicy::never()).await });
    println!("spawned {}", spawned.await??.id);

    let shared: Arc<dyn Customers + Send + Sync> = Arc::new(client.clone());
    println!("dyn {} {}", through_dyn(&client).await?.id, through_dyn(&*shared).await?.id);

    let error = through_dyn(&Fake(client.clone())).await.unwrap_err();
    match error.kind() {
        ErrorKind::Conflict => println!("fake {:?}", error.outcome() == Outcome::Rejected),
        ErrorKind::RateLimited => println!("{:?}", error.retry_after()),
        ErrorKind::Validation => println!("{:?}", error.validation().and_then(|v| v.get("email"))),
        _ => println!("{:?} {:?} {:?} {}", error.status(), error.endpoint(), error.body(), error.attempts()),
    }

    let request = client.list_note_ids(7, Some(2)).request()?;
    println!("{} {}", request.method(), request.uri().path_and_query().ok_or("no path")?);
    println!("{:?}", <dyn Notes>::ENDPOINTS.iter().map(|endpoint| endpoint.name()).collect::<Vec<_>>());
    Ok(())
}
