use meetbit_client::{Api, Call, Client, api_endpoint};

trait Events: Api {
    #[api_endpoint(delete, "/events")]
    fn clear(&self) -> Call;
}

impl Events for Client {}

fn main() {
    let _: fn(&Client) -> Call<()> = |client| client.clear();
}
