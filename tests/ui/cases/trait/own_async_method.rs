use meetbit_client::{Api, Call, Client, api, api_endpoint};

#[api]
trait Events: Api {
    #[api_endpoint(get, "/events")]
    fn list(&self) -> Call<String>;

    async fn first(&self) -> String {
        String::new()
    }
}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| {
        drop(client.first());
        client.list()
    };
    let _ = <dyn Events>::ENDPOINTS;
}
