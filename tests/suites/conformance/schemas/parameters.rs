//! Differences between paths, queries and headers that are sent and their schemas.

use serde_json::json;

use crate::schemas::{changed, sent};

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
