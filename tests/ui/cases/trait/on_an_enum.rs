use meetbit_client::api;

#[api]
enum Events {
    Created,
}

fn main() {
    let _ = Events::Created;
}
