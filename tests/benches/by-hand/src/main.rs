//! reqwest as people write it.

use reqwest::Client;
use workload::{Customer, Envelope, KEY_ID, KEY_SECRET, NewCustomer, REPLY};

struct Api {
    client: Client,
    base_url: String,
    ada: NewCustomer,
}

impl Api {
    fn request(&self) -> reqwest::RequestBuilder {
        self.client
            .post(format!("{}/customers", self.base_url))
            .header("X-Access-Key-Id", KEY_ID)
            .header("X-Access-Key-Secret", KEY_SECRET)
            .json(&self.ada)
    }

    async fn create_customer(&self) -> reqwest::Result<i64> {
        let reply: Envelope<Customer> = self.request().send().await?.error_for_status()?.json().await?;
        Ok(reply.data.id)
    }

    fn build_and_decode(&self) -> reqwest::Result<i64> {
        std::hint::black_box(self.request().build()?);
        let reply: Envelope<Customer> = serde_json::from_slice(REPLY.as_bytes()).expect("the reply is JSON");
        Ok(reply.data.id)
    }
}

fn main() {
    workload::run(
        |url| Api { client: Client::new(), base_url: url.to_owned(), ada: NewCustomer::ada() },
        async |api: &Api| api.create_customer().await,
        async |api: &Api| api.build_and_decode(),
    );
}
