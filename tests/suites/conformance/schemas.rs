//! `request` and `reply` with a document that agrees, and with one change to it at a time.

mod body;
mod form;
mod parameters;
mod replies;
mod values;

use std::collections::BTreeMap;

use meetbit_client::conformance::{Conformance, reply, request};
use meetbit_client::{Api, Call, Client, Endpoint, api, api_endpoint};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client::answered;

#[derive(Serialize)]
struct NewTask {
    title: &'static str,
    effort: u32,
    price: f64,
    email: &'static str,
    kind: &'static str,
    labels: [&'static str; 2],
    note: Option<&'static str>,
    owner: Owner,
    extra: BTreeMap<&'static str, u32>,
    target: Value,
    starts_at: &'static str,
}

#[derive(Serialize, Deserialize)]
struct Owner {
    id: u32,
}

#[derive(Serialize)]
struct Filter {
    page: u32,
    kinds: [&'static str; 2],
    word: Option<&'static str>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "it is only read")]
struct Task {
    id: u64,
    title: String,
    note: Option<String>,
    owner: Option<Owner>,
    kind: Kind,
    labels: Vec<String>,
    extra: BTreeMap<String, i32>,
    target: Target,
    parent: Option<Box<Task>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Short,
    Long,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(dead_code, reason = "it is only read")]
enum Target {
    Room { number: i64 },
    Person { name: String },
}

#[api]
trait Tasks: Api {
    #[api_endpoint(post, "/lists/{list_id}/tasks")]
    fn create_task(&self, list_id: u32, #[body] task: &NewTask, #[header("X-Trace")] trace: &str) -> Call<Task>;

    #[api_endpoint(get, "/tasks", raw)]
    fn list_tasks(&self, #[query] filter: &Filter, #[query] until: &str) -> Call<Vec<Task>>;
}

fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "paths": {
            "/lists/{list_id}/tasks": {"post": {
                "parameters": [
                    {"name": "list_id", "in": "path", "required": true, "schema": {"type": "integer", "maximum": 100}},
                    {"name": "x-trace", "in": "header", "schema": {"type": "string", "maxLength": 3}},
                ],
                "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Task"}}}},
                "responses": {"201": {"content": {"application/json": {"schema": {
                    "type": "object",
                    "required": ["message", "data"],
                    "properties": {"message": {"type": "string"}, "data": {"$ref": "#/components/schemas/Task"}},
                }}}}},
            }},
            "/tasks": {"get": {
                "parameters": [
                    {"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 1}},
                    {"name": "kinds", "in": "query", "schema": {"type": "array", "items": {"$ref": "#/components/schemas/Kind"}}},
                    {"name": "word", "in": "query", "schema": {"type": "string"}},
                    {"name": "until", "in": "query", "required": true, "schema": {"type": "string", "format": "date"}},
                ],
                "responses": {
                    "200": {"$ref": "#/components/responses/Tasks"},
                    "400": {"content": {"application/json": {"schema": {"type": "integer"}}}},
                },
            }},
        },
        "components": {
            "responses": {"Tasks": {"content": {"application/json": {"schema": {
                "type": "array", "items": {"$ref": "#/components/schemas/Task"},
            }}}}},
            "schemas": {
                "Task": {
                    "allOf": [{"$ref": "#/components/schemas/Base"}],
                    "type": "object",
                    "required": ["id", "title", "kind", "labels", "extra", "target"],
                    "properties": {
                        "id": {"type": "integer", "format": "int64", "readOnly": true},
                        "title": {"type": "string", "maxLength": 20, "minLength": 2},
                        "effort": {"type": "integer", "writeOnly": true, "exclusiveMinimum": 0, "multipleOf": 5},
                        "price": {"type": "number", "maximum": 9.5},
                        "email": {"type": "string", "format": "email"},
                        "kind": {"$ref": "#/components/schemas/Kind"},
                        "labels": {"type": "array", "maxItems": 2, "uniqueItems": true, "items": {"type": "string"}},
                        "note": {"type": ["string", "null"]},
                        "owner": {"nullable": true, "allOf": [{"$ref": "#/components/schemas/Owner"}]},
                        "extra": {"type": "object", "additionalProperties": {"type": "integer", "format": "int32"}},
                        "target": {"oneOf": [
                            {"$ref": "#/components/schemas/Room"},
                            {"$ref": "#/components/schemas/Person"},
                        ]},
                        "parent": {"anyOf": [{"$ref": "#/components/schemas/Task"}, {"type": "null"}], "readOnly": true},
                    },
                },
                "Base": {"type": "object", "properties": {"starts_at": {"type": "string", "format": "date-time"}}},
                "Kind": {"type": "string", "enum": ["short", "long"]},
                "Owner": {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer", "format": "int32"}}},
                "Room": {
                    "type": "object",
                    "required": ["type", "number"],
                    "properties": {"type": {"const": "room"}, "number": {"type": "integer"}},
                },
                "Person": {
                    "type": "object",
                    "required": ["type", "name"],
                    "properties": {"type": {"const": "person"}, "name": {"type": "string"}},
                },
            },
        },
    })
}

fn create(client: &Client) -> Call<Task> {
    let task = NewTask {
        title: "Read it",
        effort: 15,
        price: 9.5,
        email: "ada@example.com",
        kind: "long",
        labels: ["a", "b"],
        note: None,
        owner: Owner { id: 7 },
        extra: BTreeMap::from([("x", 1)]),
        target: json!({"type": "person", "name": "Ada"}),
        starts_at: "2030-01-01T00:00:00+01:00",
    };
    client.create_task(100, &task, "abc")
}

fn list(client: &Client) -> Call<Vec<Task>> {
    client.list_tasks(&Filter { page: 1, kinds: ["short", "long"], word: None }, "2030-01-31")
}

/// What both functions find for both endpoints.
fn differences(document: &Value) -> Vec<String> {
    let client = answered(&Value::Null);
    let [create_task, list_tasks]: [&'static Endpoint; 2] = <dyn Tasks>::ENDPOINTS.try_into().unwrap();
    let compared: [Conformance; 4] = [
        request(document, &create(&client)),
        request(document, &list(&client)),
        reply::<Task>(document, create_task),
        reply::<Vec<Task>>(document, list_tasks),
    ];
    compared.into_iter().flat_map(Conformance::differences).collect()
}

#[test]
fn a_document_that_agrees_has_no_differences() {
    assert_eq!(differences(&document()), [""; 0]);
}

const TASK: &str = "/components/schemas/Task";

#[test]
fn a_call_that_cannot_be_compared_is_a_difference() {
    let client = answered(&Value::Null);
    let ready: Call<()> = Call::ready(Ok(()));
    assert_eq!(request(&document(), &ready).differences(), ["#: a ready call has no request"]);
    let unsendable = list(&client).header("bad name", "x");
    let found = request(&document(), &unsendable).differences();
    assert!(found[0].starts_with("#/paths/~1tasks/get: `list_tasks`: the call cannot be sent: "), "{found:?}");
    let found = request(&json!({"paths": {}}), &list(&client)).differences();
    assert_eq!(found, ["#/paths: `list_tasks`: GET /tasks is not in the document"]);
}

fn sent(document: &Value) -> Vec<String> {
    let client = answered(&Value::Null);
    let mut found = request(document, &create(&client)).differences();
    found.extend(request(document, &list(&client)).differences());
    found
}

fn received(document: &Value) -> Vec<String> {
    let mut found = reply::<Task>(document, <dyn Tasks>::ENDPOINTS[0]).differences();
    found.extend(reply::<Vec<Task>>(document, <dyn Tasks>::ENDPOINTS[1]).differences());
    found
}

fn found<T>(document: &Value, call: &Call<T>) -> Vec<String> {
    request(document, call).differences()
}

fn changed(pointer: &str, value: &Value) -> Value {
    change(document(), pointer, value)
}

/// A document with another value at a pointer; `null` removes it.
fn change(mut document: Value, pointer: &str, value: &Value) -> Value {
    let (owner, key) = pointer.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/");
    match document.pointer_mut(owner).unwrap_or_else(|| panic!("{pointer}")) {
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value.clone(),
        owner if value.is_null() => drop(owner.as_object_mut().unwrap().remove(&key)),
        owner => owner[key] = value.clone(),
    }
    document
}
