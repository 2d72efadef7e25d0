//! Attributes beside the macros of this crate.

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
