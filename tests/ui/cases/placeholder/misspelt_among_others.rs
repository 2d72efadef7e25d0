use meetbit_client::{Api, Call, Client, api_endpoint};

trait Events: Api {
    #[api_endpoint(get, "/calendars/{calendar_id}/events/{evnt_id}")]
    fn get(&self, calendar_id: i64, event_id: i64) -> Call<String>;
}

impl Events for Client {}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| client.get(7, 8);
}
