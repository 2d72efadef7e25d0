use meetbit_client::{Api, Call, Client, api_endpoint};

struct Plain;

trait Events: Api {
    #[api_endpoint(get, "/events", raw)]
    fn get(&self) -> Call<Vec<Plain>>;
}

impl Events for Client {}

fn main() {
    let _: fn(&Client) -> Call<Vec<Plain>> = |client| client.get();
}
