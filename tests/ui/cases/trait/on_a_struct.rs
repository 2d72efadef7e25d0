use meetbit_client::api;

#[api]
struct Events;

fn main() {
    let _ = Events;
}
