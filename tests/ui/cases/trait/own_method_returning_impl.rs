use meetbit_client::{Api, Call, Client, api, api_endpoint};

#[api]
trait Events: Api {
    #[api_endpoint(get, "/events")]
    fn list(&self) -> Call<String>;

    fn names(&self) -> impl Iterator<Item = String> {
        std::iter::empty()
    }
}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| {
        drop(client.names());
        client.list()
    };
    let _ = <dyn Events>::ENDPOINTS;
}
