use crate::client::Client;

/// A type with a [`Client`], which sends the calls.
///
/// Every trait of declared endpoints has it as a supertrait, `trait Rooms: Api`. `Client` implements it. A fake or a wrapper
/// implements it by returning its client.
///
/// To send a trait object to another task, write `Arc<dyn Customers + Send + Sync>`. A function that takes `&impl Customers`
/// accepts `&client`; one that takes `impl Customers` accepts `client.clone()`, which is cheap. Methods can be called on a
/// `&Client` and on an `Arc<Client>` as well.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no client to send calls with",
    label = "does not implement `meetbit_client::Api`",
    note = "declare a trait of endpoints as `trait Name: meetbit_client::Api {{ .. }}`; a fake or another type needs \
            `impl meetbit_client::Api for ..`"
)]
pub trait Api {
    /// The client that sends the calls.
    fn client(&self) -> &Client;
}

impl Api for Client {
    fn client(&self) -> &Client {
        self
    }
}
