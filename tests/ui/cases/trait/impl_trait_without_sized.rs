use meetbit_client::{Api, Call, Client, api, api_endpoint};

#[api]
trait Events: Api {
    #[api_endpoint(get, "/events")]
    fn list(&self, #[query] q: impl serde::Serialize) -> Call<String>;
}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| client.list([("a", "b")]);
    let _ = <dyn Events>::ENDPOINTS;
}
