use meetbit_client::{Api, Call, Client, api};

#[api]
trait Events: Api {
    fn list(&self) -> Call<String>;
}

fn main() {
    let _: fn(&Client) -> Call<String> = |client| client.list();
    let _ = <dyn Events>::ENDPOINTS;
}
