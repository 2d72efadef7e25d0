//! The catalogues against the document's operations, in both directions.

use std::collections::BTreeSet;

use meetbit_client::{Endpoint, UserAttribute, UserOrder};
use meetbit_tests::operations::{self, CATALOGUES, Operation};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::client::answered;
use crate::document::{self, Document};

#[test]
fn the_catalogues_are_the_document() {
    assert_eq!(differences(&Document::read(), &catalogue()), [""; 0]);
}

#[test]
fn every_difference_is_noticed() {
    type Change = fn(&mut Value);
    let changes: [(Change, &str); 12] = [
        (|d| drop(d["paths"].as_object_mut().unwrap().remove("/customers")), "POST /customers is not in the document"),
        (|d| d["paths"]["/customers"]["get"] = json!({}), "GET /customers is missing here"),
        (|d| rename(&mut d["paths"], "/users", "/members"), "GET /members is missing here"),
        (|d| rename(&mut d["paths"], "/users/{user_id}", "/users/{id}"), "PATCH /users/{id} is missing here"),
        (|d| rename(&mut d["paths"]["/users"], "post", "put"), "PUT /users is missing here"),
        (|d| d["paths"]["/users"]["get"]["x-permissions"] = json!(["users.list.*"]), "GET /users: permissions differ"),
        (
            |d| d["paths"]["/users"]["post"]["x-conditional-permissions"] = json!({}),
            "POST /users: permissions of the body differ",
        ),
        (
            |d| d["paths"]["/calendars/{calendar_id}/events"]["get"]["x-unknown"] = json!(""),
            "GET /calendars/{calendar_id}/events: evidence of `events.read.*` differs",
        ),
        (
            |d| d["components"]["parameters"]["PageSize"]["name"] = json!("per_page"),
            "GET /users: query parameters differ",
        ),
        (
            |d| d["paths"]["/users/{user_id}"]["patch"]["parameters"][0]["name"] = json!("id"),
            "PATCH /users/{user_id}: path parameters differ",
        ),
        (
            |d| d["paths"]["/users"]["get"]["parameters"].as_array_mut().unwrap().clear(),
            "GET /users: query parameters differ",
        ),
        (|d| drop(d["paths"]["/users"]["post"]["requestBody"].take()), "POST /users: one has a body"),
    ];
    for (change, difference) in changes {
        let mut document = Document::read();
        change(&mut document.0);
        let found = differences(&document, &catalogue());
        assert!(found.iter().any(|found| found == difference), "{difference}: {found:?}");
    }
}

#[test]
fn an_endpoint_that_is_taken_away_is_noticed() {
    for (i, endpoint) in catalogue().into_iter().enumerate() {
        let mut rest = catalogue();
        rest.remove(i);
        let found = differences(&Document::read(), &rest);
        assert_eq!(found, [format!("{endpoint} is missing here")]);
    }
}

#[test]
fn the_words_of_the_query_are_those_of_the_document() {
    let document = Document::read();
    let list = document.operation("GET", "/users");
    assert_eq!(words::<UserOrder>(), list.parameter("order_by")["enum"]);
    assert_eq!(words::<UserAttribute>(), list.parameter("attribute")["enum"]);
}

fn catalogue() -> Vec<&'static Endpoint> {
    CATALOGUES.concat()
}

fn rename(object: &mut Value, from: &str, to: &str) {
    let object = object.as_object_mut().unwrap();
    let value = object.remove(from).unwrap();
    object.insert(to.to_owned(), value);
}

fn differences(document: &Document, catalogue: &[&'static Endpoint]) -> Vec<String> {
    let calls = operations::all(&answered(&Value::Null), &[]);
    let theirs = document.operations();
    let is_same =
        |one: &document::Operation<'_>, other: &Endpoint| *other.method() == *one.method && one.path == other.path();
    let mut found = Vec::new();
    for endpoint in catalogue {
        if !theirs.iter().any(|operation| is_same(operation, endpoint)) {
            found.push(format!("{endpoint} is not in the document"));
        }
    }
    for operation in &theirs {
        match catalogue.iter().find(|endpoint| is_same(operation, endpoint)) {
            None => found.push(format!("{} {} is missing here", operation.method, operation.path)),
            Some(endpoint) => {
                let call = calls.iter().find(|call| call.endpoint.name() == endpoint.name()).unwrap();
                found.extend(
                    in_detail(operation, call).into_iter().map(|difference| format!("{endpoint}: {difference}")),
                );
            }
        }
    }
    found
}

fn in_detail(theirs: &document::Operation<'_>, call: &Operation) -> Vec<String> {
    let endpoint = call.endpoint;
    let request = call.request.as_ref().unwrap();
    let declared: Vec<_> = endpoint.permissions().map(|permission| permission.to_string()).collect();
    let of_body = call.permissions.iter().map(ToString::to_string).filter(|permission| !declared.contains(permission));
    let conditional = theirs.value["x-conditional-permissions"].as_object().into_iter().flatten();
    let conditional: Vec<_> = conditional.filter_map(|(_, permission)| permission.as_str()).collect();
    let pairs = request.uri().query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let query: BTreeSet<_> = pairs.filter_map(|pair| pair.split('=').next()).collect();
    let placeholders = endpoint.path().split(['{', '}']).skip(1).step_by(2).collect::<BTreeSet<_>>();
    let inferred = theirs.value["x-unknown"].as_str().is_some_and(|text| text.contains("The permission is inferred."));
    let checks = [
        (declared == theirs.strings("x-permissions"), "permissions differ".to_owned()),
        (of_body.collect::<Vec<_>>() == conditional, "permissions of the body differ".to_owned()),
        (query == theirs.parameters("query").into_iter().collect(), "query parameters differ".to_owned()),
        (placeholders == theirs.parameters("path").into_iter().collect(), "path parameters differ".to_owned()),
        (request.body().is_empty() != theirs.has_body(), "one has a body".to_owned()),
    ];
    let evidence = call
        .permissions
        .iter()
        .map(|permission| (permission.is_documented() != inferred, format!("evidence of `{permission}` differs")));
    checks.into_iter().chain(evidence).filter(|(holds, _)| !holds).map(|(_, difference)| difference).collect()
}

/// The words that a type knows: serde lists them where it is given another.
fn words<T: DeserializeOwned>() -> Value {
    let said = serde_json::from_value::<T>(json!("?")).err().unwrap().to_string();
    let words = said.split_once("expected one of ").unwrap().1.split(", ").map(|word| word.trim_matches('`'));
    words.collect()
}
