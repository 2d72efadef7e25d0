//! Attribute macros of other crates on the same trait.

use async_trait::async_trait;
use meetbit_client::{Api, Call, Client, api, api_endpoint};
use mockall::automock;

use super::{client, sent};

#[api]
#[automock]
trait Drawers: Api {
    #[api_endpoint(get, "/drawers/{id}", perm = "drawers.read.*")]
    fn drawer(&self, id: i64) -> Call<u8>;

    #[api_endpoint(post, "/drawers")]
    fn create_drawer<'a>(&self, #[query] force: bool, #[body] name: &'a str) -> Call<()>;
}

impl Api for MockDrawers {
    fn client(&self) -> &Client {
        unimplemented!("a mock sends nothing")
    }
}

#[tokio::test]
async fn automock_below_api_mocks_the_endpoints() {
    let mut mock = MockDrawers::new();
    mock.expect_drawer().withf(|id| *id == 7).times(1).returning(|_| Call::ready(Ok(3)));
    assert_eq!(mock.drawer(7).await.unwrap(), 3);
    mock.expect_create_drawer().withf(|_, name| name == "a").times(1).returning(|_, _| Call::ready(Ok(())));
    mock.create_drawer(true, "a").await.unwrap();
    assert_eq!(sent(&client().create_drawer(true, "a")), "POST /drawers?force=true");
    assert_eq!(<dyn Drawers>::ENDPOINTS.len(), 2);
}

#[api]
#[async_trait]
trait AsyncBelow: Api + Sync {
    #[api_endpoint(get, "/below")]
    fn below(&self) -> Call<u8>;

    async fn requested(&self) -> String {
        sent(&self.below())
    }
}

#[async_trait]
#[api]
trait AsyncAbove: Api + Sync {
    #[api_endpoint(get, "/above")]
    fn above(&self) -> Call<u8>;

    async fn asked(&self) -> String {
        sent(&self.above())
    }
}

#[tokio::test]
async fn async_trait_may_stand_above_or_below() {
    let client = client();
    let (below, above): (&dyn AsyncBelow, &dyn AsyncAbove) = (&client, &client);
    assert_eq!(below.requested().await, "GET /below");
    assert_eq!(above.asked().await, "GET /above");
    assert_eq!((<dyn AsyncBelow>::ENDPOINTS.len(), <dyn AsyncAbove>::ENDPOINTS.len()), (1, 1));
}
