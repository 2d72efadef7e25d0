//! Implementations of a declared trait.

use std::sync::Arc;

use meetbit_client::{Api, Call, Client, api, api_endpoint};

use super::{client, sent};

trait ByHand: Api {
    #[api_endpoint(get, "/by/hand")]
    fn by_hand(&self) -> Call<()>;
}

impl<T: Api + ?Sized> ByHand for T {}

#[test]
fn an_impl_by_hand_may_be_for_all() {
    assert_eq!(sent(&client().by_hand()), "GET /by/hand");
}

#[api]
trait Numbers: Api {
    #[api_endpoint(get, "/one")]
    fn one(&self) -> Call<u8>;

    #[api_endpoint(get, "/two/{id}")]
    fn two(&self, id: &str) -> Call<u8>;

    #[api_endpoint(post, "/two/{number}")]
    fn set_two(&self, number: u8) -> Call<()>;
}

struct Fake(Client);

impl Api for Fake {
    fn client(&self) -> &Client {
        &self.0
    }
}

impl Numbers for Fake {
    fn one(&self) -> Call<u8> {
        Call::ready(Ok(1))
    }
}

#[tokio::test]
async fn a_fake_overrides_what_it_needs() {
    let fake = Fake(client());
    assert_eq!(fake.one().await.unwrap(), 1);
    assert_eq!(sent(&fake.two("x")), "GET /two/x");
}

#[test]
fn a_trait_object_makes_the_same_requests() {
    let shared: Arc<dyn Numbers> = Arc::new(client());
    assert_eq!(sent(&shared.two("x")), "GET /two/x");
    assert_eq!(sent(&shared.set_two(2)), "POST /two/2");
}

#[api]
trait OtherNumbers: Api {
    #[api_endpoint(get, "/other/one")]
    fn one(&self) -> Call<u8>;
}

#[test]
fn two_traits_may_have_methods_of_one_name() {
    let client = client();
    assert_eq!(sent(&Numbers::one(&client)), "GET /one");
    assert_eq!(sent(&OtherNumbers::one(&client)), "GET /other/one");
    assert_eq!((<dyn Numbers>::ENDPOINTS.len(), <dyn OtherNumbers>::ENDPOINTS.len()), (3, 1));
}
