//! Places in which a trait may be declared.

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
    #[allow(dead_code, reason = "it only provokes a name clash")]
    pub(super) const fn Ok() {}
    #[allow(dead_code, reason = "they only provoke a name clash")]
    mod core {}
    #[allow(dead_code, reason = "they only provoke a name clash")]
    mod std {}
    mod alloc {}
    mod serde_json {}
    mod meetbit_client {}
    #[allow(unused_macros, reason = "they only provoke a name clash")]
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
    #[allow(dead_code, reason = "they only provoke a name clash")]
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
