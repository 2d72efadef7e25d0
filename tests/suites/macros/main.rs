//! What may stand around a declaration without disturbing it. Each case must compile, and makes the right request.
#![deny(warnings, clippy::pedantic, clippy::nursery)]
#![allow(clippy::unwrap_used, reason = "a client that cannot be built is a broken test")]

mod arguments;

use meetbit_client::{Client, Credentials};

fn client() -> Client {
    Client::builder("acme.example.com").credentials(Credentials::new("id", "s3cr3t")).build().unwrap()
}

/// What a call would send: `GET /rooms?page=1`.
fn sent<T>(call: &meetbit_client::Call<T>) -> String {
    let request = call.request().unwrap();
    let target = request.uri().path_and_query().unwrap().as_str();
    let target = target.strip_prefix("/api/public/v2.0").unwrap();
    format!("{} {target}", request.method())
}

mod names {
    use meetbit_client::{Api, Call, api, api_endpoint};

    use super::{client, sent};

    #[api]
    trait Words: Api {
        #[api_endpoint(get, "/{method}/{path}/{request}/{call}/{endpoint}/{client}")]
        #[allow(clippy::too_many_arguments, reason = "they are the case")]
        fn in_the_path(&self, method: u8, path: u8, request: u8, call: u8, endpoint: u8, client: u8) -> Call<()>;

        #[api_endpoint(get, "/words")]
        fn in_the_query(
            &self,
            #[query] self_: u8,
            #[query] method: u8,
            #[query] path: u8,
            #[query] query: u8,
        ) -> Call<()>;

        #[api_endpoint(get, "/more/words")]
        fn more(&self, #[query] builder: u8, #[query] krate: u8, #[query] body: u8, #[query] value: u8) -> Call<()>;

        #[api_endpoint(get, "/words/{type}/{async}")]
        fn r#match(&self, r#async: u8, r#type: u8, #[query] r#fn: u8) -> Call<()>;

        #[api_endpoint(get, "/words/{Id}/{ärger}/{x_}")]
        #[allow(non_snake_case, reason = "they are the case")]
        fn unusual(&self, Id: u8, ärger: u8, x_: u8) -> Call<()>;
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
}

mod values {
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
}

mod generics {
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
}

mod places {
    use super::{client, sent};

    #[test]
    fn a_trait_in_a_function_finds_its_way() {
        use meetbit_client::{Api, Call, api, api_endpoint};

        #[api]
        trait Local: Api {
            #[api_endpoint(get, "/local")]
            fn local(&self) -> Call<()>;
        }

        assert_eq!(sent(&client().local()), "GET /local");
        assert_eq!(<dyn Local>::ENDPOINTS.len(), 1);
    }

    #[test]
    fn nothing_need_be_imported() {
        #[meetbit_client::api]
        trait Bare: ::meetbit_client::Api {
            #[::meetbit_client::api_endpoint(get, "/bare")]
            fn bare(&self) -> ::meetbit_client::Call<::meetbit_client::bytes::Bytes>;
        }

        assert_eq!(sent(&client().bare()), "GET /bare");
        assert_eq!(<dyn Bare>::ENDPOINTS.len(), 1);
    }

    mod outer {
        pub(super) mod inner {
            use meetbit_client::{Api, Call, api, api_endpoint};

            #[api]
            pub(super) trait OneUp: Api {
                #[api_endpoint(get, "/one")]
                fn one(&self) -> Call<()>;
            }

            #[api]
            pub(in crate::places) trait TwoUp: Api {
                #[api_endpoint(get, "/two")]
                fn two(&self) -> Call<()>;
            }

            #[api]
            #[allow(clippy::redundant_pub_crate, reason = "it is the case")]
            pub(crate) trait Crate: Api {
                #[api_endpoint(get, "/crate")]
                fn all(&self) -> Call<()>;
            }
        }

        pub(super) const ONE: usize = <dyn inner::OneUp>::ENDPOINTS.len();
    }

    #[test]
    fn the_catalogue_is_as_visible_as_the_trait() {
        let catalogues = [<dyn outer::inner::TwoUp>::ENDPOINTS, <dyn outer::inner::Crate>::ENDPOINTS];
        assert_eq!(catalogues.map(<[_]>::len), [outer::ONE; 2]);
    }

    mod without_prelude {
        #![no_implicit_prelude]

        use ::meetbit_client::{Api, Call, api, api_endpoint};

        #[api]
        pub(super) trait Bare: Api {
            #[api_endpoint(post, "/bare/{id}", perm = "bare.create.*", idempotent, timeout = "5s")]
            fn bare(
                &self,
                id: &str,
                #[query] page: u8,
                #[header("X-Trace")] trace: u8,
                #[body] value: &str,
                #[cfg(not(test))]
                #[query]
                absent: u8,
            ) -> Call<u8>;
        }
    }

    #[test]
    fn no_prelude_is_needed() {
        use without_prelude::Bare;
        assert_eq!(sent(&client().bare("a", 1, 2, "b")), "POST /bare/a?page=1");
    }

    mod own_items {
        use ::meetbit_client::{Api, Call, api, api_endpoint};

        pub(super) type Result = u8;
        pub(super) type Vec = u8;
        #[derive(serde::Serialize)]
        pub(super) struct Option;
        #[derive(serde::Serialize)]
        pub(super) struct String;
        #[derive(serde::Serialize)]
        pub(super) struct Box;
        pub(super) struct Some;
        pub(super) struct None;
        #[allow(non_snake_case, reason = "it is the case")]
        #[allow(dead_code, reason = "it only stands in the way")]
        pub(super) const fn Ok() {}
        #[allow(dead_code, reason = "they only stand in the way")]
        mod core {}
        #[allow(dead_code, reason = "they only stand in the way")]
        mod std {}
        mod alloc {}
        mod serde_json {}
        mod meetbit_client {}
        #[allow(unused_macros, reason = "they only stand in the way")]
        macro_rules! format_args {
            () => {};
        }

        #[api]
        pub(super) trait Own: Api {
            #[api_endpoint(post, "/own/{id}")]
            fn own(&self, id: Vec, #[query] a: &[Result], #[body] b: (Option, String, Box)) -> Call<Result>;
        }
    }

    #[test]
    fn own_items_may_be_called_like_the_standard_ones() {
        use own_items::{Box, None, Option, Own, Some, String};
        let _ = (Some, None);
        assert_eq!(sent(&client().own(7, &[1, 2], (Option, String, Box))), "POST /own/7?a=1&a=2");
    }

    mod own_methods {
        use meetbit_client::{Api, Call, api, api_endpoint};

        /// Methods on everything, named like the steps of generated code.
        #[allow(dead_code, reason = "they only stand in the way")]
        pub(super) trait OnEverything: Sized {
            fn path(self, _: &str) {}
            fn query(self, _: &str, _: &str) {}
            fn body(self) {}
            fn call(self) {}
            fn requires(self) {}
            fn client(&self) {}
        }

        impl<T> OnEverything for T {}

        #[api]
        pub(super) trait Own: Api {
            #[api_endpoint(post, "/own/{id}", perm = "own.create.*")]
            fn own(&self, id: u8, #[query] page: u8, #[body] b: &str) -> Call<u8>;
        }
    }

    #[test]
    fn own_methods_may_be_called_like_the_steps() {
        use own_methods::Own;
        assert_eq!(sent(&client().own(7, 1, "x")), "POST /own/7?page=1");
    }
}

mod permissions {
    use meetbit_client::{Api, Call, api, api_endpoint};

    use super::{client, sent};

    #[api]
    trait Badges: Api {
        #[api_endpoint(get, "/badges", perm = ["users.read.AB12", "access_keys.*.7", "badges.read.9f-0a"])]
        fn badges(&self) -> Call<()>;
    }

    #[test]
    fn a_declared_permission_can_be_parsed_again() {
        assert_eq!(sent(&client().badges()), "GET /badges");
        let declared: Vec<_> = <dyn Badges>::ENDPOINTS[0].permissions().collect();
        assert_eq!(declared.len(), 3);
        assert!(declared.iter().all(|permission| permission.to_string().parse().as_ref() == Ok(permission)));
    }
}

mod macros {
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
}

mod conditions {
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
}

mod implementations {
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
}

mod other_crates {
    use meetbit_tests_edition_2021::desks::Desks;
    use meetbit_tests_edition_2021::{Keys, Lockers, Room, Rooms};

    use super::{client, sent};

    #[test]
    fn a_library_of_edition_2021_may_rename_the_client() {
        let room = Room { name: "x".to_owned() };
        assert_eq!(sent(&client().create_room("a", &room)), "POST /rooms/a");
        assert_eq!(sent(&client().list_rooms(1)), "GET /rooms?page=1");
        assert_eq!(sent(&client().replace_room(7, room)), "PUT /rooms/7");
        assert_eq!(<dyn Rooms>::ENDPOINTS.len(), 4);
    }

    #[test]
    fn a_library_may_use_a_re_export() {
        assert_eq!(sent(&client().desk(7)), "GET /desks/7");
        assert_eq!(<dyn Desks>::ENDPOINTS.len(), 1);
    }

    #[test]
    fn the_path_of_the_client_may_stand_on_the_endpoint() {
        assert_eq!(sent(&client().locker(7)), "GET /lockers/7");
    }

    #[test]
    fn a_trait_may_be_used_under_another_edition() {
        let (client, customer) = (client(), meetbit_client::NewCustomer::new().first_name("Ada"));
        assert_eq!(sent(&meetbit_tests_edition_2021::create_customer(&client, &customer)), "POST /customers");
        assert_eq!(sent(&meetbit_tests_edition_2021::first_room(&client)), "GET /rooms?page=1");
    }

    /// A re-export under another name.
    mod front {
        pub(super) use meetbit_tests_edition_2021::Lockers as Boxes;
    }

    #[test]
    fn a_trait_may_be_re_exported_and_renamed() {
        use front::Boxes;
        let client = client();
        assert_eq!(sent(&client.locker(7)), "GET /lockers/7");
        assert_eq!(sent(&<meetbit_client::Client as Boxes>::locker(&client, 8)), "GET /lockers/8");
    }

    macro_rules! request {
        ($client:expr, $api:ident :: $method:ident ( $($argument:expr),* )) => {
            sent(&$api::$method(&$client, $($argument),*))
        };
        ($client:expr, $method:ident ( $($argument:expr),* )) => {
            sent(&$client.$method($($argument),*))
        };
    }

    #[test]
    fn a_trait_may_be_used_inside_a_macro() {
        assert_eq!(request!(client(), list_rooms(2)), "GET /rooms?page=2");
        assert_eq!(request!(client(), Desks::desk(7)), "GET /desks/7");
    }

    #[test]
    fn the_path_of_the_client_may_be_that_of_a_macro() {
        assert_eq!(sent(&client().key(&7, "a")), "GET /keys/7/of/a");
        assert_eq!(<dyn Keys>::ENDPOINTS.len(), 1);
    }

    meetbit_tests_edition_2021::declare!(
        /// Cards, by a macro of another crate and another edition.
        Cards, card, get, "/cards/{id}", "cards.read.*", u8, id: &str
    );

    #[test]
    fn a_macro_of_another_crate_may_declare_endpoints() {
        assert_eq!(sent(&client().card("a")), "GET /cards/a");
        assert_eq!(<dyn Cards>::ENDPOINTS.len(), 1);
    }
}

mod attributes {
    use std::boxed::Box;

    use meetbit_client::{Api, Call, Checks, ErrorKind, Validate, ValidationError, api, api_endpoint as declared};

    use super::{client, sent};

    trait Numbered {
        type Id;
    }

    impl Numbered for meetbit_client::Client {
        type Id = u8;
    }

    /// What the author allows on the trait holds for its impls; the attribute of the endpoint has another name.
    #[api]
    #[allow(clippy::type_repetition_in_bounds, clippy::unicode_not_nfc, reason = "they are the case")]
    #[cfg_attr(all(), allow(non_camel_case_types, reason = "it is the case"))]
    trait Shelves<t: Clone>
    where
        Self: Api + Numbered<Id = u8>,
        t: ToString,
    {
        #[declared(get, "/shelves/{id}")]
        fn shelf(&self, id: <Self as Numbered>::Id) -> Call<()>;

        #[declared(get, "/names/{क्रम}/{é}")]
        fn names(&self, क्रम: u8, é: u8) -> Call<()>;

        #[declared(get, "/shelves")]
        fn shelves(
            &self,
            #[cfg_attr(all(), cfg(any()))]
            #[query]
            page: u8,
            #[query] size: u8,
        ) -> Call<()>;
    }

    #[test]
    fn the_attribute_of_an_endpoint_may_be_renamed() {
        assert_eq!(sent(&Shelves::<u8>::shelf(&client(), 7)), "GET /shelves/7");
        assert_eq!(<dyn Shelves<u8, Id = u8>>::ENDPOINTS.len(), 3);
    }

    #[test]
    fn a_condition_of_a_condition_takes_an_argument_away() {
        assert_eq!(sent(&Shelves::<u8>::shelves(&client(), 1)), "GET /shelves?size=1");
    }

    #[derive(Clone, serde::Serialize)]
    struct Shelf {
        name: String,
    }

    impl Validate for Shelf {
        fn validate(&self) -> Result<(), ValidationError> {
            Checks::new().max_length("name", Some(&self.name), 255).finish()
        }
    }

    #[api]
    trait Builders: Api {
        #[declared(post, "/shelves")]
        fn boxed(&self, #[body] shelf: Box<Shelf>) -> Call<()>;

        #[declared(post, "/shelves/maybe")]
        fn maybe(&self, #[body] shelf: Option<&Shelf>) -> Call<()>;

        #[declared(post, "/shelves/all")]
        fn all(&self, #[body] shelves: &[Shelf]) -> Call<()>;

        #[declared(post, "/shelves/any")]
        fn any<S: serde::Serialize + Validate>(&self, #[body] shelf: &S) -> Call<()>
        where
            Self: Sized;
    }

    #[test]
    fn a_body_is_checked_wherever_it_stands() {
        let long = Shelf { name: "x".repeat(256) };
        let client = client();
        let calls = [
            client.boxed(Box::new(long.clone())),
            client.maybe(Some(&long)),
            client.all(&[Shelf { name: String::new() }, long.clone()]),
            client.any(&long),
        ];
        for call in calls {
            assert_eq!(call.request().unwrap_err().kind(), ErrorKind::Validation);
        }
        assert!(client.maybe(None).request().is_ok());
    }
}

mod other_macros {
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
}
