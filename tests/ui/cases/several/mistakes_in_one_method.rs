use meetbit_client::{Api, Call, Client, api_endpoint};

trait Events: Api {
    #[api_endpoint(pst, "calendars/{calendar}/events?all", prm = "events.create.*", perm = "events.create", idempotent = yes)]
    unsafe fn create(
        self,
        calendar_id: i64,
        #[quary] page: u32,
        #[header("Host")] host: &str,
        #[body] first: &str,
        #[form] (second, third): (&str, &str),
    ) -> Result<String, meetbit_client::Error> {
        todo!()
    }
}

impl Events for Client {}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| client.create(7, 8, "a", "b", ("c", "d"));
}
