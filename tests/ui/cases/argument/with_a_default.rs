use meetbit_client::{Api, Call, Client, api, api_endpoint};

#[api]
trait Events: Api {
    #[api_endpoint(get, "/events")]
    fn list(&self, #[query] page: u32 = 1) -> Call<String>;

    #[api_endpoint(get, "/events/{id}")]
    fn get(&self, id: i64, #[query] full: bool) -> Call<String>;
}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| client.list(1);
    let _: fn(&dyn Events) -> Call<String> = |events| events.get(7, true);
}
