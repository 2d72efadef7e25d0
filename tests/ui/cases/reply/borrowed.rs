use meetbit_client::{Api, Call, Client, api_endpoint};

trait Events: Api {
    #[api_endpoint(get, "/name")]
    fn name(&self) -> Call<&str>;
}

impl Events for Client {}

fn main() {
    let _ = |client: &Client| drop(client.name());
}
