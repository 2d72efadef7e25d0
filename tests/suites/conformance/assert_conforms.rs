//! `assert_conforms` with a document that agrees, and with one change to it at a time.

use std::panic;

use meetbit_client::conformance::assert_conforms;
use meetbit_client::{Api, Call, Endpoint, api, api_endpoint};
use meetbit_tests::operations::CATALOGUES;
use serde::Serialize;
use serde_json::{Value, json};

use crate::document::Document;

#[derive(Serialize)]
#[expect(dead_code, reason = "nothing is called")]
struct Filter {
    word: String,
}

#[api]
trait Notes: Api {
    #[api_endpoint(get, "/notes", perm = "notes.read.*")]
    fn list_notes(
        &self,
        #[query] page: Option<u32>,
        #[query] ids: &[u32],
        #[header("X-Trace")] trace: u8,
    ) -> Call<Vec<u32>>;

    #[api_endpoint(post, "/notes", perm = ["notes.create.*", "customers.read.*"])]
    fn create_note(&self, #[body] note: &Filter, #[header("X-Trace")] trace: Option<u8>) -> Call<u32>;

    #[api_endpoint(get, "/notes/{note_id}/parts/{part}")]
    fn get_part(&self, note_id: u32, part: &str) -> Call<u32>;

    #[deprecated]
    #[api_endpoint(put, "/notes/{note_id}")]
    fn store_note(&self, note_id: u32, #[form] note: Option<&Filter>) -> Call<()>;

    #[api_endpoint(get, "/search", perm = "notes.read.*")]
    fn search(&self, #[query] filter: &Filter, #[query] limit: u32) -> Call<Vec<u32>>;
}

/// A document that agrees with the trait, with each construct that OpenAPI has for it.
fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "paths": {
            "x-extension": {"get": {}},
            "/notes": {
                "parameters": [{"name": "X-Trace", "in": "header", "required": false}],
                "get": {
                    "description": "Lists notes of v1.2.3 at acme.example.com. Needs `notes.read.*`.",
                    "parameters": [
                        {"$ref": "#/components/parameters/Page"},
                        {"name": "ids", "in": "query", "schema": {"$ref": "#/components/schemas/Ids"}},
                        {"name": "x-trace", "in": "header", "required": true, "schema": {"type": "integer"}},
                        {"name": "Accept", "in": "header", "required": true},
                        {"name": "session", "in": "cookie"},
                    ],
                },
                "post": {
                    "parameters": [],
                    "x-permissions": ["customers.read.*", "notes.create.*"],
                    "requestBody": {"$ref": "#/components/requestBodies/Note"},
                },
                "options": {},
            },
            "/notes/{note_id}/parts/{part}": {"$ref": "#/components/pathItems/Part"},
            "/notes/{note_id}": {
                "put": {
                    "deprecated": true,
                    "parameters": [{"$ref": "#/components/parameters/Note%49d"}],
                    "requestBody": {"content": {"application/*": {}}},
                },
            },
            "/search": {
                "get": {
                    "x-permissions": "notes.read.*",
                    "parameters": [
                        {"name": "q", "in": "query", "schema": {"allOf": [
                            {"$ref": "#/components/schemas/Limited"},
                            {"type": "object", "properties": {"word": {"type": "string"}}},
                        ]}, "required": true},
                    ],
                },
            },
        },
        "components": {
            "parameters": {
                "Page": {"name": "page", "in": "query", "schema": {"type": ["integer", "null"]}},
                "NoteId": {"name": "note_id", "in": "path", "required": true},
            },
            "pathItems": {
                "Part": {
                    "get": {
                        "parameters": [
                            {"name": "note_id", "in": "path", "required": true},
                            {"name": "part", "in": "path", "required": true},
                        ],
                    },
                },
            },
            "requestBodies": {"Note": {"required": true, "content": {"application/problem+json": {}}}},
            "schemas": {
                "Ids": {"allOf": [{"type": ["array", "null"], "items": {"type": "integer"}}]},
                "Limited": {"type": "object", "required": ["limit"], "properties": {"limit": {"type": "integer"}}},
            },
        },
    })
}

/// The document after `change` at `pointer`: a key of an object is set, or removed by `null`; a list gets one more item.
fn changed(pointer: &str, key: &str, value: &Value) -> Value {
    let mut document = document();
    match document.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) {
        Value::Array(items) => items.push(value.clone()),
        target if value.is_null() => drop(target.as_object_mut().unwrap().remove(key)),
        target => target[key] = value.clone(),
    }
    document
}

fn differences(document: &Value) -> Vec<String> {
    assert_conforms(document, [<dyn Notes>::ENDPOINTS]).differences()
}

#[test]
fn a_document_that_agrees_has_no_differences() {
    assert_eq!(differences(&document()), [""; 0]);
    assert_conforms(&document(), [<dyn Notes>::ENDPOINTS]);
}

const LIST: &str = "/paths/~1notes/get";
const CREATE: &str = "/paths/~1notes/post";
const STORE: &str = "/paths/~1notes~1{note_id}/put";
const SEARCH: &str = "/paths/~1search/get";

#[test]
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn each_kind_of_difference_is_reported_once_with_its_pointer_and_method() {
    let parameters = |operation: &str| format!("{operation}/parameters");
    let none = Value::Null;
    let query = |name: &str, required: bool| json!({"name": name, "in": "query", "required": required});
    let header = |name: &str| json!({"name": name, "in": "header"});
    let content = |kind: &str| json!({"content": {kind: {}}});
    let changes = [
        ("/paths", "/search", none.clone(), "#/paths: `search`: GET /search is not in the document"),
        ("/paths/~1notes", "post", none.clone(), "#/paths/~1notes: `create_note`: POST /notes is not in the document"),
        ("/paths", "/a/{b}", json!({"get": {}}), "#/paths/~1a~1{b}/get: GET /a/{b} is not declared"),
        ("/paths/~1notes", "delete", json!({}), "#/paths/~1notes/delete: DELETE /notes is not declared"),
        ("/paths", "/loop", json!({"$ref": "#/paths/~1loop"}), "#/paths/~1loop: the reference is circular"),
        (
            "/paths",
            "/away",
            json!({"$ref": "other.json#/a"}),
            "#/paths/~1away: the reference `other.json#/a` names nothing in the document",
        ),
        (
            &parameters(LIST),
            "",
            json!({"$ref": "#/components/parameters/None"}),
            "#/paths/~1notes/get/parameters/5: `list_notes`: the reference `#/components/parameters/None` names nothing in \
             the document",
        ),
        (
            "/components/parameters/NoteId",
            "name",
            json!("id"),
            "#/paths/~1notes~1{note_id}/put: `store_note`: the document does not describe the path parameter `note_id`\n\
             #/paths/~1notes~1{note_id}/put/parameters/0: `store_note`: the path has no placeholder for the path parameter \
             `id`",
        ),
        (
            &parameters(LIST),
            "",
            query("size", false),
            "#/paths/~1notes/get/parameters/5: `list_notes`: the query parameter `size` is not declared",
        ),
        (
            "/components/parameters/Page",
            "name",
            json!("page_number"),
            "#/paths/~1notes/get: `list_notes`: the query parameter `page` is not in the document\n\
             #/paths/~1notes/get/parameters/0: `list_notes`: the query parameter `page_number` is not declared",
        ),
        (
            "/components/parameters/Page",
            "required",
            json!(true),
            "#/paths/~1notes/get/parameters/0: `list_notes`: the query parameter `page` is required in the document, and \
             optional here",
        ),
        (
            "/components/schemas/Limited",
            "required",
            none.clone(),
            "#/paths/~1search/get/parameters/0: `search`: the query parameter `limit` is optional in the document, and \
             required here",
        ),
        (
            "/components/schemas/Ids",
            "allOf",
            none.clone(),
            "#/paths/~1notes/get/parameters/1: `list_notes`: the query parameter `ids` is optional in the document, and \
             required here",
        ),
        (
            &format!("{SEARCH}/parameters/0"),
            "style",
            json!("deepObject"),
            "#/paths/~1search/get: `search`: the query parameter `limit` is not in the document",
        ),
        (
            &format!("{LIST}/parameters/2"),
            "name",
            json!("x-span"),
            "#/paths/~1notes/get/parameters/2: `list_notes`: the header `x-span` is not declared\n\
             #/paths/~1notes/parameters/0: `list_notes`: the header `x-trace` is optional in the document, and required here",
        ),
        (
            &parameters(CREATE),
            "",
            header("x-span"),
            "#/paths/~1notes/post/parameters/0: `create_note`: the header `x-span` is not declared",
        ),
        (
            &format!("{LIST}/parameters/4"),
            "required",
            json!(true),
            "#/paths/~1notes/get/parameters/4: `list_notes`: the cookie `session` is required, and none is sent",
        ),
        (CREATE, "requestBody", none.clone(), "#/paths/~1notes/post: `create_note`: the document has no body"),
        (
            SEARCH,
            "requestBody",
            content("application/json"),
            "#/paths/~1search/get/requestBody: `search`: the body is not declared",
        ),
        (
            "/components/requestBodies/Note",
            "content",
            json!({"text/csv": {}, "multipart/form-data": {}}),
            "#/paths/~1notes/post/requestBody/content: `create_note`: the body is `multipart/form-data` or `text/csv` in \
             the document, and `application/json` here",
        ),
        (
            &format!("{STORE}/requestBody"),
            "required",
            json!(true),
            "#/paths/~1notes~1{note_id}/put/requestBody: `store_note`: the body is required in the document, and optional \
             here",
        ),
        (
            CREATE,
            "requestBody",
            json!({"$ref": "#/components/requestBodies/None"}),
            "#/paths/~1notes/post/requestBody: `create_note`: the reference `#/components/requestBodies/None` names nothing \
             in the document",
        ),
        (
            &format!("{CREATE}/x-permissions"),
            "",
            json!("a.b.*"),
            "#/paths/~1notes/post/x-permissions: `create_note`: the permissions are `a.b.*`, `customers.read.*`, \
             `notes.create.*` in the document, and `customers.read.*`, `notes.create.*` here",
        ),
        (
            SEARCH,
            "x-permissions",
            json!([]),
            "#/paths/~1search/get/x-permissions: `search`: the permissions are none in the document, and `notes.read.*` here",
        ),
        (
            LIST,
            "description",
            json!("Needs (notes.list.*)."),
            "#/paths/~1notes/get/description: `list_notes`: the permissions are `notes.list.*` in the document, and \
             `notes.read.*` here",
        ),
        (
            SEARCH,
            "deprecated",
            json!(true),
            "#/paths/~1search/get: `search`: the operation is deprecated in the document, and not here",
        ),
        (
            STORE,
            "deprecated",
            json!(false),
            "#/paths/~1notes~1{note_id}/put: `store_note`: the operation is deprecated here, and not in the document",
        ),
    ];
    for (pointer, key, value, expected) in changes {
        let mut found = differences(&changed(pointer, key, &value));
        let mut expected: Vec<_> = expected.split('\n').collect();
        found.sort();
        expected.sort_unstable();
        assert_eq!(found, expected, "{pointer} {key} {value}");
    }
}

#[test]
fn the_names_of_placeholders_are_compared() {
    let mut document = document();
    let item = document["paths"].as_object_mut().unwrap().remove("/notes/{note_id}/parts/{part}").unwrap();
    document["paths"]["/notes/{note_id}/parts/{part_id}"] = item;
    document["components"]["pathItems"]["Part"]["get"]["parameters"][1]["name"] = json!("part_id");
    let pointer = "#/paths/~1notes~1{note_id}~1parts~1{part_id}/get";
    let text = "the placeholder is `{part_id}` in the document, and `{part}` here";
    assert_eq!(differences(&document), [format!("{pointer}: `get_part`: {text}")]);
}

#[test]
fn a_document_without_paths_is_a_difference() {
    let found = differences(&json!({"swagger": "2.0"}));
    assert_eq!(found[0], "#/paths: the document has no paths");
    assert_eq!(found.len(), 1 + <dyn Notes>::ENDPOINTS.len());
}

#[test]
fn a_circular_schema_ends() {
    let own = json!({"$ref": "#/components/schemas/Ids"});
    differences(&changed("/components/schemas/Ids", "allOf", &json!([own])));
}

#[test]
fn exceptions_and_partial_documents_are_accepted() {
    let wrong = changed(SEARCH, "deprecated", &json!(true));
    let check = |document: &Value| assert_conforms(document, [<dyn Notes>::ENDPOINTS]);
    assert_eq!(check(&wrong).except("get /search", "later").differences(), [""; 0]);
    let unused = "the exception `GET /notes/{id}` (later) is not needed: there is no difference";
    assert_eq!(check(&document()).except("GET /notes/{id}", "later").differences(), [unused]);
    let more = changed("/paths", "/a/{b}", &json!({"get": {}}));
    assert_eq!(check(&more).differences().len(), 1);
    assert_eq!(check(&more).partial().differences(), [""; 0]);
    assert_eq!(check(&more).except("GET /a/{other}", "not needed yet").differences(), [""; 0]);
    let fewer = changed("/paths", "/search", &Value::Null);
    assert_eq!(check(&fewer).partial().differences().len(), 1, "a declared operation must be documented");
}

#[test]
fn all_differences_are_one_panic() {
    let mut wrong = changed(SEARCH, "deprecated", &json!(true));
    wrong["paths"]["/a"] = json!({"get": {}});
    let panicked = panic::catch_unwind(|| drop(assert_conforms(&wrong, [<dyn Notes>::ENDPOINTS])));
    let message = panicked.unwrap_err().downcast::<String>().unwrap();
    assert!(message.starts_with(file!()), "{message}");
    assert!(message.contains("do not conform to the document (2):\n  #/paths/~1"), "{message}");
    assert!(message.contains("GET /a is not declared") && message.contains("`search`: the operation"), "{message}");
}

#[test]
fn the_sdks_own_traits_conform_to_their_document() {
    assert_conforms(&Document::read().0, CATALOGUES);
}

#[test]
fn a_catalogue_without_an_endpoint_does_not_conform() {
    for left_out in CATALOGUES.concat() {
        let rest: Vec<&'static Endpoint> = CATALOGUES.concat().into_iter().filter(|e| e != &left_out).collect();
        let found = assert_conforms(&Document::read().0, [&*rest.leak()]).differences();
        assert!(found.len() == 1 && found[0].ends_with(&format!("{left_out} is not declared")), "{found:?}");
    }
}
