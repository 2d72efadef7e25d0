use meetbit_client::{Api, Call, Client, api_endpoint};

trait Events: Api {
    #[api_endpoint(get, "/events/{id}")]
    fn get(&self, id: i64) -> Call<_>;
}

impl Events for Client {}

fn main() {
    let _: fn(&Client) -> Call<()> = |client| client.get(7);
}
