use meetbit_client::{Api, Call, Client, api_endpoint};

struct Plain;

trait Events: Api {
    #[api_endpoint(get, "/events")]
    fn get(&self, #[header("X-Trace")] trace: Plain) -> Call<String>;
}

impl Events for Client {}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| client.get(Plain);
}
