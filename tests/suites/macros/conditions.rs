//! Declarations under `#[cfg]` and `#[cfg_attr]`.

use meetbit_client::{Api, Call, api, api_endpoint};

use super::{client, sent};

#[api]
trait Conditional: Api {
    #[cfg(test)]
    #[api_endpoint(get, "/there")]
    fn there(&self) -> Call<()>;

    #[cfg(not(test))]
    #[api_endpoint(get, "/missing")]
    fn missing(&self) -> Call<()>;

    #[api_endpoint(get, "/below")]
    #[cfg(not(test))]
    fn below(&self) -> Call<()>;

    #[cfg(not(test))]
    #[api_endpoint(get, "without a slash", prm = "none")]
    fn wrong_and_missing(self, #[unknown] argument: u8);

    #[cfg_attr(test, api_endpoint(get, "/attr"))]
    fn attr(&self) -> Call<()>;

    #[cfg_attr(not(test), api_endpoint(get, "/one"))]
    #[cfg_attr(test, api_endpoint(get, "/other"))]
    fn either(&self) -> Call<()>;

    #[cfg_attr(test, cfg(not(test)))]
    #[api_endpoint(get, "/nested")]
    fn nested(&self) -> Call<()>;

    #[cfg(test)]
    #[api_endpoint(get, "/same/{id}")]
    fn same(&self, id: u8) -> Call<()>;

    #[cfg(not(test))]
    #[api_endpoint(get, "/same/{name}")]
    fn same(&self, name: &str) -> Call<()>;
}

#[test]
fn the_catalogue_follows_the_conditions() {
    let paths: Vec<&str> = <dyn Conditional>::ENDPOINTS.iter().map(|endpoint| endpoint.path()).collect();
    assert_eq!(paths, ["/there", "/attr", "/other", "/same/{id}"]);
    assert_eq!(sent(&client().there()), "GET /there");
    assert_eq!(sent(&client().attr()), "GET /attr");
    assert_eq!(sent(&client().either()), "GET /other");
    assert_eq!(sent(&client().same(7)), "GET /same/7");
}

#[api]
trait Arguments: Api {
    #[api_endpoint(get, "/arguments")]
    fn arguments(
        &self,
        #[cfg(test)]
        #[query]
        there: u8,
        #[cfg(not(test))]
        #[query]
        missing: u8,
        #[query]
        #[cfg(test)]
        #[cfg(debug_assertions)]
        twice: &str,
        #[cfg(test)]
        #[header("X-Trace")]
        trace: u8,
        #[cfg(test)]
        #[query]
        either: u8,
        #[cfg(not(test))]
        #[query]
        either: &str,
        #[cfg(not(test))]
        #[header("X-Missing")]
        no_trace: &str,
    ) -> Call<()>;
}

#[test]
fn query_and_header_arguments_follow_theirs() {
    let call = client().arguments(1, "x", 2, 3);
    assert_eq!(sent(&call), "GET /arguments?there=1&twice=x&either=3");
    let request = call.request().unwrap();
    assert_eq!(request.headers()["x-trace"], "2");
    assert!(!request.headers().contains_key("x-missing"));
}

#[api]
#[cfg(not(test))]
trait Gone: Missing {
    #[api_endpoint(get, "/gone")]
    fn gone(&self) -> Missing;
}

#[api]
trait Old: Api {
    /// Documented.
    #[deprecated(note = "it is old")]
    #[must_use = "nothing is sent before it is awaited"]
    #[allow(clippy::needless_lifetimes, reason = "it is the case")]
    #[inline]
    #[api_endpoint(get, "/old/{id}")]
    fn old<'a>(&'a self, #[allow(unused_variables)] id: &'a str) -> Call<()>;
}

#[test]
fn attributes_stay_on_the_method() {
    #[expect(deprecated, reason = "it says so")]
    let call = client().old("a");
    assert_eq!(sent(&call), "GET /old/a");
    assert_eq!(<dyn Old>::ENDPOINTS.len(), 1);
}

#[deprecated]
#[api]
trait Older: Api {
    #[api_endpoint(get, "/older")]
    fn older(&self) -> Call<()>;
}

#[test]
fn a_deprecated_trait_warns_its_users_alone() {
    #[expect(deprecated, reason = "it says so")]
    let call = Older::older(&client());
    assert_eq!(sent(&call), "GET /older");
}
