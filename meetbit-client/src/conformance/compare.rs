//! One endpoint against one operation.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::conformance::body;
use crate::conformance::document::{Document, Finding, Operation};
use crate::conformance::parameter::Parameter;
use crate::{Argument, ArgumentLocation, Endpoint, Permission};

/// Headers that OpenAPI describes elsewhere, or that the client sets itself.
const OTHER_HEADERS: [&str; 5] = ["accept", "authorization", "content-type", "x-access-key-id", "x-access-key-secret"];

/// Whether a header is one that no argument sets.
pub(super) fn is_set_by_the_client(header: &Parameter<'_>) -> bool {
    OTHER_HEADERS.iter().any(|name| header.is_named(name))
}

/// All differences between an endpoint and its operation.
pub(super) fn compare(document: Document<'_>, operation: &Operation<'_>, endpoint: &Endpoint) -> Vec<Finding> {
    let (parameters, mut findings) = document.parameters(operation);
    findings.extend(placeholders(operation, endpoint, &parameters));
    findings.extend(named(operation, endpoint, &parameters, ArgumentLocation::Query));
    findings.extend(named(operation, endpoint, &parameters, ArgumentLocation::Header));
    let cookies = parameters.iter().filter(|parameter| parameter.location == "cookie" && parameter.required);
    findings.extend(
        cookies.map(|p| Finding::new(&p.pointer, format!("the cookie `{}` is required, and none is sent", p.name))),
    );
    findings.extend(body::declared(document, operation, endpoint));
    findings.extend(permissions(operation, endpoint));
    findings.extend(deprecation(operation, endpoint));
    findings
}

/// The path without the names of its placeholders.
pub(super) fn shape(path: &str) -> String {
    let segments = path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

fn placeholders(operation: &Operation<'_>, endpoint: &Endpoint, parameters: &[Parameter<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let documented = names(operation.path);
    for (theirs, ours) in documented.iter().zip(names(endpoint.path())) {
        if plain(theirs) != plain(ours) {
            let text = format!("the placeholder is `{{{theirs}}}` in the document, and `{{{ours}}}` here");
            findings.push(Finding::new(&operation.pointer, text));
        }
    }
    let described = |name: &str| parameters.iter().any(|p| p.location == "path" && p.name == name);
    for name in documented.iter().filter(|name| !described(name)) {
        let text = format!("the document does not describe the path parameter `{name}`");
        findings.push(Finding::new(&operation.pointer, text));
    }
    for parameter in parameters.iter().filter(|p| p.location == "path" && !documented.contains(&&*p.name)) {
        let text = format!("the path has no placeholder for the path parameter `{}`", parameter.name);
        findings.push(Finding::new(&parameter.pointer, text));
    }
    findings
}

/// A name without its style, because a document may have `{noteId}` or `{note-id}`, which an argument cannot be named.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn names(path: &str) -> Vec<&str> {
    path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

/// The parameters of the query, or the headers.
fn named(
    operation: &Operation<'_>,
    endpoint: &Endpoint,
    parameters: &[Parameter<'_>],
    location: ArgumentLocation,
) -> Vec<Finding> {
    let is_header = location == ArgumentLocation::Header;
    let (key, noun) = if is_header { ("header", "header") } else { ("query", "query parameter") };
    let ignored = |p: &Parameter<'_>| is_header && is_set_by_the_client(p);
    let documented: Vec<_> = parameters.iter().filter(|p| p.location == key && !ignored(p)).collect();
    let declared: Vec<_> = endpoint.arguments().filter(|argument| argument.location() == location).collect();
    let mut findings = Vec::new();
    let mut has_fields = false;
    for argument in &declared {
        match documented.iter().find(|p| p.is_named(argument.name())) {
            Some(parameter) => findings.extend(required(parameter, *argument, noun)),
            None if argument.may_have_fields() => has_fields = true,
            None => {
                let text = format!("the {noun} `{}` is not in the document", argument.name());
                findings.push(Finding::new(&operation.pointer, text));
            }
        }
    }
    for parameter in documented.iter().filter(|_| !has_fields) {
        if !declared.iter().any(|argument| parameter.is_named(argument.name())) {
            let text = format!("the {noun} `{}` is not declared", parameter.name);
            findings.push(Finding::new(&parameter.pointer, text));
        }
    }
    findings
}

/// A list may be empty, and then it is left out.
fn required(parameter: &Parameter<'_>, argument: Argument, noun: &str) -> Option<Finding> {
    let name = argument.name();
    let text = match (parameter.required, argument.is_optional()) {
        (true, true) => format!("the {noun} `{name}` is required in the document, and optional here"),
        (false, false) if !parameter.is_list => {
            format!("the {noun} `{name}` is optional in the document, and required here")
        }
        _ => return None,
    };
    Some(Finding::new(&parameter.pointer, text))
}

/// The permissions, if the document states them: in `x-permissions`, or in the description as `resource.verb.*`.
fn permissions(operation: &Operation<'_>, endpoint: &Endpoint) -> Option<Finding> {
    let (key, stated) = match &operation.value["x-permissions"] {
        Value::Null => ("description", in_text(operation.value["description"].as_str().unwrap_or_default())),
        Value::String(text) => ("x-permissions", BTreeSet::from([text.clone()])),
        list => {
            let texts = list.as_array().into_iter().flatten().filter_map(Value::as_str);
            ("x-permissions", texts.map(str::to_owned).collect())
        }
    };
    let declared: BTreeSet<_> = endpoint.permissions().map(|permission| permission.to_string()).collect();
    if stated == declared || (stated.is_empty() && key == "description") {
        return None;
    }
    let text = format!("the permissions are {} in the document, and {} here", listed(&stated), listed(&declared));
    Some(Finding::new(format!("{}/{key}", operation.pointer), text))
}

fn in_text(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| c.is_whitespace() || "`\"'()[],;:".contains(c));
    let words = words.map(|word| word.trim_end_matches('.')).filter(|word| word.ends_with(".*"));
    words.filter(|word| word.parse::<Permission>().is_ok()).map(str::to_owned).collect()
}

fn listed(permissions: &BTreeSet<String>) -> String {
    let quoted: Vec<_> = permissions.iter().map(|permission| format!("`{permission}`")).collect();
    if quoted.is_empty() { "none".to_owned() } else { quoted.join(", ") }
}

fn deprecation(operation: &Operation<'_>, endpoint: &Endpoint) -> Option<Finding> {
    let text = match (operation.value["deprecated"] == true, endpoint.is_deprecated()) {
        (true, false) => "the operation is deprecated in the document, and not here",
        (false, true) => "the operation is deprecated here, and not in the document",
        _ => return None,
    };
    Some(Finding::new(&operation.pointer, text))
}
