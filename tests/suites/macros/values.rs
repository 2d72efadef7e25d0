//! Values that an argument may have.

use meetbit_client::{Api, Call, HeaderValue, api, api_endpoint};

use super::{client, sent};

#[derive(Clone, Copy, serde::Serialize)]
struct Pair([u8; 2]);

#[api]
trait Values: Api {
    #[api_endpoint(get, "/lists")]
    fn lists(
        &self,
        #[query] array: [u8; 2],
        #[query] words: Option<[&str; 2]>,
        #[query] tuple: (u8, &str),
        #[query] newtype: Pair,
        #[query] none: [Option<u8>; 1],
    ) -> Call<()>;

    #[api_endpoint(get, "/pairs")]
    fn pairs(&self, #[query] vec: Vec<(&str, u8)>, #[query] array: [(&str, [u8; 0]); 0]) -> Call<()>;

    #[api_endpoint(get, "/header")]
    fn header(&self, #[header("X-A")] a: &HeaderValue, #[header("X-B")] b: Option<&HeaderValue>) -> Call<()>;
}

#[test]
fn an_array_or_a_tuple_repeats_the_key() {
    let call = client().lists([1, 2], Some(["a b", "c"]), (3, "d"), Pair([4, 5]), [None]);
    assert_eq!(sent(&call), "GET /lists?array=1&array=2&words=a+b&words=c&tuple=3&tuple=d&newtype=4&newtype=5");
    assert_eq!(sent(&client().lists([1, 2], None, (3, "d"), Pair([4, 5]), [Some(6)]).query("more", ["e"])), {
        "GET /lists?array=1&array=2&tuple=3&tuple=d&newtype=4&newtype=5&none=6&more=e"
    });
}

#[test]
fn pairs_have_their_own_names() {
    assert_eq!(sent(&client().pairs(vec![("a", 1), ("b", 2)], [])), "GET /pairs?a=1&b=2");
    assert_eq!(sent(&client().pairs(Vec::new(), []).query("x", [("c", 3)])), "GET /pairs?c=3");
}

#[test]
fn what_cannot_be_a_query_says_what_can() {
    let error = client().pairs(Vec::new(), []).query("deep", [[[1]]]).request().unwrap_err().to_string();
    assert!(error.contains("`deep` cannot be written as a query"), "{error}");
    assert!(error.ends_with("it takes a scalar, a list of scalars, or a struct or map of these"), "{error}");
}

#[test]
fn a_header_may_be_borrowed() {
    let (a, b) = (HeaderValue::from_static("a"), HeaderValue::from_static("b"));
    let request = client().header(&a, Some(&b)).request().unwrap();
    assert_eq!((&request.headers()["x-a"], &request.headers()["x-b"]), (&a, &b));
    assert!(!client().header(&a, None).request().unwrap().headers().contains_key("x-b"));
}
