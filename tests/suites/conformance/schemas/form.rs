//! Differences between a form that is sent and its schema.

use meetbit_client::conformance::request;
use meetbit_client::{Api, Call, api, api_endpoint};
use serde::Serialize;
use serde_json::{Value, json};

use crate::client::answered;
use crate::schemas::{change, found};

#[derive(Serialize)]
struct Note {
    title: &'static str,
    stars: u32,
    price: f64,
    is_open: bool,
    kinds: &'static [&'static str],
    until: Option<&'static str>,
}

#[api]
trait Notes: Api {
    #[api_endpoint(post, "/notes")]
    fn create_note(&self, #[form] note: &Note) -> Call<()>;
}

fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "paths": {"/notes": {"post": {"requestBody": {"required": true, "content": {
            // Another schema, which is not that of the form.
            "application/json": {"schema": {"type": "object", "required": ["json"]}},
            "application/x-www-form-urlencoded": {"schema": {"$ref": "#/components/schemas/Note"}},
        }}}}},
        "components": {"schemas": {
            "Note": {
                "type": "object",
                "required": ["title", "stars"],
                "properties": {
                    "title": {"type": "string", "maxLength": 3},
                    "stars": {"anyOf": [{"type": "integer", "maximum": 5}, {"type": "null"}]},
                    "price": {"type": "number", "multipleOf": 0.01},
                    "is_open": {"type": "boolean"},
                    "kinds": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
                    "until": {"type": "string", "format": "date"},
                },
            },
        }},
    })
}

const NOTE: Note = Note { title: "123", stars: 5, price: 19.99, is_open: true, kinds: &["a", "b"], until: None };

fn differences(document: &Value) -> Vec<String> {
    request(document, &answered(&Value::Null).create_note(&NOTE)).differences()
}

#[test]
fn a_form_that_fits_has_no_differences() {
    assert_eq!(differences(&document()), [""; 0]);
    let note = Note { kinds: &["b"], until: Some("2030-01-31"), ..NOTE };
    request(&document(), &answered(&Value::Null).create_note(&note));
}

#[test]
fn each_kind_of_difference_of_a_form_is_reported_once() {
    let cases = [
        (
            "/properties/title/maxLength",
            json!(2),
            "/properties/title/maxLength",
            "`title` of the body has 3 characters, more than 2",
        ),
        ("/properties/title/type", json!("integer"), "", ""),
        (
            "/properties/title/type",
            json!("boolean"),
            "/properties/title",
            "`title` of the body is a string, but the document says `boolean`",
        ),
        (
            "/properties/stars/anyOf/0/maximum",
            json!(4),
            "/properties/stars/anyOf",
            "`stars` of the body fits none of the 2 alternatives",
        ),
        (
            "/properties/price/multipleOf",
            json!(0.02),
            "/properties/price/multipleOf",
            "`price` of the body is 19.99, and multipleOf is 0.02 in the document",
        ),
        (
            "/properties/is_open",
            json!({"const": false}),
            "/properties/is_open/const",
            "`is_open` of the body is true, and false in the document",
        ),
        (
            "/properties/kinds/items/enum",
            json!(["a"]),
            "/properties/kinds/items/enum",
            "`kinds[1]` of the body is \"b\", which the document does not list",
        ),
        (
            "/properties/kinds/maxItems",
            json!(1),
            "/properties/kinds/maxItems",
            "`kinds` of the body has 2 items, more than 1",
        ),
        (
            "/properties/kinds",
            json!({"type": "string"}),
            "/properties/kinds",
            "`kinds` of the body is an array, but the document says `string`",
        ),
        ("/properties/price", Value::Null, "", "`price` of the body is not in the document"),
        (
            "/properties/price/readOnly",
            json!(true),
            "/properties/price",
            "`price` of the body is read-only in the document",
        ),
        ("/required", json!(["until"]), "/required", "the body lacks `until`, which is required"),
        ("/minProperties", json!(6), "/minProperties", "the body has 5 properties, fewer than 6"),
    ];
    let note = "/components/schemas/Note";
    for (pointer, value, place, text) in cases {
        let expected = if text.is_empty() { vec![] } else { vec![format!("#{note}{place}: `create_note`: {text}")] };
        assert_eq!(differences(&change(document(), &format!("{note}{pointer}"), &value)), expected, "{pointer}");
    }
}

#[test]
fn a_form_is_compared_as_a_body_as_well() {
    let body = "/paths/~1notes/post/requestBody";
    let without = change(document(), &format!("{body}/content/application~1x-www-form-urlencoded"), &Value::Null);
    let text = "the body is `application/json` in the document, and `application/x-www-form-urlencoded` here";
    assert_eq!(differences(&without), [format!("#{body}/content: `create_note`: {text}")]);
    let without = change(document(), body, &Value::Null);
    assert_eq!(differences(&without), ["#/paths/~1notes/post: `create_note`: the document has no body"]);
}

/// Nothing in the form of a note without fields is sent, and it lacks what is required.
#[test]
fn an_empty_form_lacks_what_is_required() {
    let schema = json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}});
    let document = json!({"paths": {"/parts": {"post": {"requestBody": {"content": {
        "application/x-www-form-urlencoded": {"schema": schema},
    }}}}}});
    let call = answered(&Value::Null).call::<()>(http::Method::POST, "/parts").form(json!({})).into_call();
    let found = found(&document, &call);
    assert!(found.len() == 1 && found[0].ends_with("the body lacks `a`, which is required"), "{found:?}");
}
