use meetbit_client::{Call, api_endpoint};

#[api_endpoint(get, "/events")]
pub fn list(#[query] page: u32) -> Call<String> {
    Call::ready(Ok(page.to_string()))
}

fn main() {
    let _: Call<String> = list(7);
}
