use meetbit_client::{Api, Call, Client, api, api_endpoint};

#[api]
trait Events: Api {
    const PAGE: u32 = 10;

    #[api_endpoint(get, "/events")]
    fn list(&self) -> Call<String>;
}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| client.list();
    let _ = <dyn Events>::ENDPOINTS;
}
