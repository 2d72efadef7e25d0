use meetbit_client::{Api, Call, Client, api_endpoint};

trait Events: Api {
    #[api_endpoint(head, "/events")]
    fn act(&self, #[body] event: &str) -> Call<()>;
}

impl Events for Client {}

fn main() {
    let _: fn(&Client) -> Call<()> = |client| client.act("a");
}
