use meetbit_client::{Api, Call, Client, api, api_endpoint};

macro_rules! list {
    () => {
        #[api_endpoint(get, "/events")]
        fn list(&self) -> Call<String>;
    };
}

#[api]
trait Events: Api {
    list!();
}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| client.list();
    let _ = <dyn Events>::ENDPOINTS;
}
