//! The media types of bodies, and their schemas.

use serde_json::Value;

use crate::conformance::document::{Document, escaped};
use crate::conformance::schema::Schema;

/// What a request or a reply has in one media type.
pub(super) struct Content<'a> {
    pub(super) value: &'a Value,
    pointer: String,
}

impl<'a> Content<'a> {
    /// What a request or a reply of the document has in this media type, else in a range or another kind of JSON that includes it.
    pub(super) fn find(owner: &'a Value, pointer: &str, media_type: &str) -> Option<Self> {
        let all = || owner["content"].as_object().into_iter().flatten();
        let same = all().find(|(kind, _)| essence(kind) == essence(media_type));
        let (kind, value) = same.or_else(|| all().find(|(kind, _)| is_media_type(kind, media_type)))?;
        Some(Self { value, pointer: format!("{pointer}/content/{}", escaped(kind)) })
    }

    pub(super) fn schema(&self, document: Document<'a>) -> Option<Schema<'a>> {
        let value = self.value.get("schema")?;
        Some(Schema::new(document, value, &format!("{}/schema", self.pointer)))
    }
}

/// The media types of a request or a reply, for a message.
pub(super) fn listed(owner: &Value) -> String {
    let kinds = owner["content"].as_object().into_iter().flatten();
    kinds.map(|(kind, _)| &**kind).collect::<Vec<_>>().join("` or `")
}

/// Whether it is JSON: `application/json`, or a type that ends with `+json`.
pub(super) fn is_json(media_type: &str) -> bool {
    let essence = essence(media_type);
    essence == "application/json" || essence.ends_with("+json")
}

/// A media type without its parameters.
pub(super) fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether a media type or range of a document has this one.
fn is_media_type(range: &str, media_type: &str) -> bool {
    let (range, media_type) = (essence(range), essence(media_type));
    match range.strip_suffix('*') {
        Some("*/") => true,
        Some(start) => media_type.starts_with(start),
        None => range == media_type || (is_json(&range) && is_json(&media_type)),
    }
}
