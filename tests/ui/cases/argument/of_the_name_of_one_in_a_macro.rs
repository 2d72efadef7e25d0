use meetbit_client::{Api, Call, Client, api_endpoint};

macro_rules! rooms {
    ($argument:ident) => {
        trait Rooms: Api {
            #[api_endpoint(get, "/rooms/{id}")]
            fn room(&self, id: u32, $argument: u32) -> Call<String>;
        }
    };
}

rooms!(id);

impl Rooms for Client {}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| client.room(1, 2);
}
