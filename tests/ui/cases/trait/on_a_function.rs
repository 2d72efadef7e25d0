use meetbit_client::api;

#[api]
fn events() {}

fn main() {
    events();
}
