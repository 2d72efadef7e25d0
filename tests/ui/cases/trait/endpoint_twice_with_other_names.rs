use meetbit_client::{Api, Call, Client, api, api_endpoint};

#[api]
trait Events: Api {
    #[api_endpoint(get, "/events/{id}")]
    fn event(&self, id: i64) -> Call<String>;

    #[api_endpoint(get, "/events/{number}")]
    fn numbered(&self, number: i64) -> Call<String>;
}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| {
        let _ = client.numbered(7);
        client.event(7)
    };
    let _ = <dyn Events>::ENDPOINTS;
}
