//! The SDK's endpoints against the document, by the client's own conformance.

use std::collections::BTreeSet;

use meetbit_client::conformance::{Conformance, reply, request};
use meetbit_client::jiff::Timestamp;
use meetbit_client::{
    CalendarId, CancelEvent, Customer, Customers, Event, EventId, Events, OnlineConference, OnlineConferenceId,
    OnlineConferenceUpdate, OnlineConferences, User, UserAttribute, UserId, UserOrder, Users,
};
use meetbit_tests::operations::{self, CATALOGUES, Operation};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::client::answered;
use crate::document::{self, Document};

#[test]
fn every_call_and_every_reply_fits_the_document() {
    let document = Document::read().0;
    for conformance in calls(&document).into_iter().chain(replies(&document)) {
        assert_eq!(conformance.differences(), [""; 0]);
    }
}

/// What the client's conformance does not compare: the document's own extensions, and query parameters that a `#[query]` struct
/// lacks.
#[test]
fn conditional_permissions_evidence_and_fields_of_the_query_are_those_of_the_document() {
    assert_eq!(differences(&Document::read()), [""; 0]);
}

#[test]
fn every_difference_of_them_is_noticed() {
    type Change = fn(&mut Value);
    let changes: [(Change, &str); 3] = [
        (
            |d| d["paths"]["/users"]["post"]["x-conditional-permissions"] = json!({}),
            "POST /users: permissions of the body differ",
        ),
        (
            |d| d["paths"]["/calendars/{calendar_id}/events"]["get"]["x-unknown"] = json!(""),
            "GET /calendars/{calendar_id}/events: evidence of `events.read.*` differs",
        ),
        (
            |d| {
                let parameters = d["paths"]["/users"]["get"]["parameters"].as_array_mut().unwrap();
                parameters.push(json!({"name": "cursor", "in": "query"}));
            },
            "GET /users: query parameters differ",
        ),
    ];
    for (change, difference) in changes {
        let mut document = Document::read();
        change(&mut document.0);
        assert_eq!(differences(&document), [difference]);
    }
}

#[test]
fn the_words_of_the_query_are_those_of_the_document() {
    let document = Document::read();
    let list = document.operation("GET", "/users");
    assert_eq!(words::<UserOrder>(), list.parameter("order_by")["enum"]);
    assert_eq!(words::<UserAttribute>(), list.parameter("attribute")["enum"]);
}

/// Each call with every argument and optional field set.
fn calls(document: &Value) -> Vec<Conformance> {
    let client = answered(&Value::Null);
    let (start, end) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
    let update = OnlineConferenceUpdate::new("Kick-off", true);
    vec![
        request(document, &client.create_customer(&operations::customer())),
        request(document, &client.list_users(&operations::user_query())),
        request(document, &client.create_user(&operations::new_user())),
        request(document, &client.update_user(UserId(1), &operations::user_update())),
        request(document, &client.list_events(CalendarId(1), start, end, &operations::event_query())),
        request(document, &client.cancel_event(CalendarId(1), EventId(2), &CancelEvent::new("The speaker is ill."))),
        request(document, &client.create_online_conference(&operations::new_conference())),
        request(document, &client.update_online_conference(OnlineConferenceId(1), &update)),
    ]
}

fn replies(document: &Value) -> Vec<Conformance> {
    let endpoints: [_; 8] = CATALOGUES.concat().try_into().unwrap();
    let [create_customer, list_users, create_user, update_user, list_events, cancel_event, create, update] = endpoints;
    vec![
        reply::<Customer>(document, create_customer),
        reply::<Vec<User>>(document, list_users),
        reply::<User>(document, create_user),
        reply::<User>(document, update_user),
        reply::<Vec<Event>>(document, list_events),
        reply::<Event>(document, cancel_event),
        reply::<OnlineConference>(document, create),
        reply::<OnlineConference>(document, update),
    ]
}

fn differences(document: &Document) -> Vec<String> {
    let calls = operations::all(&answered(&Value::Null), &[]);
    let found = calls.iter().flat_map(|call| {
        let endpoint = call.endpoint;
        let operation = document.operation(endpoint.method().as_str(), endpoint.path());
        in_detail(&operation, call).into_iter().map(move |difference| format!("{endpoint}: {difference}"))
    });
    found.collect()
}

fn in_detail(theirs: &document::Operation<'_>, call: &Operation) -> Vec<String> {
    let declared: Vec<_> = call.endpoint.permissions().map(|permission| permission.to_string()).collect();
    let of_body = call.permissions.iter().map(ToString::to_string).filter(|permission| !declared.contains(permission));
    let conditional = theirs.value["x-conditional-permissions"].as_object().into_iter().flatten();
    let conditional: Vec<_> = conditional.filter_map(|(_, permission)| permission.as_str()).collect();
    let inferred = theirs.value["x-unknown"].as_str().is_some_and(|text| text.contains("The permission is inferred."));
    let of_body = (of_body.collect::<Vec<_>>() != conditional).then(|| "permissions of the body differ".to_owned());
    let pairs = call.request.as_ref().unwrap().uri().query().unwrap_or_default().split('&');
    let query: BTreeSet<_> = pairs.filter(|pair| !pair.is_empty()).filter_map(|pair| pair.split('=').next()).collect();
    let is_query = query == theirs.parameters("query").into_iter().collect();
    let query = (!is_query).then(|| "query parameters differ".to_owned());
    let evidence = call.permissions.iter().filter(|permission| permission.is_documented() == inferred);
    of_body
        .into_iter()
        .chain(query)
        .chain(evidence.map(|permission| format!("evidence of `{permission}` differs")))
        .collect()
}

/// The words that a type knows: serde lists them where it is given another.
fn words<T: DeserializeOwned>() -> Value {
    let said = serde_json::from_value::<T>(json!("?")).err().unwrap().to_string();
    let words = said.split_once("expected one of ").unwrap().1.split(", ").map(|word| word.trim_matches('`'));
    words.collect()
}
