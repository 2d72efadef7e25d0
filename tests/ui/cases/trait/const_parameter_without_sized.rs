use meetbit_client::{Api, Call, Client, api, api_endpoint};

#[api]
trait Events: Api {
    #[api_endpoint(post, "/events")]
    fn list<const N: usize>(&self, #[body(raw = "text/csv")] csv: &[u8; N]) -> Call<String>;
}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| client.list(b"a");
    let _ = <dyn Events>::ENDPOINTS;
}
