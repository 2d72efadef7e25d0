use meetbit_client::{Api, Call, Client, api_endpoint};

pub const EVENT_ID: i64 = 7;

trait Events: Api {
    #[api_endpoint(get, "/events/{EVENT_ID}")]
    fn list(&self, event_id: i64) -> Call<String>;
}

impl Events for Client {}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| client.list(EVENT_ID);
}
