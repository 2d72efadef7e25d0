//! Type parameters, lifetimes and bounds.

use std::fmt::{Debug, Display};

use meetbit_client::{Api, Call, api, api_endpoint};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{client, sent};

#[api]
trait Lifetimes: Api {
    #[api_endpoint(get, "/a/{id}")]
    fn named<'a, 'b: 'a>(&'a self, id: &'b str, #[query] filter: Option<&'a str>) -> Call<()>;

    #[api_endpoint(get, "/b")]
    fn elided(&self, #[query] ids: &[&str], #[header("X-Trace")] trace: Option<&str>) -> Call<()>;
}

#[test]
fn lifetimes_pass_through() {
    assert_eq!(sent(&client().named("x", Some("y"))), "GET /a/x?filter=y");
    assert_eq!(sent(&client().elided(&["x", "y"], None)), "GET /b?ids=x&ids=y");
}

#[api]
trait Methods: Api {
    #[api_endpoint(get, "/a/{id}")]
    fn parameters<I: Display, R>(&self, id: I) -> Call<R>
    where
        R: DeserializeOwned,
        Self: Sized;

    #[api_endpoint(post, "/b")]
    fn impl_trait(&self, #[query] page: impl Serialize, #[body] value: &impl Serialize) -> Call<()>
    where
        Self: Sized;

    #[api_endpoint(post, "/c")]
    fn constant<const N: usize>(&self, #[body(raw = "text/csv")] csv: [u8; N]) -> Call<()>
    where
        Self: Sized;

    #[api_endpoint(get, "/d")]
    fn bounds_on_a_lifetime<'a>(&'a self, #[query] at: &'a str) -> Call<()>
    where
        'static: 'a;
}

#[test]
fn parameters_of_a_method_pass_through() {
    assert_eq!(sent(&client().parameters::<_, String>(7)), "GET /a/7");
    assert_eq!(sent(&client().impl_trait(1, &"x")), "POST /b?page=1");
    assert_eq!(sent(&client().constant(*b"a")), "POST /c");
    assert_eq!(sent(&client().bounds_on_a_lifetime("x")), "GET /d?at=x");
}

#[test]
fn a_trait_with_sized_methods_is_still_for_dyn() {
    let client = client();
    let methods: &dyn Methods = &client;
    assert_eq!(sent(&methods.bounds_on_a_lifetime("x")), "GET /d?at=x");
}

#[api]
trait Store<T: Serialize + Debug, K = i64>: Api
where
    K: Display + Send,
{
    #[api_endpoint(put, "/store/{key}")]
    fn put(&self, key: K, #[body] value: &T) -> Call<()>;
}

#[api]
trait Fixed<'a, const N: usize>: Api {
    #[api_endpoint(get, "/fixed")]
    fn fixed(&self, #[query] at: &'a str) -> Call<[u8; N]>
    where
        [u8; N]: DeserializeOwned;
}

#[test]
fn parameters_of_a_trait_pass_through() {
    let client = client();
    assert_eq!(sent(&Store::put(&client, 7, &"x")), "PUT /store/7");
    assert_eq!(<dyn Store<&str, u8>>::ENDPOINTS[0].to_string(), "PUT /store/{key}");
    assert_eq!(sent(&Fixed::<2>::fixed(&client, "x")), "GET /fixed?at=x");
}

mod lifetime_of_a_trait {
    #![deny(single_use_lifetimes)]

    use meetbit_client::{Api, Call, api, api_endpoint};

    #[api]
    pub(super) trait Once<'a>: Api {
        #[api_endpoint(get, "/once/{text}")]
        fn once(&self, text: &'a str) -> Call<()>;
    }
}

#[test]
fn a_lifetime_of_a_trait_may_be_used_once() {
    use lifetime_of_a_trait::Once;
    assert_eq!(sent(&client().once("x")), "GET /once/x");
    assert_eq!(<dyn Once<'_>>::ENDPOINTS.len(), 1);
}

trait Base: Api {
    fn prefix(&self) -> &'static str {
        "x"
    }
}

impl Base for meetbit_client::Client {}

#[api]
trait Derived: Base + Send + Sync + 'static {
    #[api_endpoint(get, "/{id}")]
    fn derived(&self, id: &str) -> Call<()>;

    fn own(&self) -> Call<()> {
        self.derived(self.prefix())
    }
}

#[test]
fn supertraits_and_own_methods_stay() {
    assert_eq!(sent(&client().own()), "GET /x");
    assert_eq!(<dyn Derived>::ENDPOINTS.len(), 1);
}
