//! A request that would be sent against its operation.

use std::slice;

use form_urlencoded::parse;
use http::Request;
use percent_encoding::percent_decode_str;

use crate::conformance::check::check;
use crate::conformance::compare::{is_set_by_the_client, plain};
use crate::conformance::document::{Document, Finding, Operation};
use crate::conformance::parameter::Parameter;
use crate::conformance::{body, text};
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
        } else if parameter.required && !is_set_by_the_client(parameter) {
            let text = format!("the header `{}` is required, and not sent", parameter.name);
            findings.push(Finding::new(&parameter.pointer, text));
        }
    }
    findings.extend(body::sent(document, operation, request));
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
        let own = pairs.iter().filter(|(name, _)| *name == parameter.name);
        let texts: Vec<_> = own.map(|(_, text)| text.clone()).collect();
        if !texts.is_empty() {
            findings.extend(values(document, parameter, &texts, "query parameter"));
        } else if parameter.required {
            let text = format!("the query parameter `{}` is required, and not sent", parameter.name);
            findings.push(Finding::new(&parameter.pointer, text));
        }
    }
    let mut unknown: Vec<&str> = pairs.iter().map(|(name, _)| &**name).collect();
    unknown.retain(|name| !documented.iter().any(|p| p.name == *name));
    unknown.dedup();
    let unknown = unknown.into_iter().map(|name| format!("the query parameter `{name}` is not in the document"));
    findings.extend(unknown.map(|text| Finding::new(&operation.pointer, text)));
    findings
}

/// The texts of one parameter, read as its schema's type, against its schema.
fn values(document: Document<'_>, parameter: &Parameter<'_>, texts: &[String], noun: &str) -> Vec<Finding> {
    let schema = &parameter.schema;
    let place = format!("the {noun} `{}`", parameter.name);
    let count = texts.len();
    if count > 1 && !schema.all_types(document).contains(&"array") {
        return vec![Finding::new(schema.pointer(), format!("{place} is sent {count} times but is not a list"))];
    }
    if let (Some(separator), "query", true) = (parameter.separator, parameter.location, count > 1) {
        let text =
            format!("{place} is sent {count} times, and once with `{separator}` between its items in the document");
        return vec![Finding::new(&parameter.pointer, text)];
    }
    check(document, schema, &text::value(document, schema, texts, parameter.separator), &place)
}
