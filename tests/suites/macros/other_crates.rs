//! Traits of another crate.

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
