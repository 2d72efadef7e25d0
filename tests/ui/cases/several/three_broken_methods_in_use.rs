use meetbit_client::{Api, Call, Client, Error, api, api_endpoint};

#[api]
trait Events: Api {
    #[api_endpoint(get, "/events/{idd}")]
    fn event(&self, id: i64) -> Call<String>;

    #[api_endpoint(post, "/events", prm = "events.create.*")]
    fn create(&self, #[bdy] event: &str) -> Call<String>;

    #[api_endpoint(delete, "/events/{id}")]
    async fn delete(&self, id: i64) -> Result<(), Error>;

    #[api_endpoint(get, "/events")]
    fn list(&self) -> Call<Vec<String>>;
}

struct Fake(Client);

impl Api for Fake {
    fn client(&self) -> &Client {
        &self.0
    }
}

impl Events for Fake {
    fn create(&self, event: &str) -> Call<String> {
        Call::ready(Ok(event.to_owned()))
    }
}

async fn through_dyn(events: &dyn Events) -> Result<Vec<String>, Error> {
    events.delete(7).await?;
    events.list().await
}

async fn through_generic(events: &impl Events) -> Result<String, Error> {
    events.create("a").await?;
    events.event(7).await
}

fn main() {
    let _ = |client: Client| async move {
        through_dyn(&client).await?;
        through_generic(&Fake(client)).await
    };
}
