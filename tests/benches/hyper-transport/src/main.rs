//! The SDK over hyper-util's client: the client's example `hyper_transport`.

#[path = "../../../../meetbit-client/examples/hyper_transport/transport.rs"]
mod transport;

fn main() {
    sdk::run(|builder| builder.service(transport::transport().expect("the system's certificates")));
}
