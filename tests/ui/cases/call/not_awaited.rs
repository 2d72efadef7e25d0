use meetbit_client::{Client, Customers, Error, NewCustomer};

async fn create(client: &Client) -> Result<i64, Error> {
    let ada = client.create_customer(&NewCustomer::new())?;
    Ok(ada.id.0)
}

fn main() {
    let _ = create;
}
