//! Values that a schema could be misread to allow or to refuse.

use serde_json::{Value, json};

use crate::client::answered;
use crate::schemas::found;

/// What is found in a body, without what each finding begins with.
fn differences(schema: &Value, body: &Value) -> Vec<String> {
    let content = json!({"application/json": {"schema": schema}});
    let document = json!({"paths": {"/parts": {"post": {"requestBody": {"content": content}}}}});
    let call = answered(&Value::Null).call::<()>(http::Method::POST, "/parts").body(body).into_call();
    let found = found(&document, &call);
    found.iter().map(|found| found.rsplit_once("`: ").unwrap().1.to_owned()).collect()
}

#[test]
fn all_that_is_wrong_with_a_value_is_reported_at_once() {
    let schema = json!({"type": "string", "format": "email", "maxLength": 3});
    let found = differences(&schema, &json!("none"));
    assert_eq!(
        found,
        ["the body is \"none\", which is not of the format `email`", "the body has 4 characters, more than 3",]
    );
    let schema = json!({"type": "integer", "maximum": 6, "multipleOf": 5});
    assert_eq!(differences(&schema, &json!(7)).len(), 2);
    let schema = json!({"type": "array", "maxItems": 1, "uniqueItems": true});
    assert_eq!(differences(&schema, &json!([1, 1])).len(), 2);
}

#[test]
fn a_difference_of_several_items_is_reported_once_and_another_one_too() {
    let schema = json!({"type": "array", "items": {
        "type": "object",
        "required": ["a", "b"],
        "properties": {"a": {"type": "integer", "maximum": 1}, "b": {}},
    }});
    let items = json!([{"a": 2, "c": 0}, {"a": 3, "b": 0}, {"b": 0, "c": 0}, {"a": 0, "b": 0, "d": 0}]);
    let found = differences(&schema, &items);
    assert_eq!(
        found,
        [
            "`[0]` of the body lacks `b`, which is required",
            "`[0].a` of the body is 2, and maximum is 1 in the document",
            "`[0].c` of the body is not in the document",
            "`[2]` of the body lacks `a`, which is required",
            "`[3].d` of the body is not in the document",
        ]
    );
}

#[test]
fn a_multiple_of_a_decimal_fits_although_its_quotient_is_inexact() {
    for number in [19.99, 0.3, 1_234_567.89, -0.07] {
        assert_eq!(differences(&json!({"multipleOf": 0.01}), &json!(number)), [""; 0], "{number}");
    }
    assert_eq!(differences(&json!({"multipleOf": 0.01}), &json!(19.995)).len(), 1);
}

#[test]
fn an_integer_beyond_its_format_is_a_difference() {
    let found = differences(&json!({"type": "integer", "format": "int64"}), &json!(u64::MAX));
    assert_eq!(found, ["the body is 18446744073709551615, and format is \"int64\" in the document"]);
    assert_eq!(differences(&json!({"type": "integer", "format": "int64"}), &json!(i64::MAX)), [""; 0]);
}

#[test]
fn a_reference_that_names_nothing_is_a_difference() {
    let schema = json!({"properties": {"owner": {"$ref": "#/components/schemas/Owner"}}});
    let found = differences(&schema, &json!({"owner": {"id": 7}}));
    assert_eq!(found, ["the reference `#/components/schemas/Owner` names nothing in the document"]);
}
