use meetbit_client::{Api, Call, Client, api_endpoint};

trait Events: Api {
    #[api_endpoint(get, "/events")]
    fn list(&self) -> Call<str>;
}

impl Events for Client {}

fn main() {
    let _ = |client: Client| drop(client.list());
    let _: Option<Call<u8>> = None;
}
