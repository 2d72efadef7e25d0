use meetbit_client::{Call, Client, api_endpoint};

trait Events {
    #[api_endpoint(get, "/events")]
    fn list(&self) -> Call<String>;
}

impl Events for Client {}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| client.list();
}
