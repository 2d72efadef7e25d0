use meetbit_client::{Api, Call, Client, api_endpoint};

macro_rules! events {
    ($path:literal, $id:ident: $ty:ty) => {
        trait Events: Api {
            #[api_endpoint(get, $path)]
            fn event(&self, $id: $ty) -> Call<String>;
        }
    };
}

events!("/events/{idd}", id: i64);

impl Events for Client {}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| client.event(7);
}
