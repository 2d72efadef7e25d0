//! `request` and `reply` with a document that agrees, and with one change to it at a time.

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

/// Changes of what is sent: what is set in a schema of the document, and the difference of `create_task`.
#[test]
fn each_kind_of_difference_of_a_body_is_reported_once() {
    let none = Value::Null;
    let changes = [
        (
            "/properties/title/type",
            json!("integer"),
            "",
            "`title` of the body is a string, and `integer` in the document",
        ),
        (
            "/properties/title/type",
            json!(["integer", "null"]),
            "",
            "`title` of the body is a string, and `integer` or `null` in the document",
        ),
        ("/properties/title/maxLength", json!(6), "/maxLength", "`title` of the body has 7 characters, more than 6"),
        ("/properties/title/minLength", json!(8), "/minLength", "`title` of the body has 7 characters, fewer than 8"),
        (
            "/properties/effort/multipleOf",
            json!(10),
            "/multipleOf",
            "`effort` of the body is 15, and multipleOf is 10 in the document",
        ),
        (
            "/properties/effort/exclusiveMinimum",
            json!(15),
            "/exclusiveMinimum",
            "`effort` of the body is 15, and exclusiveMinimum is 15 in the document",
        ),
        (
            "/properties/price/maximum",
            json!(9),
            "/maximum",
            "`price` of the body is 9.5, and maximum is 9 in the document",
        ),
        (
            "/properties/email/format",
            json!("uuid"),
            "/format",
            "`email` of the body is \"ada@example.com\", which is not of the format `uuid`",
        ),
        ("/properties/labels/maxItems", json!(1), "/maxItems", "`labels` of the body has 2 items, more than 1"),
        (
            "/properties/labels/items/type",
            json!("boolean"),
            "",
            "`labels[0]` of the body is a string, and `boolean` in the document",
        ),
        (
            "/properties/note/type",
            json!("string"),
            "",
            "`note` of the body is null, and the document does not allow it",
        ),
        (
            "/properties/extra/additionalProperties/type",
            json!("string"),
            "",
            "`extra.x` of the body is a number, and `string` in the document",
        ),
        (
            "/properties/extra/maxProperties",
            json!(0),
            "/maxProperties",
            "`extra` of the body has 1 properties, more than 0",
        ),
        ("/properties/price/readOnly", json!(true), "", "`price` of the body is read-only in the document"),
        ("/properties/price", none.clone(), "", "`price` of the body is not in the document"),
        (
            "/properties/owner/not",
            json!({"type": "object"}),
            "/not",
            "`owner` of the body fits what the document excludes",
        ),
        ("/required", json!(["due"]), "/required", "the body lacks `due`, which is required"),
        (
            "/properties/kind",
            json!({"enum": ["short"]}),
            "/enum",
            "`kind` of the body is \"long\", which the document does not list",
        ),
        (
            "/properties/kind",
            json!({"const": "short"}),
            "/const",
            "`kind` of the body is \"long\", and \"short\" in the document",
        ),
    ];
    for (pointer, value, suffix, text) in changes {
        let found = sent(&changed(&format!("{TASK}{pointer}"), &value));
        let own = found.iter().filter(|found| found.ends_with(&format!(": `create_task`: {text}")));
        assert_eq!(own.count(), 1, "{pointer}: {found:#?}");
        assert_eq!(found.len(), 1, "{pointer}: {found:#?}");
        assert!(found[0].split(": ").next().unwrap().ends_with(suffix), "{pointer}: {found:#?}");
        assert!(found[0].starts_with(&format!("#{TASK}")), "{pointer}: {found:#?}");
    }
}

#[test]
fn parts_of_the_body_are_followed_through_references_and_choices() {
    let cases = [
        (
            "/components/schemas/Base/properties/starts_at/format",
            json!("date"),
            "#/components/schemas/Base/properties/starts_at/format: `create_task`: `starts_at` of the body is \"2030-01-01T00:00:00+01:00\", which is not of the format `date`",
        ),
        (
            "/components/schemas/Owner/properties/id/maximum",
            json!(6),
            "#/components/schemas/Owner/properties/id/maximum: `create_task`: `owner.id` of the body is 7, and maximum is 6 in the document",
        ),
        (
            "/components/schemas/Person/properties/name/type",
            json!("integer"),
            "#/components/schemas/Task/properties/target/oneOf: `create_task`: `target` of the body fits none of the 2 alternatives",
        ),
        (
            "/components/schemas/Room",
            json!({"type": "object", "properties": {"type": {}, "name": {}}}),
            "#/components/schemas/Task/properties/target/oneOf: `create_task`: `target` of the body fits 2 of the alternatives, and not one",
        ),
    ];
    for (pointer, value, expected) in cases {
        assert_eq!(sent(&changed(pointer, &value)), [expected], "{pointer}");
    }
}

#[test]
fn each_kind_of_difference_of_path_query_and_headers_is_reported_once() {
    let create = "/paths/~1lists~1{list_id}~1tasks/post";
    let list = "/paths/~1tasks/get";
    let cases = [
        (
            format!("{create}/parameters/0/schema/maximum"),
            json!(99),
            "/parameters/0/schema/maximum: `create_task`: the path parameter `list_id` is 100, and maximum is 99 in the document",
        ),
        (
            format!("{create}/parameters/0/schema/type"),
            json!("boolean"),
            "/parameters/0/schema: `create_task`: the path parameter `list_id` is a string, and `boolean` in the document",
        ),
        (
            format!("{create}/parameters/1/schema/maxLength"),
            json!(2),
            "/parameters/1/schema/maxLength: `create_task`: the header `x-trace` has 3 characters, more than 2",
        ),
        (
            format!("{list}/parameters/0/schema/minimum"),
            json!(2),
            "/parameters/0/schema/minimum: `list_tasks`: the query parameter `page` is 1, and minimum is 2 in the document",
        ),
        (
            format!("{list}/parameters/0/name"),
            json!("pages"),
            "/get: `list_tasks`: the query parameter `page` is not in the document",
        ),
        (
            format!("{list}/parameters/1/schema"),
            json!({"type": "string"}),
            "/parameters/1/schema: `list_tasks`: the query parameter `kinds` is sent 2 times, and no list",
        ),
        (
            "/components/schemas/Kind/enum".to_owned(),
            json!(["long"]),
            "#/components/schemas/Kind/enum: `list_tasks`: `[0]` of the query parameter `kinds` is \"short\", which the document does not list",
        ),
        (
            format!("{list}/parameters/2/required"),
            json!(true),
            "/parameters/2: `list_tasks`: the query parameter `word` is required, and not sent",
        ),
        (
            format!("{list}/parameters/3/schema/format"),
            json!("date-time"),
            "/parameters/3/schema/format: `list_tasks`: the query parameter `until` is \"2030-01-31\", which is not of the format `date-time`",
        ),
    ];
    for (pointer, value, expected) in cases {
        let found = sent(&changed(&pointer, &value));
        assert!(found.len() == 1 && found[0].ends_with(expected), "{pointer}: {found:#?}");
    }
}

/// Each is found in both replies, which have the schema in common.
#[test]
fn each_kind_of_difference_of_a_reply_is_reported_once_for_each_method() {
    let none = Value::Null;
    let cases = [
        (
            "/Task/properties/id/type",
            json!("string"),
            "#/components/schemas/Task/properties/id",
            "fullest",
            "a string at `{}.id`, expected u64 (\"abab\")",
        ),
        (
            "/Task/properties/title",
            none.clone(),
            "#/components/schemas/Task",
            "fullest",
            "the field `title` is missing at `{}`",
        ),
        (
            "/Task/required",
            json!(["id", "title", "kind", "labels", "target"]),
            "#/components/schemas/Task/properties/extra",
            "smallest",
            "the field `extra` is missing at `{}`",
        ),
        (
            "/Task/properties/labels/type",
            json!(["array", "null"]),
            "#/components/schemas/Task/properties/labels",
            "nulls",
            "null at `{}.labels`, expected a sequence (null)",
        ),
        (
            "/Task/properties/labels/nullable",
            json!(true),
            "#/components/schemas/Task/properties/labels",
            "nulls",
            "null at `{}.labels`, expected a sequence (null)",
        ),
        (
            "/Kind/enum",
            json!(["short", "long", "never"]),
            "#/components/schemas/Task/properties/kind",
            "fullest",
            "a string at `{}.kind`, expected one of `short`, `long` (\"never\")",
        ),
        (
            "/Task/properties/extra/additionalProperties/format",
            json!("int64"),
            "#/components/schemas/Task/properties/extra/additionalProperties",
            "fullest",
            "a number at `{}.extra.*`, expected i32 (9223372036854775807)",
        ),
        (
            "/Owner/required",
            json!([]),
            "#/components/schemas/Owner/properties/id",
            "smallest",
            "the field `id` is missing at `{}.owner`",
        ),
        (
            "/Task/properties/title/type",
            json!("object"),
            "#/components/schemas/Task/properties/title",
            "fullest",
            "an object at `{}.title`, expected a string",
        ),
    ];
    for (pointer, value, place, noun, text) in cases {
        let document = changed(&format!("/components/schemas{pointer}"), &value);
        for (method, path) in [("create_task", "data"), ("list_tasks", "[0]")] {
            let found: Vec<_> = received(&document).into_iter().filter(|found| found.contains(method)).collect();
            assert_eq!(found.len(), 1, "{pointer}: {found:#?}");
            assert!(found[0].starts_with(&format!("{place}: `{method}`: the ")), "{pointer}: {found:#?}");
            assert!(found[0].contains(noun), "{pointer}: {found:#?}");
            assert!(found[0].ends_with(&text.replace("{}", path)), "{pointer}: {found:#?}");
        }
    }
}

#[test]
fn all_differences_of_a_reply_are_reported_at_once() {
    let mut document = document();
    let task = document.pointer_mut(TASK).unwrap();
    task["properties"]["id"]["type"] = json!("string");
    task["properties"]["title"]["type"] = json!("integer");
    task["properties"]["labels"]["type"] = json!(["array", "null"]);
    task["required"] = json!(["id", "title", "kind", "labels", "target"]);
    let found: Vec<_> = received(&document).into_iter().filter(|found| found.contains("create_task")).collect();
    assert_eq!(found.len(), 4, "{found:#?}");
}

#[test]
fn replies_are_compared_as_a_whole() {
    let response = "/paths/~1lists~1{list_id}~1tasks/post/responses";
    let text = |document: &Value| {
        received(document).into_iter().filter(|found| found.contains("create_task")).collect::<Vec<_>>()
    };
    let without = text(&changed(&format!("{response}/201/content"), &Value::Null));
    let pointer = "#/paths/~1lists~1{list_id}~1tasks/post/responses/201";
    assert_eq!(
        without,
        [format!("{pointer}: `create_task`: the reply 201 has no JSON in the document, and a value is read here")]
    );
    let none = text(&changed(&format!("{response}/201"), &Value::Null));
    assert!(none[0].ends_with("the document has no successful reply"), "{none:?}");
    let data = format!("{response}/201/content/application~1json/schema/properties/data");
    let circular = text(&changed("/components/schemas/Task/required", &json!(["parent"])));
    assert!(circular.iter().all(|found| found.starts_with("#/components/schemas/Task")), "{circular:#?}");
    let renamed = text(&changed(&data, &Value::Null));
    assert!(renamed.len() == 1 && renamed[0].ends_with("the field `data` is missing at the top level"), "{renamed:?}");
}

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

/// The document with another value at a pointer; `null` removes it.
fn changed(pointer: &str, value: &Value) -> Value {
    let mut document = document();
    let (owner, key) = pointer.rsplit_once('/').unwrap();
    let owner = document.pointer_mut(owner).unwrap_or_else(|| panic!("{pointer}")).as_object_mut();
    let owner = owner.unwrap_or_else(|| panic!("{pointer}"));
    let key = key.replace("~1", "/");
    match value {
        Value::Null => drop(owner.remove(&key)),
        value => drop(owner.insert(key, value.clone())),
    }
    document
}
