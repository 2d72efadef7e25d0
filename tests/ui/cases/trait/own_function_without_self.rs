use meetbit_client::{Api, Call, Client, api, api_endpoint};

#[api]
trait Events: Api {
    #[api_endpoint(get, "/events")]
    fn list(&self) -> Call<String>;

    fn page() -> u32 {
        10
    }
}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| {
        let _ = <Client as Events>::page();
        client.list()
    };
    let _ = <dyn Events>::ENDPOINTS;
}
