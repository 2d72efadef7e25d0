use meetbit_client::{Api, Call, Client, api_endpoint};

trait Events: Api {
    #[api_endpoint(get, "/events/{id}")]
    fn get(&self, id: Option<i64>) -> Call<String>;
}

impl Events for Client {}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| client.get(None);
}
