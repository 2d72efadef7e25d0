use meetbit_client::{Api, Client, api};

struct Fake(Client);

#[api]
impl Api for Fake {
    fn client(&self) -> &Client {
        &self.0
    }
}

fn main() {
    let _: fn(&Fake) -> &Client = |fake| fake.client();
}
