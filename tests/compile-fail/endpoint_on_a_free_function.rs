use meetbit_client::{Call, api_endpoint};

#[api_endpoint(get, "/events")]
fn list() -> Call<String> {
    Call::ready(Ok(String::new()))
}

fn main() {
    let _: Call<String> = list();
}
