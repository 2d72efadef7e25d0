use meetbit_client::{Api, Call, Client, api, api_endpoint as endpoint};

#[api]
trait Events: Api {
    #[endpoint(gte, "/events")]
    fn list(&self) -> Call<String>;
}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| client.list();
}
