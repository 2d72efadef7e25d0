//! The body of a request against its operation.

use form_urlencoded::parse;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use crate::conformance::check::check;
use crate::conformance::content::{Content, essence, is_json, listed};
use crate::conformance::document::{Document, Finding, Operation};
use crate::conformance::schema::Schema;
use crate::conformance::text;
use crate::{ArgumentLocation, Bytes, Endpoint};

/// The first difference between a declared body and its operation.
pub(super) fn declared(document: Document<'_>, operation: &Operation<'_>, endpoint: &Endpoint) -> Option<Finding> {
    let argument = endpoint.arguments().find(|argument| argument.location() == ArgumentLocation::Body);
    let pointer = pointer(operation);
    let (value, argument) = match (operation.value.get("requestBody"), argument) {
        (None, None) => return None,
        (None, Some(_)) => return Some(undocumented(operation)),
        (Some(_), None) => return Some(Finding::new(pointer, "the body is not declared")),
        (Some(value), Some(argument)) => (value, argument),
    };
    let body = match document.resolve(value) {
        Ok(body) => body,
        Err(why) => return Some(Finding::new(pointer, why)),
    };
    if body["required"] == true && argument.is_optional() {
        return Some(Finding::new(pointer, "the body is required in the document, and optional here"));
    }
    let is_documented = Content::find(body, &pointer, argument.name()).is_some();
    (!is_documented).then(|| other_media_type(operation, body, argument.name()))
}

/// All differences between a body that would be sent and its operation.
pub(super) fn sent(document: Document<'_>, operation: &Operation<'_>, request: &http::Request<Bytes>) -> Vec<Finding> {
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let body = match (operation.value.get("requestBody"), media_type) {
        (None, None) => return Vec::new(),
        (None, Some(_)) => return vec![undocumented(operation)],
        (Some(body), _) => body,
    };
    let (body, place) = match document.located(body, &pointer(operation)) {
        Ok(located) => located,
        Err(why) => return vec![Finding::new(pointer(operation), why)],
    };
    let Some(media_type) = media_type else {
        let is_missing = body["required"] == true;
        let missing = is_missing.then(|| Finding::new(pointer(operation), "the body is required, and not sent"));
        return missing.into_iter().collect();
    };
    let Some(content) = Content::find(body, &place, media_type) else {
        return vec![other_media_type(operation, body, media_type)];
    };
    let Some(schema) = content.schema(document) else { return Vec::new() };
    let value = if is_json(media_type) {
        serde_json::from_slice(request.body()).ok()
    } else {
        let is_form = essence(media_type) == "application/x-www-form-urlencoded";
        is_form.then(|| form(document, &schema, &content.value["encoding"], request.body()))
    };
    value.map(|value| check(document, &schema, &value, "the body")).unwrap_or_default()
}

/// A form as an object, whose fields have the types of the schema.
fn form(document: Document<'_>, schema: &Schema<'_>, encoding: &Value, body: &[u8]) -> Value {
    let mut fields: Vec<(String, Vec<String>)> = Vec::new();
    for (name, text) in parse(body).into_owned() {
        match fields.iter_mut().find(|(earlier, _)| *earlier == name) {
            Some((_, texts)) => texts.push(text),
            None => fields.push((name, vec![text])),
        }
    }
    let typed = fields.into_iter().map(|(name, texts)| {
        let field = schema.property_of_any(document, &name).unwrap_or_default();
        let separator = text::separator(&encoding[&name], true);
        let value = text::value(document, &field, &texts, separator);
        (name, value)
    });
    Value::Object(typed.collect::<Map<_, _>>())
}

fn pointer(operation: &Operation<'_>) -> String {
    format!("{}/requestBody", operation.pointer)
}

fn undocumented(operation: &Operation<'_>) -> Finding {
    Finding::new(&operation.pointer, "the document has no body")
}

fn other_media_type(operation: &Operation<'_>, body: &Value, media_type: &str) -> Finding {
    let text = format!("the body is `{}` in the document, and `{media_type}` here", listed(body));
    Finding::new(format!("{}/content", pointer(operation)), text)
}
