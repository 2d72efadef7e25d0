use meetbit_client::{Call, Client, api_endpoint};

struct Events(Client);

impl Events {
    #[api_endpoint(get, "/events")]
    pub fn list(&self) -> Call<String> {
        unimplemented!()
    }
}

fn main() {
    let _: fn(&Events) -> Call<String> = |events| events.list();
}
