use meetbit_client::{Client, Customers, Error, NewCustomer};

fn create(client: &Client) -> Result<i64, Error> {
    let ada = client.create_customer(&NewCustomer::new())?;
    Ok(ada.id)
}

async fn create_in_async(client: &Client) -> Result<i64, Error> {
    let ada = client.create_customer(&NewCustomer::new())?;
    Ok(ada.id)
}

fn main() {
    let _ = (create, create_in_async);
}
