//! Names that an argument, a method or a trait may have.

use meetbit_client::{Api, Call, api, api_endpoint};

use super::{client, sent};

#[api]
trait Words: Api {
    #[api_endpoint(get, "/{method}/{path}/{request}/{call}/{endpoint}/{client}")]
    #[allow(clippy::too_many_arguments, reason = "they are the case")]
    fn in_the_path(&self, method: u8, path: u8, request: u8, call: u8, endpoint: u8, client: u8) -> Call<()>;

    #[api_endpoint(get, "/words")]
    fn in_the_query(&self, #[query] self_: u8, #[query] method: u8, #[query] path: u8, #[query] query: u8) -> Call<()>;

    #[api_endpoint(get, "/more/words")]
    fn more(&self, #[query] builder: u8, #[query] krate: u8, #[query] body: u8, #[query] value: u8) -> Call<()>;

    #[api_endpoint(get, "/words/{type}/{async}")]
    fn r#match(&self, r#async: u8, r#type: u8, #[query] r#fn: u8) -> Call<()>;

    #[api_endpoint(get, "/words/{Id}/{ärger}/{x_}")]
    #[allow(non_snake_case, reason = "they are the case")]
    fn unusual(&self, Id: u8, ärger: u8, x_: u8) -> Call<()>;

    // `clippy::pedantic` reports a use of such a name that the author writes.
    #[api_endpoint(post, "/words/{_id}")]
    fn underscored(&self, _id: u8, #[query] _page: u8, #[body] _word: &str) -> Call<()>;
}

#[test]
fn arguments_in_the_path_may_be_named_like_anything() {
    assert_eq!(sent(&client().in_the_path(1, 2, 3, 4, 5, 6)), "GET /1/2/3/4/5/6");
}

#[test]
fn arguments_in_the_query_may_be_named_like_anything() {
    assert_eq!(sent(&client().in_the_query(1, 2, 3, 4)), "GET /words?self_=1&method=2&path=3&query=4");
    assert_eq!(sent(&client().more(1, 2, 3, 4)), "GET /more/words?builder=1&krate=2&body=3&value=4");
}

#[test]
fn raw_names_lose_their_mark() {
    assert_eq!(sent(&client().r#match(1, 2, 3)), "GET /words/2/1?fn=3");
    assert_eq!(<dyn Words>::ENDPOINTS[3].name(), "match");
}

#[test]
fn names_of_any_case_and_alphabet_fill_their_placeholder() {
    assert_eq!(sent(&client().unusual(1, 2, 3)), "GET /words/1/2/3");
    assert_eq!(sent(&client().underscored(1, 2, "x")), "POST /words/1?_page=2");
}

mod traits {
    use meetbit_client::{api, api_endpoint};

    #[api]
    pub(super) trait Client: meetbit_client::Api {
        #[api_endpoint(get, "/client")]
        fn new(&self) -> meetbit_client::Call<()>;
    }

    #[api]
    pub(super) trait Endpoint: meetbit_client::Api {
        #[api_endpoint(get, "/endpoint")]
        fn client(&self) -> meetbit_client::Call<()>;
    }

    #[api]
    pub(super) trait RequestBuilder: meetbit_client::Api {
        #[api_endpoint(get, "/builder/{path}")]
        fn path(&self, path: &str) -> meetbit_client::Call<()>;
    }
}

#[test]
fn traits_and_methods_may_be_named_like_the_runtime() {
    let client = client();
    assert_eq!(sent(&traits::Client::new(&client)), "GET /client");
    assert_eq!(sent(&traits::Endpoint::client(&client)), "GET /endpoint");
    assert_eq!(sent(&traits::RequestBuilder::path(&client, "a")), "GET /builder/a");
}
