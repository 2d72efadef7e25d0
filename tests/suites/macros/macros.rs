//! Declarations that a user's macro writes.

use meetbit_client::{Api, Call, api, api_endpoint};

use super::{client, sent};

macro_rules! endpoints {
    ($name:ident { $($method:ident $verb:ident $path:literal ($($argument:ident: $ty:ty),*) -> $reply:ty;)* }) => {
        #[api]
        trait $name: Api {
            $(#[api_endpoint($verb, $path)] fn $method(&self, $($argument: $ty),*) -> Call<$reply>;)*
        }
    };
}

endpoints! {
    Repeated {
        by_number get "/numbers/{id}" (id: u8) -> ();
        by_name delete "/names/{name}/{id}" (name: &str, id: &u8) -> Option<u8>;
    }
}

#[test]
fn a_trait_may_be_made_of_fragments() {
    assert_eq!(sent(&client().by_number(7)), "GET /numbers/7");
    assert_eq!(sent(&client().by_name("a", &7)), "DELETE /names/a/7");
    assert_eq!(<dyn Repeated>::ENDPOINTS.len(), 2);
}

macro_rules! whole_types {
    ($name:ident, $path:expr, $perm:expr, $limit:literal, $header:literal, $media:literal, $arg:ty, $return:ty) => {
        #[api]
        trait $name: Api {
            #[api_endpoint(post, $path, perm = [$perm], timeout = $limit)]
            fn whole(&self, #[header($header)] value: u8, #[body(raw = $media)] bytes: $arg) -> $return;
        }
    };
}

whole_types!(Whole, "/whole", "whole.create.*", "5s", "X-Value", "text/csv", &[u8], Call<()>);

#[test]
fn fragments_may_stand_anywhere() {
    assert_eq!(sent(&client().whole(7, b"a")), "POST /whole");
    assert_eq!(<dyn Whole>::ENDPOINTS[0].permissions().len(), 1);
}

macro_rules! own_argument {
    ($name:ident, $method:ident) => {
        #[api]
        trait $name: Api {
            #[api_endpoint(get, "/own/{id}")]
            fn $method(&self, id: u8, #[query] page: Option<u8>) -> Call<()>;
        }
    };
}

own_argument!(OwnArgument, own_argument);

#[test]
fn a_macro_may_bring_its_own_arguments() {
    assert_eq!(sent(&client().own_argument(7, None)), "GET /own/7");
    assert_eq!(<dyn OwnArgument>::ENDPOINTS.len(), 1);
}

macro_rules! mixed {
    ($name:ident, $argument:ident) => {
        #[api]
        trait $name: Api {
            #[api_endpoint(get, "/mixed/{id}")]
            fn mixed(&self, $argument: u8, #[query] page: u8) -> Call<()>;
        }
    };
}

mixed!(Mixed, id);

#[test]
fn a_path_of_the_macro_takes_an_argument_of_its_caller() {
    assert_eq!(sent(&client().mixed(7, 1)), "GET /mixed/7?page=1");
    assert_eq!(<dyn Mixed>::ENDPOINTS.len(), 1);
}

macro_rules! method {
    ($(#[$attribute:meta])* $vis:vis trait $name:ident { $($method:item)* }) => {
        $(#[$attribute])*
        #[api]
        $vis trait $name: Api { #[api_endpoint(get, "/attributes")] fn attributes(&self) -> Call<()>; }
        $($method)*
    };
}

method! {
    /// A trait whose attributes come through a macro.
    #[allow(clippy::redundant_pub_crate, reason = "it is the case")]
    pub(super) trait Attributes {}
}

#[test]
fn attributes_and_visibility_may_be_fragments() {
    assert_eq!(sent(&client().attributes()), "GET /attributes");
    assert_eq!(<dyn Attributes>::ENDPOINTS.len(), 1);
}
