use meetbit_client::{Api, Call, Client, api_endpoint};

trait Events: Api {
    #[api_endpoint(get, "/events")]
    fn list(&self) -> impl Future<Output = Result<String, meetbit_client::Error>>;
}

impl Events for Client {}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| client.list();
}
