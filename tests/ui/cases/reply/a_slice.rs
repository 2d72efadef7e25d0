use meetbit_client::{Api, Call, Client, api_endpoint};

trait Events: Api {
    #[api_endpoint(get, "/names")]
    fn names(&self) -> Result<&[&str], ()>;
}

impl Events for Client {}

fn main() {
    let _: fn(&Client) -> Call<Vec<String>> = |client| client.names();
}
