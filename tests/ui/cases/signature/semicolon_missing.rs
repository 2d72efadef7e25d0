use meetbit_client::{Api, Call, Client, api, api_endpoint};

#[api]
trait Events: Api {
    #[api_endpoint(get, "/events")]
    fn list(&self) -> Call<String>

    #[api_endpoint(get, "/events/{id}")]
    fn event(&self, id: i64) -> Call<String>;
}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| client.list();
    let _: fn(&dyn Events) -> Call<String> = |events| events.event(7);
}
