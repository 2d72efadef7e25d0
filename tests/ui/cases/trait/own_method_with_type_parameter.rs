use meetbit_client::{Api, Call, Client, api, api_endpoint};

#[api]
trait Events: Api {
    #[api_endpoint(get, "/events")]
    fn list(&self) -> Call<String>;

    fn named<T: Into<String>>(&self, name: T) -> String {
        name.into()
    }
}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| {
        let _ = client.named("a");
        client.list()
    };
    let _ = <dyn Events>::ENDPOINTS;
}
