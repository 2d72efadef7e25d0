//! Traits: a method for each operation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use indexmap::IndexMap;

use crate::document::{Body, Document, Operation, Parameter, PathItem, Schema};
use crate::models::{Models, Type, Use, docs};
use crate::names::{ident, pascal, snake, unraw};

/// More query parameters than this become a struct.
const MAX_QUERY: usize = 3;

/// Headers that the client sets itself.
const OTHER_HEADERS: [&str; 5] = ["accept", "authorization", "content-type", "x-access-key-id", "x-access-key-secret"];

/// The code for all operations, or those with one of the tags.
pub(crate) fn declare(
    document: &Document,
    tags: &[String],
    renames: &BTreeMap<String, String>,
) -> Result<String, String> {
    let mut traits: IndexMap<String, String> = IndexMap::new();
    let mut models = Models::new(document, renames);
    let mut names = BTreeSet::new();
    for (path, item) in &document.paths {
        for (method, operation) in item.operations() {
            let tag = operation.tags.first().map_or_else(|| first_segment(path), Clone::clone);
            if tags.is_empty() || tags.contains(&tag) {
                let method = Method { path, item, name: method, operation, document };
                if !names.insert((pascal(&tag), method.method_name())) {
                    let name = method.method_name();
                    return Err(format!(
                        "two operations of the tag `{tag}` are named `{name}`; give one an `operationId`"
                    ));
                }
                traits.entry(tag).or_default().push_str(&method.code(&mut models)?);
            }
        }
    }
    if let Some(tag) = tags.iter().find(|tag| !traits.contains_key(*tag)) {
        return Err(format!("no operation has the tag `{tag}`"));
    }
    let trait_names: Vec<_> = traits.keys().map(|tag| pascal(tag)).collect();
    let models = models.finish(&trait_names)?;
    let traits = traits.iter().map(|(tag, methods)| {
        let known = document.tags.iter().find(|known| known.name == *tag);
        let title = format!("{tag}.");
        let docs = docs(Some(known.and_then(|tag| tag.description.as_deref()).unwrap_or(&title)), "");
        format!("{docs}#[api]\npub trait {}: Api {{\n{}}}\n", pascal(tag), methods.trim_start())
    });
    let code = format!("{}\n{models}", traits.collect::<Vec<_>>().join("\n"));
    Ok(format!("{}\n{code}", head(document, &code)))
}

/// The tag of an operation without one: the first segment of its path.
fn first_segment(path: &str) -> String {
    path.split('/').find(|segment| !segment.is_empty() && !segment.starts_with('{')).unwrap_or("root").to_owned()
}

/// The docs of the module, and its imports.
fn head(document: &Document, code: &str) -> String {
    let mut lines = vec![format!(
        "//! {}, version {}: printed by the example `declare` of meetbit-client.\n",
        document.info.title.trim(),
        document.info.version
    )];
    let imports = [
        ("BTreeMap<", "use std::collections::BTreeMap;"),
        ("fmt::Display", "use std::fmt;"),
        ("", ""),
        ("Call<Bytes>", "use meetbit_client::Bytes;"),
        (": Timestamp", "use meetbit_client::jiff::Timestamp;"),
        ("<Timestamp", "use meetbit_client::jiff::Timestamp;"),
        (": Date,", "use meetbit_client::jiff::civil::Date;"),
        ("<Date>", "use meetbit_client::jiff::civil::Date;"),
        ("", "use meetbit_client::{Api, Call, api, api_endpoint};"),
        ("Serialize, Deserialize)", "use serde::{Deserialize, Serialize};"),
    ];
    for (text, import) in imports {
        if code.contains(text) && !lines.iter().any(|line| line == import) {
            lines.push(import.to_owned());
        }
    }
    if !code.contains("Deserialize)") && code.contains("Serialize)") {
        lines.push("use serde::Serialize;".to_owned());
    }
    lines.join("\n") + "\n"
}

/// A method of a trait.
struct Method<'d> {
    path: &'d str,
    item: &'d PathItem,
    name: &'static str,
    operation: &'d Operation,
    document: &'d Document,
}

impl Method<'_> {
    fn code(&self, models: &mut Models<'_>) -> Result<String, String> {
        let arguments = self.arguments(models)?;
        let (reply, is_raw) = self.reply(models)?;
        let permissions: Vec<_> = self.operation.permissions().iter().map(|text| format!("{text:?}")).collect();
        let permissions = match &permissions[..] {
            [] => String::new(),
            [permission] => format!(", perm = {permission}"),
            several => format!(", perm = [{}]", several.join(", ")),
        };
        let raw = if is_raw { ", raw" } else { "" };
        let deprecated = if self.operation.deprecated { "#[deprecated]\n" } else { "" };
        let signature = format!("fn {}(&self, {}) -> Call<{reply}>;", ident(&self.method_name()), arguments.join(", "));
        let docs = self.docs();
        let path = self.template();
        Ok(format!("\n{docs}{deprecated}#[api_endpoint({}, {path:?}{permissions}{raw})]\n{signature}\n", self.name))
    }

    /// From `operationId`, else from `summary`, else from method and path.
    fn method_name(&self) -> String {
        let named = self.operation.id.as_deref().or(self.operation.summary.as_deref()).map(snake);
        named.filter(|name| !name.is_empty()).unwrap_or_else(|| snake(&format!("{} {}", self.name, self.path)))
    }

    fn docs(&self) -> String {
        let Operation { summary, description, .. } = self.operation;
        let summary = summary.as_deref().map(|summary| format!("{}.", summary.trim_end_matches('.')));
        match (summary, description) {
            (Some(summary), Some(description)) => {
                format!("{}///\n{}", docs(Some(&summary), ""), docs(Some(description), ""))
            }
            (summary, description) => docs(summary.as_deref().or(description.as_deref()), ""),
        }
    }

    /// The path with the names of Rust in its placeholders.
    fn template(&self) -> String {
        let segments = self.path.split('/').map(|segment| {
            let inner = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            inner.map_or_else(|| segment.to_owned(), |name| format!("{{{}}}", unraw(&ident(name))))
        });
        segments.collect::<Vec<_>>().join("/")
    }

    fn arguments(&self, models: &mut Models<'_>) -> Result<Vec<String>, String> {
        let parameters = self.parameters()?;
        let at = |location: &'static str| parameters.iter().filter(move |parameter| parameter.location == location);
        let mut arguments = Vec::new();
        for parameter in at("path") {
            let of_type = self.parameter_type(parameter, models)?;
            arguments.push(format!("{}: {}", ident(&parameter.name), borrowed(&of_type)));
        }
        arguments.extend(self.query(at("query").collect(), models)?);
        for parameter in at("header").filter(|p| !OTHER_HEADERS.contains(&&*p.name.to_ascii_lowercase())) {
            let of_type = self.parameter_type(parameter, models)?;
            arguments.push(format!("#[header({:?})] {}", parameter.name, argument(parameter, &of_type)));
        }
        arguments.extend(self.body(models)?);
        Ok(arguments)
    }

    /// The parameters of the operation and of its path, with references followed, in the order of the document; those of the path
    /// in the order of the template.
    fn parameters(&self) -> Result<Vec<Parameter>, String> {
        let mut found: Vec<Parameter> = Vec::new();
        for parameter in self.item.parameters.iter().chain(&self.operation.parameters) {
            for parameter in self.expanded(self.document.parameter(parameter)?)? {
                let is_same = |other: &Parameter| other.name == parameter.name && other.location == parameter.location;
                found.retain(|earlier| !is_same(earlier));
                found.push(parameter);
            }
        }
        found.sort_by_key(|parameter| {
            (parameter.location == "path").then(|| self.path.find(&format!("{{{}}}", parameter.name)))
        });
        Ok(found)
    }

    /// The properties of an object in the query, which are parameters of their own on the wire.
    fn expanded(&self, parameter: Parameter) -> Result<Vec<Parameter>, String> {
        let style = parameter.style.as_deref().unwrap_or("form");
        let properties = self.document.properties(&parameter.schema)?;
        let is_form = style == "form" && parameter.explode != Some(false);
        if parameter.location != "query" || properties.is_empty() || !(is_form || style == "deepObject") {
            return Ok(vec![parameter]);
        }
        let properties = properties.into_iter().map(|(key, (schema, is_required))| Parameter {
            name: if is_form { key } else { format!("{}[{key}]", parameter.name) },
            required: parameter.required && is_required,
            description: schema.description.clone(),
            schema,
            ..parameter.clone()
        });
        Ok(properties.collect())
    }

    fn parameter_type(&self, parameter: &Parameter, models: &mut Models<'_>) -> Result<Type, String> {
        let hint = pascal(&format!("{} {}", self.method_name(), parameter.name));
        let of_type = models.of(&parameter.schema, &hint, Use::Request)?;
        let is_list = of_type.name.starts_with("Vec<");
        let is_form = parameter.style.as_deref().unwrap_or("form") == "form" && parameter.explode != Some(false);
        if is_list && !(parameter.location == "query" && is_form) {
            // The values are in one text, which the caller joins.
            return Ok(Type { name: "String".to_owned(), ..of_type });
        }
        if of_type.name == "serde_json::Value" {
            return Ok(Type { name: "String".to_owned(), ..of_type });
        }
        Ok(of_type)
    }

    /// One argument for each query parameter; if there are many, a struct for those that are optional.
    fn query(&self, parameters: Vec<&Parameter>, models: &mut Models<'_>) -> Result<Vec<String>, String> {
        let is_many = parameters.len() > MAX_QUERY;
        let are_needed_many = parameters.iter().filter(|parameter| parameter.required).count() > MAX_QUERY;
        let is_field = |parameter: &&Parameter| is_many && (are_needed_many || !parameter.required);
        let (fields, single): (Vec<_>, Vec<_>) = parameters.into_iter().partition(is_field);
        let mut arguments = Vec::new();
        for parameter in single {
            let of_type = self.parameter_type(parameter, models)?;
            let own = argument(parameter, &of_type);
            let is_own_name = own.split(':').next().is_some_and(|name| unraw(name) == parameter.name);
            let name = if is_own_name { String::new() } else { format!("({:?})", parameter.name) };
            arguments.push(format!("#[query{name}] {own}"));
        }
        if !fields.is_empty() {
            let name = self.query_struct(&fields, models)?;
            arguments.push(format!("#[query] query: &{name}"));
        }
        Ok(arguments)
    }

    fn query_struct(&self, fields: &[&Parameter], models: &mut Models<'_>) -> Result<String, String> {
        let has_body = self.operation.request_body.is_some();
        let hint = pascal(&self.method_name()) + if has_body { "Query" } else { "" };
        let (_, of_type) = models.model(&hint, |models, name| {
            let mut code = String::new();
            for parameter in fields {
                let of_type = self.parameter_type(parameter, models)?;
                let rust = ident(&parameter.name);
                let rename = format!("#[serde(rename = {:?})]\n", parameter.name);
                let rename = if unraw(&rust) == parameter.name { "" } else { &rename };
                let of_type = Type { nullable: !parameter.required, ..of_type }.in_reply();
                let docs = docs(description(parameter), "");
                let _ = writeln!(code, "{docs}{rename}pub {rust}: {of_type},"); // a `String` takes any text
            }
            let default = if fields.iter().any(|field| field.required) { "" } else { "Default, " };
            let docs = format!(
                "/// The query of [`{}`]({}::{}).\n",
                self.method_name(),
                self.trait_name(),
                ident(&self.method_name())
            );
            Ok((
                format!(
                    "{docs}#[derive(Clone, Debug, {default}PartialEq, Serialize)]\npub struct {name} {{\n{code}}}\n"
                ),
                false,
            ))
        })?;
        Ok(of_type.name)
    }

    fn trait_name(&self) -> String {
        pascal(&self.operation.tags.first().map_or_else(|| first_segment(self.path), Clone::clone))
    }

    fn body(&self, models: &mut Models<'_>) -> Result<Option<String>, String> {
        let Some(body) = &self.operation.request_body else { return Ok(None) };
        let body = self.document.request_body(body)?;
        let optional = |of_type: String| if body.required { of_type } else { format!("Option<{of_type}>") };
        let form = body.content.get("application/x-www-form-urlencoded");
        let (marker, schema) = match (json(&body), form) {
            (Some(schema), _) => ("body", schema),
            (None, Some(content)) => ("form", &content.schema),
            (None, None) => {
                let kind = body.content.keys().next().ok_or("a body has no content")?;
                return Ok(Some(format!("#[body(raw = {kind:?})] body: {}", optional("&[u8]".to_owned()))));
            }
        };
        let hint = pascal(&self.method_name());
        let of_type = models.of(schema, &hint, Use::Request)?;
        let name = schema
            .reference
            .as_deref()
            .and_then(|reference| reference.rsplit('/').next())
            .map_or("body".to_owned(), ident);
        let of_type = borrowed(&Type { is_copy: false, ..of_type });
        Ok(Some(format!("#[{marker}] {name}: {}", optional(of_type))))
    }

    /// The type of the reply, and whether it comes without the envelope.
    fn reply(&self, models: &mut Models<'_>) -> Result<(String, bool), String> {
        let success = self.operation.responses.iter().find(|(status, _)| status.starts_with('2'));
        let Some((_, response)) = success else { return Ok(("()".to_owned(), false)) };
        let response = self.document.response(response)?;
        let Some(schema) = json(&response) else {
            let has_content = !response.content.is_empty();
            return Ok((if has_content { "Bytes" } else { "()" }.to_owned(), false));
        };
        let hint = pascal(&self.method_name()) + "Reply";
        let properties = self.document.properties(schema)?;
        match properties.get("data") {
            Some((data, _)) if properties.contains_key("message") => {
                Ok((models.of(data, &hint, Use::Reply)?.in_reply(), false))
            }
            None if properties.len() == 1 && properties.contains_key("message") => Ok(("()".to_owned(), false)),
            _ => Ok((models.of(schema, &hint, Use::Reply)?.in_reply(), true)),
        }
    }
}

fn description(parameter: &Parameter) -> Option<&str> {
    parameter.description.as_deref().or(parameter.schema.description.as_deref())
}

/// The schema of the content that is JSON.
fn json(body: &Body) -> Option<&Schema> {
    let is_json = |kind: &str| {
        let essence = kind.split(';').next().unwrap_or_default().trim();
        essence == "application/json" || essence.ends_with("+json") || essence == "*/*"
    };
    body.content.iter().find(|(kind, _)| is_json(kind)).map(|(_, content)| &content.schema)
}

/// A parameter as an argument; a list can be empty, so it is not an option.
fn argument(parameter: &Parameter, of_type: &Type) -> String {
    let borrowed = borrowed(of_type);
    let is_option = !parameter.required && !of_type.name.starts_with("Vec<");
    let of_type = if is_option { format!("Option<{borrowed}>") } else { borrowed };
    format!("{}: {of_type}", ident(&parameter.name))
}

fn borrowed(of_type: &Type) -> String {
    let name = &*of_type.name;
    match name.strip_prefix("Vec<").and_then(|rest| rest.strip_suffix('>')) {
        Some(item) => format!("&[{item}]"),
        None if name == "String" => "&str".to_owned(),
        None if of_type.is_copy => name.to_owned(),
        None => format!("&{name}"),
    }
}
