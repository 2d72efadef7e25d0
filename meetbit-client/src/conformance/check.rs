//! Whether a value fits a schema.

use std::collections::BTreeSet;

use serde_json::{Map, Number, Value};

use crate::conformance::document::{Document, Finding};
use crate::conformance::format;
use crate::conformance::schema::{Choice, Part, Schema, names};

/// All that does not fit in a value that is sent. `place` names the value, such as `the body`.
pub(super) fn check(document: Document<'_>, schema: &Schema<'_>, value: &Value, place: &str) -> Vec<Finding> {
    let mut check = Check::new(document, false);
    check.value(schema, value, &Place { subject: place, path: String::new() });
    check.findings
}

struct Check<'a> {
    document: Document<'a>,
    /// Whether a property that the document does not have is accepted.
    is_open: bool,
    findings: Vec<Finding>,
    /// The pointer of each finding, and the place of the value without the numbers of items. Items that differ in the same way are
    /// one finding.
    found: BTreeSet<(String, String)>,
}

/// The value that is checked.
struct Place<'a> {
    subject: &'a str,
    path: String,
}

impl Place<'_> {
    fn key(&self, key: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self { subject: self.subject, path: format!("{}{dot}{key}", self.path) }
    }

    fn index(&self, index: usize) -> Self {
        Self { subject: self.subject, path: format!("{}[{index}]", self.path) }
    }

    /// The path without the numbers of items.
    fn shape(&self) -> String {
        let parts = self.path.split('[').map(|part| part.split_once(']').map_or(part, |(_, rest)| rest));
        parts.collect::<Vec<_>>().join("[]")
    }

    fn shown(&self) -> String {
        if self.path.is_empty() { self.subject.to_owned() } else { format!("`{}` of {}", self.path, self.subject) }
    }
}

impl<'a> Check<'a> {
    fn new(document: Document<'a>, is_open: bool) -> Self {
        Self { document, is_open, findings: Vec::new(), found: BTreeSet::new() }
    }

    fn find(&mut self, pointer: impl Into<String>, place: &Place<'_>, problem: &str) {
        self.find_at(pointer.into(), place.shape(), format!("{} {problem}", place.shown()));
    }

    fn find_at(&mut self, pointer: String, shape: String, text: String) {
        if self.found.insert((pointer.clone(), shape)) {
            self.findings.push(Finding::new(pointer, text));
        }
    }

    fn value(&mut self, schema: &Schema<'a>, value: &Value, place: &Place<'_>) {
        if value.is_null() {
            if !schema.nullable {
                self.find(schema.pointer(), place, "is null, and the document does not allow it");
            }
            return;
        }
        for part in &schema.parts {
            if let Err(why) = self.document.target(part.value) {
                self.find_at(part.pointer.clone(), String::new(), why);
            }
            for (keyword, problem) in own_problems(part.value, value) {
                self.find(format!("{}{keyword}", part.pointer), place, &problem);
            }
            self.not(part, value, place);
        }
        let (schema, has_choice) = self.with_choices(schema.clone(), value, place);
        match value {
            Value::Object(entries) => self.object(&schema, entries, has_choice, place),
            Value::Array(items) => self.array(&schema, items, place),
            _ => {}
        }
    }

    fn not(&mut self, part: &Part<'a>, value: &Value, place: &Place<'_>) {
        let Some(not) = part.value.get("not") else { return };
        let pointer = format!("{}/not", part.pointer);
        if self.fits(&Schema::new(self.document, not, &pointer), value, true) {
            self.find(pointer, place, "fits what the document excludes");
        }
    }

    fn fits(&self, schema: &Schema<'a>, value: &Value, is_open: bool) -> bool {
        let mut check = Check::new(self.document, is_open);
        check.value(schema, value, &Place { subject: "", path: String::new() });
        check.findings.is_empty()
    }

    /// The schema with the alternatives that the value has chosen, and whether it could choose. The parts of an alternative are
    /// open, because the properties beside it are not its own.
    fn with_choices(&mut self, mut schema: Schema<'a>, value: &Value, place: &Place<'_>) -> (Schema<'a>, bool) {
        let mut could_choose = true;
        for Choice { schemas, is_one, pointer } in schema.choices(self.document) {
            let open: Vec<_> = schemas.iter().filter(|schema| self.fits(schema, value, true)).collect();
            let closed = || schemas.iter().filter(|schema| self.fits(schema, value, false)).count();
            if open.is_empty() {
                could_choose = false;
                self.find(pointer, place, &format!("fits none of the {} alternatives", schemas.len()));
            } else if is_one && open.len() > 1 && closed() > 1 {
                self.find(pointer, place, &format!("fits {} of the alternatives, but exactly one must fit", closed()));
            }
            let chosen: Vec<_> = open.into_iter().cloned().collect();
            for alternative in chosen {
                let (alternative, _) = self.with_choices(alternative, value, place);
                schema.parts.extend(alternative.parts);
            }
        }
        (schema, could_choose)
    }

    fn object(&mut self, schema: &Schema<'a>, entries: &Map<String, Value>, has_choice: bool, place: &Place<'_>) {
        let mut missing = BTreeSet::new();
        for part in &schema.parts {
            for name in names(&part.value["required"]) {
                let is_read_only = || schema.property(self.document, name).is_some_and(|p| p.is("readOnly"));
                if !entries.contains_key(name) && !is_read_only() && missing.insert(name) {
                    let text = format!("{} lacks `{name}`, which is required", place.shown());
                    self.find_at(format!("{}/required", part.pointer), place.key(name).shape(), text);
                }
            }
        }
        for (name, value) in entries {
            self.property(schema, (name, value), has_choice, place);
        }
    }

    fn property(&mut self, schema: &Schema<'a>, (name, value): (&str, &Value), has_choice: bool, place: &Place<'_>) {
        if let Some(property) = schema.property(self.document, name) {
            if property.is("readOnly") {
                return self.find(property.pointer(), &place.key(name), "is read-only in the document");
            }
            return self.value(&property, value, &place.key(name));
        }
        if let Some(additional) = schema.nested(self.document, "additionalProperties") {
            return self.value(&additional, value, &place.key(name));
        }
        let is_closed =
            schema.each("properties").next().is_some() || schema.each("additionalProperties").any(|v| v == false);
        if is_closed && has_choice && !self.is_open && !schema.is("additionalProperties") {
            let owner = schema.parts.iter().find(|part| part.value.get("properties").is_some());
            let pointer = owner.map_or_else(|| schema.pointer(), |part| &part.pointer);
            self.find(pointer, &place.key(name), "is not in the document");
        }
    }

    fn array(&mut self, schema: &Schema<'a>, items: &[Value], place: &Place<'_>) {
        let Some(item) = schema.nested(self.document, "items") else { return };
        for (i, value) in items.iter().enumerate() {
            self.value(&item, value, &place.index(i));
        }
    }
}

/// A keyword that a value breaks, as the end of a JSON pointer, and what the value is.
type Problem = (&'static str, String);

/// The keywords of a schema that a value breaks. A value of another type breaks only that.
fn own_problems(schema: &Value, value: &Value) -> Vec<Problem> {
    if schema == false {
        return vec![("", "is not allowed".to_owned())];
    }
    let types = schema.get("type").map(names).unwrap_or_default();
    if !types.is_empty() && !types.iter().any(|name| is_type(name, value)) {
        return vec![("", format!("is {}, but the document says `{}`", kind(value), types.join("` or `")))];
    }
    if schema["enum"].as_array().is_some_and(|list| !list.contains(value)) {
        return vec![("/enum", format!("is {value}, which the document does not list"))];
    }
    if schema.get("const").is_some_and(|constant| constant != value) {
        return vec![("/const", format!("is {value}, and {} in the document", schema["const"]))];
    }
    match value {
        Value::String(text) => text_problems(schema, text),
        Value::Number(number) => number_problems(schema, number),
        Value::Array(items) => array_problems(schema, items),
        Value::Object(entries) => {
            let problem = size_problem(schema, ["/minProperties", "/maxProperties"], "properties", entries.len());
            problem.into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn is_type(name: &str, value: &Value) -> bool {
    match name {
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => value.is_null(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn text_problems(schema: &Value, text: &str) -> Vec<Problem> {
    let format = schema["format"].as_str().unwrap_or_default();
    let is_other = !format::fits(format, text);
    let other = is_other.then(|| ("/format", format!("is {text:?}, which is not of the format `{format}`")));
    let size = size_problem(schema, ["/minLength", "/maxLength"], "characters", text.chars().count());
    other.into_iter().chain(size).collect()
}

fn size_problem(schema: &Value, keywords: [&'static str; 2], noun: &str, size: usize) -> Option<Problem> {
    let [least, most] = keywords.map(|keyword| schema[&keyword[1..]].as_u64().and_then(|n| usize::try_from(n).ok()));
    match (least, most) {
        (Some(least), _) if size < least => Some((keywords[0], format!("has {size} {noun}, fewer than {least}"))),
        (_, Some(most)) if size > most => Some((keywords[1], format!("has {size} {noun}, more than {most}"))),
        _ => None,
    }
}

fn array_problems(schema: &Value, items: &[Value]) -> Vec<Problem> {
    let is_repeated = |(i, item): (usize, &Value)| items[..i].contains(item);
    let has_twice = schema["uniqueItems"] == true && items.iter().enumerate().any(is_repeated);
    let twice = has_twice.then(|| ("/uniqueItems", "has an item twice".to_owned()));
    twice.into_iter().chain(size_problem(schema, ["/minItems", "/maxItems"], "items", items.len())).collect()
}

/// OpenAPI 3.0 has booleans beside `minimum` and `maximum`; 3.1 has numbers.
fn number_problems(schema: &Value, exact: &Number) -> Vec<Problem> {
    let Some(number) = exact.as_f64() else { return Vec::new() };
    let bound = |keyword: &str| schema[keyword].as_f64();
    let is_strict = |keyword: &str| schema[keyword] == true;
    let is_too_large = match schema["format"].as_str() {
        Some("int32") => number < f64::from(i32::MIN) || number > f64::from(i32::MAX),
        Some("int64") => exact.is_u64() && !exact.is_i64(),
        _ => false,
    };
    let breaks = [
        ("/minimum", bound("minimum").is_some_and(|least| number < least)),
        ("/maximum", bound("maximum").is_some_and(|most| number > most)),
        ("/minimum", is_strict("exclusiveMinimum") && bound("minimum") == Some(number)),
        ("/maximum", is_strict("exclusiveMaximum") && bound("maximum") == Some(number)),
        ("/exclusiveMinimum", bound("exclusiveMinimum").is_some_and(|least| number <= least)),
        ("/exclusiveMaximum", bound("exclusiveMaximum").is_some_and(|most| number >= most)),
        ("/multipleOf", bound("multipleOf").is_some_and(|step| !is_multiple(number, step))),
        ("/format", is_too_large),
    ];
    let broken = breaks.into_iter().filter(|(_, is_broken)| *is_broken).map(|(keyword, _)| {
        let name = &keyword[1..];
        (keyword, format!("is {exact}, and {name} is {} in the document", schema[name]))
    });
    broken.collect()
}

/// Quotients of decimals are inexact: 19.99 / 0.01 is a little less than 1,999.
fn is_multiple(number: f64, step: f64) -> bool {
    let quotient = number / step;
    (quotient - quotient.round()).abs() <= 4.0 * f64::EPSILON * quotient.abs().max(1.0)
}
