use meetbit_client::{Api, Call, Client, api, api_endpoint};

#[api]
trait Events: Api {
    #[api_endpoint(get, "/events")]
    fn list(&self) -> Call<String>;

    #[api_endpoint(get, "/events/all")]
    fn list(&self) -> Call<String>;
}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| client.list();
}
