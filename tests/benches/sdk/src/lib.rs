//! The SDK with its defaults: deadline, retry loop, and a rate limit that is counted but high enough not to wait for. The stated
//! round trip lets a request count for 5 ms, so that a few count at a time, as with the default limit, and not thousands.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use meetbit_client::{Address, Client, ClientBuilder, Credentials, Customers, Error, NewCustomer, RateLimit};
use tower::service_fn;
use workload::{KEY_ID, KEY_SECRET, REPLY};

struct Api {
    client: Client,
    /// Answers without a network.
    local: Client,
    ada: NewCustomer,
}

impl Api {
    fn new(url: &str, own: fn(ClientBuilder) -> ClientBuilder) -> Self {
        let builder = || -> ClientBuilder {
            let limit = RateLimit::per_second(1_000_000).min_round_trip(Duration::from_secs(1));
            Client::builder("acme.example.com").credentials(Credentials::new(KEY_ID, KEY_SECRET)).rate_limit(limit)
        };
        let answer = service_fn(async |request: http::Request<Bytes>| {
            assert_eq!(request.body().len(), workload::BODY.len());
            Ok::<_, Infallible>(http::Response::new(Bytes::from_static(REPLY.as_bytes())))
        });
        Self {
            client: own(builder().base_url(url)).build().expect("a client"),
            local: own(builder()).service(answer).build().expect("a client"),
            ada: ada(),
        }
    }
}

fn ada() -> NewCustomer {
    let address = Address::new()
        .line_1("12 St James's Square")
        .line_2("2nd floor")
        .city("London")
        .region("Greater London")
        .region_code("LND")
        .country("United Kingdom")
        .country_code("GB")
        .postal_code("SW1Y 4JH");
    NewCustomer::new()
        .first_name("Ada")
        .middle_name("Augusta")
        .last_name("Lovelace")
        .email("ada@analytical-engines.example.com")
        .contact_number("+442071234567")
        .address(address)
}

/// Makes the calls that the command line asks for, with clients that have these settings of their own. The client without a
/// network has its own service.
pub fn run(own: fn(ClientBuilder) -> ClientBuilder) {
    workload::run(
        |url| Api::new(url, own),
        async |api: &Api| Ok::<_, Error>(api.client.create_customer(&api.ada).await?.id.0),
        async |api: &Api| Ok(api.local.create_customer(&api.ada).await?.id.0),
    );
}
