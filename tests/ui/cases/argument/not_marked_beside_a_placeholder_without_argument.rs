use meetbit_client::{Api, Call, Client, api_endpoint};

trait Events: Api {
    #[api_endpoint(post, "/events/{id}")]
    fn create(&self, event: &[u8]) -> Call<String>;
}

impl Events for Client {}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| client.create(b"a");
}
