use meetbit_client::{Call, Client, api, api_endpoint};

#[api]
trait Events {
    #[api_endpoint(get, "/events/{idd}")]
    fn event<T: std::fmt::Display>(&self, id: T) -> Call<String>;

    #[api_endpoint(po)]
    fn create(&self, #[body] event: &str) -> Call<String>;
}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| client.event(7);
    let _: fn(&dyn Events) -> Call<String> = |events| events.create("a");
}
