//! A request that would be sent against its operation.

use std::slice;

use form_urlencoded::parse;
use http::Request;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::conformance::check::check;
use crate::conformance::compare::plain;
use crate::conformance::document::{Document, Finding, Operation};
use crate::conformance::parameter::Parameter;
use crate::conformance::schema::Schema;
use crate::{Bytes, Endpoint};

/// All differences between a request and its operation.
pub(super) fn compare(
    document: Document<'_>,
    operation: &Operation<'_>,
    endpoint: &Endpoint,
    request: &Request<Bytes>,
) -> Vec<Finding> {
    let (parameters, mut findings) = document.parameters(operation);
    let path = path_values(endpoint, request.uri().path());
    for (name, text) in &path {
        let parameter = parameters.iter().find(|p| p.location == "path" && plain(&p.name) == plain(name));
        findings
            .extend(parameter.into_iter().flat_map(|p| values(document, p, slice::from_ref(text), "path parameter")));
    }
    findings.extend(query(document, operation, &parameters, request.uri().query().unwrap_or_default()));
    for parameter in parameters.iter().filter(|parameter| parameter.location == "header") {
        let texts = request.headers().get_all(&parameter.name).iter().filter_map(|value| value.to_str().ok());
        let texts: Vec<_> = texts.map(str::to_owned).collect();
        if !texts.is_empty() {
            findings.extend(values(document, parameter, &texts, "header"));
        }
    }
    findings.extend(body(document, operation, request.body()));
    findings
}

/// The names of the placeholders with the texts in the path, which ends as the template does.
fn path_values<'e>(endpoint: &'e Endpoint, path: &str) -> Vec<(&'e str, String)> {
    let segments = endpoint.path().rsplit('/').zip(path.rsplit('/'));
    let filled = segments.filter_map(|(template, text)| {
        let (before, rest) = template.split_once('{')?;
        let (name, after) = rest.split_once('}')?;
        let text = text.strip_prefix(before)?.strip_suffix(after)?;
        Some((name, percent_decode_str(text).decode_utf8_lossy().into_owned()))
    });
    filled.collect()
}

fn query(document: Document<'_>, operation: &Operation<'_>, parameters: &[Parameter<'_>], query: &str) -> Vec<Finding> {
    let pairs: Vec<(String, String)> = parse(query.as_bytes()).into_owned().collect();
    let documented: Vec<_> = parameters.iter().filter(|parameter| parameter.location == "query").collect();
    let mut findings = Vec::new();
    for parameter in &documented {
        let own = pairs.iter().filter(|(name, _)| name.trim_end_matches("[]") == parameter.name.trim_end_matches("[]"));
        let texts: Vec<_> = own.map(|(_, text)| text.clone()).collect();
        if !texts.is_empty() {
            findings.extend(values(document, parameter, &texts, "query parameter"));
        } else if parameter.required {
            let text = format!("the query parameter `{}` is required, and not sent", parameter.name);
            findings.push(Finding::new(&parameter.pointer, text));
        }
    }
    let mut unknown: Vec<&str> = pairs.iter().map(|(name, _)| &**name).collect();
    unknown.retain(|name| !documented.iter().any(|p| p.name.trim_end_matches("[]") == name.trim_end_matches("[]")));
    unknown.dedup();
    let unknown = unknown.into_iter().map(|name| format!("the query parameter `{name}` is not in the document"));
    findings.extend(unknown.map(|text| Finding::new(&operation.pointer, text)));
    findings
}

/// The texts of one parameter, read as its schema's type, against its schema.
fn values(document: Document<'_>, parameter: &Parameter<'_>, texts: &[String], noun: &str) -> Vec<Finding> {
    let schema = &parameter.schema;
    let place = format!("the {noun} `{}`", parameter.name);
    if parameter.is_list() {
        let split = texts.iter().flat_map(|text| match parameter.separator {
            Some(separator) => text.split(separator).collect(),
            None => vec![&**text],
        });
        let item = schema.nested(document, "items").unwrap_or_default();
        let items: Vec<_> = split.map(|text| typed(&item, text.trim())).collect();
        return check(document, schema, &json!(items), &place);
    }
    if let [_, _, ..] = texts {
        return vec![Finding::new(schema.pointer(), format!("{place} is sent {} times, and no list", texts.len()))];
    }
    texts.iter().flat_map(|text| check(document, schema, &typed(schema, text), &place)).collect()
}

/// A text as a value of the first type that it fits.
fn typed(schema: &Schema<'_>, text: &str) -> Value {
    let types = schema.types();
    let read = || serde_json::from_str::<Value>(text).ok();
    let number =
        read().filter(|value| value.is_number() && types.iter().any(|kind| ["integer", "number"].contains(kind)));
    let boolean = read().filter(|value| value.is_boolean() && types.contains(&"boolean"));
    number.or(boolean).unwrap_or_else(|| json!(text))
}

/// A body of JSON against its schema.
fn body(document: Document<'_>, operation: &Operation<'_>, body: &[u8]) -> Vec<Finding> {
    let pointer = format!("{}/requestBody", operation.pointer);
    let Some(value) = operation.value.get("requestBody") else { return Vec::new() };
    let Ok((documented, place)) = document.located(value, &pointer) else { return Vec::new() };
    if body.is_empty() {
        let is_missing = documented["required"] == true;
        return is_missing.then(|| Finding::new(pointer, "the body is required, and not sent")).into_iter().collect();
    }
    let Some((schema, place)) = json_schema(documented, &place) else { return Vec::new() };
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return Vec::new() };
    check(document, &Schema::new(document, schema, &place), &value, "the body")
}

/// The schema of the first content that is JSON, and its pointer.
pub(super) fn json_schema<'a>(owner: &'a Value, pointer: &str) -> Option<(&'a Value, String)> {
    let mut kinds = owner["content"].as_object()?.iter();
    let is_json = |kind: &str| {
        let essence = kind.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/json") || essence.ends_with("+json") || essence == "*/*"
    };
    let (kind, content) = kinds.find(|(kind, _)| is_json(kind))?;
    let kind = crate::conformance::document::escaped(kind);
    Some((content.get("schema")?, format!("{pointer}/content/{kind}/schema")))
}
