use meetbit_client::{Call, Client, api_endpoint};

struct Events(Client);

impl Events {
    #[api_endpoint(get, "/events")]
    fn list(&self) -> Call<String> {
        let _ = &self.0;
        Call::ready(Ok(String::new()))
    }
}

fn main() {
    let _: fn(&Events) -> Call<String> = |events| events.list();
}
