use meetbit_client::{Api, Call, Client, api_endpoint};

struct Plain;

trait Events: Api {
    #[api_endpoint(get, "/events")]
    fn get(&self) -> Call<Plain>;
}

impl Events for Client {}

fn main() {
    let _: fn(&Client) -> Call<Plain> = |client| client.get();
}
