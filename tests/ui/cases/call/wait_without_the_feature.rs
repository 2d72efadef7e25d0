use meetbit_client::{Client, Customers, NewCustomer};

fn create(client: &Client) {
    let ada = client.create_customer(&NewCustomer::new()).wait();
    let _ = ada;
}

fn main() {
    let _ = create;
}
