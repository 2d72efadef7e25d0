use meetbit_client::{Api, Call, Client, api, api_endpoint};
use meetbit_ui_copy::copy;

struct Fake;

impl Api for Fake {
    fn client(&self) -> &Client {
        todo!()
    }
}

#[api]
#[copy(Fake)]
trait Events: Api {
    #[api_endpoint(get, "events")]
    fn list(&self) -> Call<String>;
}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| client.list();
}
