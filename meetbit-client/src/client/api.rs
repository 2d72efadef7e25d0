use crate::client::Client;

/// What an endpoint is declared on: something that has a [`Client`].
///
/// Every trait of declared endpoints has it as a supertrait, `trait Rooms: Api`. `Client` implements it; a fake or a
/// wrapper of your own does by handing out the client it holds.
///
/// To send a trait object to another task, write `Arc<dyn Customers + Send + Sync>`. A function that takes `&impl Customers`
/// accepts `&client`; one that takes `impl Customers` accepts `client.clone()`, which is cheap. Methods can be called on a
/// `&Client` and on an `Arc<Client>` as well.
#[diagnostic::on_unimplemented(
    message = "endpoints are sent through a client, which `{Self}` does not have",
    label = "does not implement `meetbit_client::Api`",
    note = "a trait of endpoints is declared with it, `trait Name: meetbit_client::Api {{ .. }}`, and a type of your own, such as \
            a fake, implements it: `impl meetbit_client::Api for ..`"
)]
pub trait Api {
    /// The client that sends what is declared on this type.
    fn client(&self) -> &Client;
}

impl Api for Client {
    fn client(&self) -> &Client {
        self
    }
}
