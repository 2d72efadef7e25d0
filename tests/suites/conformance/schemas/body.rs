//! Differences between a body that is sent and its schema.

use serde_json::{Value, json};

use crate::schemas::{TASK, changed, sent};

/// Changes of what is sent: what is set in a schema of the document, and the difference of `create_task`.
#[test]
fn each_kind_of_difference_of_a_body_is_reported_once() {
    let none = Value::Null;
    let changes = [
        (
            "/properties/title/type",
            json!("integer"),
            "",
            "`title` of the body is a string, but the document says `integer`",
        ),
        (
            "/properties/title/type",
            json!(["integer", "null"]),
            "",
            "`title` of the body is a string, but the document says `integer` or `null`",
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
            "`labels[0]` of the body is a string, but the document says `boolean`",
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
            "`extra.x` of the body is a number, but the document says `string`",
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
            "#/components/schemas/Task/properties/target/oneOf: `create_task`: `target` of the body fits 2 of the alternatives, but exactly one must fit",
        ),
    ];
    for (pointer, value, expected) in cases {
        assert_eq!(sent(&changed(pointer, &value)), [expected], "{pointer}");
    }
}
