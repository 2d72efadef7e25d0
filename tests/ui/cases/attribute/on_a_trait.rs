use meetbit_client::{Api, Client, api_endpoint};

#[api_endpoint(get, "/events")]
trait Events: Api {}

impl Events for Client {}

fn main() {
    let _: fn(&Client) -> &dyn Events = |client| client;
}
