use meetbit_client::api_endpoint;

#[api_endpoint(get, "/events")]
struct Events;

fn main() {
    let _ = Events;
}
