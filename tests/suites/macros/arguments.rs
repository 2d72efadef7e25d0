//! What `Endpoint::arguments` says about declarations of every kind.

use std::collections::BTreeMap;

use meetbit_client::ArgumentLocation::{Body, Header, Path, Query};
use meetbit_client::{Api, ArgumentLocation, Call, Endpoint, HeaderValue, Method, api, api_endpoint};
use serde::Serialize;

#[derive(Serialize)]
struct Filter {
    words: Vec<String>,
}

#[api]
trait Kinds: Api {
    #[api_endpoint(get, "/a/{id}/{type}")]
    fn path(&self, r#type: &str, id: u32) -> Call<()>;

    #[api_endpoint(get, "/queries")]
    fn queries(
        &self,
        #[query] page: u32,
        #[query] size: Option<u32>,
        #[query] ids: &[u32],
        #[query] r#type: &Option<String>,
        #[query("filter[x]")] x: &Filter,
        #[query] filter: &Filter,
    ) -> Call<()>;

    #[api_endpoint(get, "/conditional")]
    fn conditional(
        &self,
        #[query] other: Option<Filter>,
        #[cfg(any())]
        #[query]
        absent: u32,
    ) -> Call<()>;

    #[api_endpoint(put, "/headers")]
    fn headers(&self, #[header("X-Trace")] a: Option<HeaderValue>, #[header("x-b")] b: u8) -> Call<()>;

    #[api_endpoint(post, "/json/{id}")]
    fn json(&self, #[body] filter: &Filter, id: u8) -> Call<()>;

    #[api_endpoint(post, "/form")]
    fn form(&self, #[form] filter: Option<BTreeMap<String, u32>>) -> Call<()>;

    #[deprecated]
    #[api_endpoint(post, "/bytes")]
    fn bytes(&self, #[body(raw = "text/csv")] filter: &str) -> Call<()>;
}

type Row = (ArgumentLocation, &'static str, bool, bool);

fn rows(name: &str) -> Vec<Row> {
    let endpoint = <dyn Kinds>::ENDPOINTS.iter().find(|endpoint| endpoint.name() == name);
    read(endpoint.expect("it is declared"))
}

fn read(endpoint: &Endpoint) -> Vec<Row> {
    endpoint.arguments().map(|a| (a.location(), a.name(), a.is_optional(), a.may_have_fields())).collect()
}

#[test]
fn each_argument_has_its_name_and_its_location() {
    assert_eq!(rows("path"), [(Path, "id", false, false), (Path, "type", false, false)]);
    let queries = [
        (Query, "page", false, false),
        (Query, "size", true, false),
        (Query, "ids", false, false),
        (Query, "type", true, false),
        (Query, "filter[x]", false, false),
        (Query, "filter", false, true),
    ];
    assert_eq!(rows("queries"), queries);
    assert_eq!(rows("conditional"), [(Query, "other", true, true)]);
    assert_eq!(rows("headers"), [(Header, "x-trace", true, false), (Header, "x-b", false, false)]);
    assert_eq!(rows("json"), [(Path, "id", false, false), (Body, "application/json", false, false)]);
    assert_eq!(rows("form"), [(Body, "application/x-www-form-urlencoded", true, false)]);
    assert_eq!(rows("bytes"), [(Body, "text/csv", false, false)]);
}

#[api]
trait Deprecations: Api {
    #[cfg_attr(not(test), deprecated)]
    #[cfg_attr(test, deprecated = "as it is in this build")]
    #[api_endpoint(get, "/old")]
    fn old(&self) -> Call<()>;

    #[cfg_attr(not(test), deprecated)]
    #[api_endpoint(get, "/new")]
    fn new(&self) -> Call<()>;
}

#[test]
fn only_a_deprecated_method_makes_a_deprecated_endpoint() {
    let endpoints = [<dyn Kinds>::ENDPOINTS, <dyn Deprecations>::ENDPOINTS].concat();
    let deprecated = endpoints.iter().filter(|endpoint| endpoint.is_deprecated());
    assert_eq!(deprecated.map(|endpoint| endpoint.name()).collect::<Vec<_>>(), ["bytes", "old"]);
}

#[test]
fn a_call_has_the_arguments_of_its_catalogue() {
    let client = meetbit_tests::client::builder("http://127.0.0.1:1").build().expect("the settings are fine");
    let call = client.json(&Filter { words: vec![] }, 1);
    assert_eq!(read(call.endpoint().expect("it is not a ready call")), rows("json"));
    let undeclared = client.call::<()>(Method::GET, "/a/{b}/{c}").into_call();
    let undeclared = read(undeclared.endpoint().expect("it is not a ready call"));
    assert_eq!(undeclared, [(Path, "b", false, false), (Path, "c", false, false)]);
}
