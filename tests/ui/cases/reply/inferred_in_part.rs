use meetbit_client::{Api, Call, Client, api_endpoint};

trait Events: Api {
    #[api_endpoint(get, "/events")]
    fn list(&self) -> Call<Vec<_>>;
}

impl Events for Client {}

fn main() {
    let _: fn(&Client) -> Call<()> = |client| client.list();
}
