//! Differences between paths, queries and headers that are sent and their schemas.

use serde_json::{Value, json};

use crate::client::answered;
use crate::schemas::{changed, found, list, sent};

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
            "/parameters/0/schema: `create_task`: the path parameter `list_id` is a string, but the document says `boolean`",
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
            "/parameters/1/schema: `list_tasks`: the query parameter `kinds` is sent 2 times but is not a list",
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

#[test]
fn a_header_that_is_required_and_not_sent_is_a_difference() {
    let list = "/paths/~1tasks/get/parameters/0";
    let header = |name: &str| changed(list, &json!({"name": name, "in": "header", "required": true}));
    let text = "the header `X-Span` is required, and not sent";
    assert!(sent(&header("X-Span")).contains(&format!("#{list}: `list_tasks`: {text}")));
    assert!(sent(&header("Authorization")).iter().all(|found| !found.contains("header")));
}

#[test]
fn a_list_of_the_query_that_is_sent_in_pairs_and_documented_in_one_is_a_difference() {
    let document = changed("/paths/~1tasks/get/parameters/1/explode", &json!(false));
    let text = "the query parameter `kinds` is sent 2 times, and once with `,` between its items in the document";
    assert_eq!(sent(&document), [format!("#/paths/~1tasks/get/parameters/1: `list_tasks`: {text}")]);
}

/// As Python frameworks write `Optional[int]` and `Optional[list[str]]`.
#[test]
fn an_optional_parameter_may_be_a_choice_of_a_type_and_null() {
    let call = list(&answered(&Value::Null));
    let choice = |number: u32, schema: &Value| {
        let pointer = format!("/paths/~1tasks/get/parameters/{number}/schema");
        found(&changed(&pointer, &json!({"anyOf": [schema, {"type": "null"}]})), &call)
    };
    assert_eq!(choice(0, &json!({"type": "integer"})), [""; 0]);
    assert_eq!(choice(1, &json!({"type": "array", "items": {"type": "string"}})), [""; 0]);
    assert_eq!(choice(0, &json!({"type": "integer", "minimum": 2})).len(), 1);
    assert_eq!(choice(1, &json!({"type": "array", "items": {"type": "integer"}})).len(), 1);
}

#[test]
fn a_parameter_without_a_type_has_that_of_its_values() {
    let list = "/paths/~1tasks/get/parameters/0/schema";
    assert_eq!(sent(&changed(list, &json!({"enum": [1, 2]}))), [""; 0]);
    assert_eq!(sent(&changed(list, &json!({"enum": ["1", "2"]}))), [""; 0]);
    assert_eq!(sent(&changed(list, &json!({"enum": [2]}))).len(), 1);
}

#[test]
fn the_name_of_a_list_is_compared_with_its_brackets() {
    let found = sent(&changed("/paths/~1tasks/get/parameters/1/name", &json!("kinds[]")));
    assert_eq!(found, ["#/paths/~1tasks/get: `list_tasks`: the query parameter `kinds` is not in the document"]);
}
