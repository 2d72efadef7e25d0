use meetbit_client::{Call, Customer, Customers, NewCustomer};

struct Fake;

impl Customers for Fake {
    fn create_customer(&self, _: &NewCustomer) -> Call<Customer> {
        unimplemented!()
    }
}

fn main() {}
