//! Differences between replies that are read and their schemas.

use serde_json::{Value, json};

use crate::schemas::{TASK, changed, document, received};

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
fn a_reference_that_names_nothing_is_reported_once_for_each_method() {
    let found = received(&changed("/components/schemas/Owner", &Value::Null));
    let pointer = "#/components/schemas/Task/properties/owner/allOf/0";
    let text = "the reference `#/components/schemas/Owner` names nothing in the document";
    assert_eq!(found, ["create_task", "list_tasks"].map(|method| format!("{pointer}: `{method}`: {text}")));
}
