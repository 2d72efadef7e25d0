use meetbit_client::{Api, Call, Client, api, api_endpoint};

#[api]
trait Events: Api {
    #[api_endpoint(get, "/events")]
    fn list(&self) -> Call<String>;

    fn is(&self, other: &Self) -> bool {
        std::ptr::from_ref(self.client()) == std::ptr::from_ref(other.client())
    }
}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| {
        let _ = client.is(client);
        client.list()
    };
    let _ = <dyn Events>::ENDPOINTS;
}
