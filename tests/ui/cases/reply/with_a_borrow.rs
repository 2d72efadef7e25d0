use meetbit_client::{Api, Call, Client, api_endpoint};

trait Events: Api {
    #[api_endpoint(get, "/names")]
    fn names(&self) -> Call<Vec<(u8, &str)>>;
}

impl Events for Client {}

fn main() {
    let _ = |client: &Client| drop(client.names());
}
