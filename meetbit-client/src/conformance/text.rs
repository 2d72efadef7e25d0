//! Texts of paths, queries, headers and forms as values of their schemas' types.

use serde_json::{Value, json};

use crate::conformance::document::Document;
use crate::conformance::schema::Schema;

/// Texts of one name as a value: a list if the schema has lists only, or has lists and there are several texts.
pub(super) fn value(document: Document<'_>, schema: &Schema<'_>, texts: &[String], separator: Option<char>) -> Value {
    if let ([text], false) = (texts, is_list(document, schema)) {
        return typed(document, schema, text);
    }
    let item = schema.items(document).unwrap_or_default();
    let split = texts.iter().flat_map(|text| match separator {
        Some(separator) => text.split(separator).collect(),
        None => vec![&**text],
    });
    json!(split.map(|text| typed(document, &item, text.trim())).collect::<Vec<_>>())
}

/// Whether a schema has lists and nothing else.
pub(super) fn is_list(document: Document<'_>, schema: &Schema<'_>) -> bool {
    schema.all_types(document) == ["array"]
}

/// The character that joins the items of a list in a query or a form; `None` if each item has a pair of its own. `owner` has the
/// keywords `style` and `explode`.
pub(super) fn separator(owner: &Value, is_form: bool) -> Option<char> {
    match owner["style"].as_str() {
        Some("spaceDelimited") => Some(' '),
        Some("pipeDelimited") => Some('|'),
        style => (!(is_form && matches!(style, None | Some("form")) && owner["explode"] != false)).then_some(','),
    }
}

/// A text as a value of the first type that it fits.
fn typed(document: Document<'_>, schema: &Schema<'_>, text: &str) -> Value {
    let types = schema.all_types(document);
    let fits = |value: &Value| {
        let is_number = value.is_number() && types.iter().any(|kind| ["integer", "number"].contains(kind));
        let is_boolean = value.is_boolean() && types.contains(&"boolean");
        is_number || is_boolean || (types.is_empty() && schema.lists_alike(value))
    };
    let scalar = serde_json::from_str::<Value>(text).ok().filter(|value| value.is_number() || value.is_boolean());
    scalar.filter(fits).unwrap_or_else(|| json!(text))
}
