//! What the example `declare` prints for MeetBit's document. `suites/docs/declare.rs` checks that the file is current.

#[allow(
    dead_code,
    unreachable_pub,
    clippy::doc_markdown,
    clippy::struct_field_names,
    reason = "it is printed, and its texts are the document's"
)]
mod meetbit;

use std::fs;
use std::path::Path;

use meetbit_client::Endpoint;
use meetbit_client::conformance::{assert_conforms, reply};
use meetbit_tests::operations::CATALOGUES;
use quote::ToTokens;
use syn::{Item, TraitItem};

use crate::declared::meetbit::{Customer, Customers, Event, Events, OnlineConference, OnlineConferences, User, Users};
use crate::document::Document;

const DECLARED: [&[&Endpoint]; 4] =
    [<dyn Customers>::ENDPOINTS, <dyn Users>::ENDPOINTS, <dyn Events>::ENDPOINTS, <dyn OnlineConferences>::ENDPOINTS];

#[test]
fn the_declarations_conform_to_the_document() {
    assert_conforms(&Document::read().0, DECLARED);
}

#[test]
fn the_declared_models_read_every_reply() {
    let document = Document::read().0;
    for endpoint in DECLARED.concat() {
        match endpoint.name() {
            "create_customer" => reply::<Customer>(&document, endpoint),
            "list_users" => reply::<Vec<User>>(&document, endpoint),
            "create_user" | "update_user" => reply::<User>(&document, endpoint),
            "list_events" => reply::<Vec<Event>>(&document, endpoint),
            "cancel_event" => reply::<Event>(&document, endpoint),
            _ => reply::<OnlineConference>(&document, endpoint),
        };
    }
}

#[test]
fn the_endpoints_are_the_sdks_own() {
    assert_eq!(DECLARED.concat(), CATALOGUES.concat());
}

/// Where a signature differs from the SDK's own: what `declare` prints, what the SDK has, and why.
const DIFFERENCES: [(&str, &str, &str); 9] = [
    // The document knows only that an id is an integer; the SDK has a type for each kind of id.
    ("update_user", "user_id : i64", "user_id : UserId"),
    ("list_events", "calendar_id : i64", "calendar_id : CalendarId"),
    ("cancel_event", "calendar_id : i64", "calendar_id : CalendarId"),
    ("cancel_event", "event_id : i64", "event_id : EventId"),
    ("update_online_conference", "online_conference_id : i64", "online_conference_id : OnlineConferenceId"),
    // A schema that the document does not name gives no name for an argument; the SDK names it after what it is.
    ("create_user", "body : & NewUser", "user : & NewUser"),
    ("cancel_event", "body : & CancelEvent", "cancel : & CancelEvent"),
    ("create_online_conference", "body : & NewOnlineConference", "conference : & NewOnlineConference"),
    ("update_online_conference", "body : & OnlineConferenceUpdate", "conference : & OnlineConferenceUpdate"),
];

#[test]
fn the_signatures_differ_from_the_sdks_own_only_where_it_is_said_why() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let declared = signatures(&tests.join("suites/conformance/declared/meetbit.rs"));
    let resources = tests.with_file_name("meetbit-client").join("src/resources");
    let own: Vec<_> = ["customers", "users", "events", "online_conferences"]
        .iter()
        .flat_map(|file| signatures(&resources.join(file).with_extension("rs")))
        .collect();
    assert_eq!(declared.len(), 8);
    let expected = declared.into_iter().map(|(name, signature)| {
        let own = DIFFERENCES.iter().filter(|(method, ..)| *method == name);
        let changed = own.fold(signature, |signature, (_, printed, own)| {
            assert!(signature.contains(printed), "`{printed}` is not in `{signature}`");
            signature.replace(printed, own)
        });
        (name, changed)
    });
    assert_eq!(expected.collect::<Vec<_>>(), own);
}

/// The names and signatures of the methods of all traits in a file, without attributes.
fn signatures(path: &Path) -> Vec<(String, String)> {
    let file = syn::parse_file(&fs::read_to_string(path).unwrap()).unwrap();
    let items = file.items.into_iter().filter_map(|item| if let Item::Trait(item) = item { Some(item) } else { None });
    let methods = items.flat_map(|item| item.items).filter_map(|item| match item {
        TraitItem::Fn(method) => Some(method.sig),
        _ => None,
    });
    let text = |signature: syn::Signature| {
        (signature.ident.to_string(), signature.to_token_stream().to_string().replace(", )", ")"))
    };
    methods.map(text).collect()
}
