//! Values that a schema allows.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value, json};

use crate::conformance::document::{Document, Finding};
use crate::conformance::format;
use crate::conformance::schema::Schema;

/// Samples have no more values than this; properties beyond are left out if they can be.
const MAX_VALUES: usize = 5_000;

/// Which of the values that a schema allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only what is required and the least numbers. A list has an item, so that the smallest item is read too.
    Smallest,
    /// The same with all objects and lists, so that what they require is read too.
    Sparse(usize),
    /// All properties and the greatest numbers; of each choice the alternative with this number.
    Fullest(usize),
    /// All properties, `null` wherever it is allowed.
    MostNull,
    /// The same without `null` for objects and lists, so that those in them are read too.
    InnerNull(usize),
}

/// A value that a schema allows.
pub(super) struct Sample {
    pub(super) value: Value,
    /// Where each value in it comes from: its path, such as `data.items[0].id`, and the pointer in the document.
    pub(super) origins: BTreeMap<String, String>,
    /// The same for objects, with the pointer of the schema that has the properties.
    pub(super) owners: BTreeMap<String, String>,
    /// The paths of values whose schemas have references that name nothing.
    pub(super) broken: BTreeMap<String, Finding>,
    /// The greatest number of alternatives that one of its values has.
    pub(super) alternatives: usize,
}

/// A sample of a schema; `None` if no finite value fits.
pub(super) fn sample<'a>(document: Document<'a>, schema: &Schema<'a>, kind: Kind) -> Option<Sample> {
    let (origins, owners, broken, open) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new(), Vec::new());
    let mut sampler = Sampler { document, kind, origins, owners, broken, alternatives: 1, open, values: 0 };
    let value = sampler.value(schema, "")?;
    let Sampler { origins, owners, broken, alternatives, .. } = sampler;
    Some(Sample { value, origins, owners, broken, alternatives })
}

struct Sampler<'a> {
    document: Document<'a>,
    kind: Kind,
    origins: BTreeMap<String, String>,
    owners: BTreeMap<String, String>,
    broken: BTreeMap<String, Finding>,
    alternatives: usize,
    /// The pointers of the schemas that enclose the value, because a schema may contain itself.
    open: Vec<String>,
    values: usize,
}

impl<'a> Sampler<'a> {
    fn value(&mut self, schema: &Schema<'a>, path: &str) -> Option<Value> {
        self.values += 1;
        self.origins.insert(path.to_owned(), schema.pointer().to_owned());
        let broken = schema.parts.iter().filter_map(|part| Some((part, self.document.target(part.value).err()?)));
        let broken = broken.map(|(part, why)| (path.to_owned(), Finding::new(&part.pointer, why)));
        self.broken.extend(broken);
        let is_null = match self.kind {
            Kind::MostNull => !path.is_empty(),
            Kind::InnerNull(_) => !path.is_empty() && !self.is_nested(schema),
            _ => false,
        };
        if schema.nullable && is_null {
            return Some(Value::Null);
        }
        let depth = self.open.len();
        let is_circular = schema.parts.iter().any(|part| self.open.contains(&part.pointer));
        self.open.extend(schema.parts.iter().map(|part| part.pointer.clone()));
        let value = if is_circular { None } else { self.chosen(schema, path) };
        self.open.truncate(depth);
        value.or_else(|| schema.nullable.then_some(Value::Null))
    }

    /// A value of the schema with an alternative of each of its choices.
    fn chosen(&mut self, schema: &Schema<'a>, path: &str) -> Option<Value> {
        let mut schema = schema.clone();
        for choice in schema.choices(self.document) {
            let is_null = |schema: &Schema<'a>| schema.nullable && schema.types().is_empty() && schema.is_null_only();
            let schemas: Vec<_> = choice.schemas.into_iter().filter(|schema| !is_null(schema)).collect();
            let alternative = schemas.get(self.index(schemas.len()))?;
            if alternative.parts.iter().any(|part| self.open.contains(&part.pointer)) {
                return None;
            }
            let mut alternative = alternative.clone();
            for inner in alternative.choices(self.document) {
                let index = self.index(inner.schemas.len());
                alternative.parts.extend(inner.schemas.into_iter().nth(index)?.parts);
            }
            self.open.extend(alternative.parts.iter().map(|part| part.pointer.clone()));
            schema.parts.extend(alternative.parts);
        }
        let mut value = self.listed(&schema).or_else(|| self.typed(&schema, path))?;
        discriminate(&schema, &mut value);
        Some(value)
    }

    /// The alternative of a choice of so many.
    fn index(&mut self, count: usize) -> usize {
        self.alternatives = self.alternatives.max(count);
        match self.kind {
            Kind::Fullest(number) | Kind::Sparse(number) | Kind::InnerNull(number) => number % count.max(1),
            Kind::Smallest | Kind::MostNull => 0,
        }
    }

    /// Whether a schema has values in its values.
    fn is_nested(&self, schema: &Schema<'a>) -> bool {
        let is_nested = |schema: &Schema<'a>| {
            let types = schema.types();
            let kind = types.first().copied().unwrap_or_else(|| implied_type(schema));
            ["object", "array"].contains(&kind)
        };
        let choices = schema.choices(self.document);
        is_nested(schema) || choices.iter().flat_map(|choice| &choice.schemas).any(is_nested)
    }

    fn is_small(&self) -> bool {
        matches!(self.kind, Kind::Smallest | Kind::Sparse(_))
    }

    fn is_left_out(&self, property: &Schema<'a>) -> bool {
        match self.kind {
            Kind::Smallest => true,
            Kind::Sparse(_) => !self.is_nested(property),
            _ => self.values > MAX_VALUES,
        }
    }

    /// A value that the document lists.
    fn listed(&mut self, schema: &Schema<'a>) -> Option<Value> {
        if let Some(constant) = schema.each("const").next() {
            return Some(constant.clone());
        }
        let list = schema.each("enum").filter_map(Value::as_array).min_by_key(|list| list.len())?;
        let values: Vec<_> = list.iter().filter(|value| !value.is_null()).collect();
        values.get(self.index(values.len())).map(|value| (*value).clone())
    }

    fn typed(&mut self, schema: &Schema<'a>, path: &str) -> Option<Value> {
        let types = schema.types();
        let kind = types.get(self.index(types.len())).copied().unwrap_or_else(|| implied_type(schema));
        match kind {
            "object" => self.object(schema, path),
            "array" => self.array(schema, path),
            "integer" => Some(self.integer(schema)),
            "number" => Some(json!(bound(schema, "minimum").unwrap_or(0.5) + 0.5)),
            "boolean" => Some(json!(!self.is_small())),
            "null" => Some(Value::Null),
            _ => Some(text(schema)),
        }
    }

    fn object(&mut self, schema: &Schema<'a>, path: &str) -> Option<Value> {
        let mut entries = Map::new();
        let owner = schema.parts.iter().find(|part| part.value.get("properties").is_some());
        let owner = owner.map_or_else(|| schema.pointer(), |part| &part.pointer);
        self.owners.insert(path.to_owned(), owner.to_owned());
        for name in schema.property_names() {
            let Some(property) = schema.property(self.document, name) else { continue };
            let is_required = schema.is_required(name);
            if (!is_required && self.is_left_out(&property)) || property.is("writeOnly") {
                continue;
            }
            match self.value(&property, &key(path, name)) {
                Some(value) => drop(entries.insert(name.to_owned(), value)),
                None if is_required => return None,
                None => {}
            }
        }
        let additional = schema.nested(self.document, "additionalProperties");
        if let Some(additional) = additional.filter(|_| self.kind != Kind::Smallest && self.values <= MAX_VALUES) {
            entries.extend(self.value(&additional, &key(path, "*")).map(|value| ("key".to_owned(), value)));
        }
        Some(Value::Object(entries))
    }

    fn array(&mut self, schema: &Schema<'a>, path: &str) -> Option<Value> {
        let size = |keyword: &str| schema.each(keyword).filter_map(Value::as_u64).max();
        let least = size("minItems").unwrap_or(0);
        let is_empty = size("maxItems") == Some(0) || self.values > MAX_VALUES;
        let count = least.max(u64::from(!is_empty)).min(100);
        let Some(item) = schema.nested(self.document, "items") else { return Some(json!([])) };
        let mut items = Vec::new();
        for i in 0..count {
            match self.value(&item, &format!("{path}[{i}]")) {
                Some(value) => items.push(value),
                None if least > 0 => return None,
                None => break,
            }
        }
        Some(Value::Array(items))
    }

    /// The least integer is that of the bounds, else 0; the greatest is that of the bounds, else of the format, else 1.
    fn integer(&self, schema: &Schema<'a>) -> Value {
        let formats: Vec<_> = schema.each("format").filter_map(Value::as_str).collect();
        let least = bound(schema, "minimum").map_or(Number::from(0), whole);
        let greatest = match bound(schema, "maximum") {
            Some(most) => whole(most),
            None if formats.contains(&"int64") => i64::MAX.into(),
            None if formats.contains(&"int32") => i32::MAX.into(),
            None => bound(schema, "minimum").map_or(Number::from(1), |least| whole(least.max(1.0))),
        };
        Value::Number(if self.is_small() { least } else { greatest })
    }
}

impl Schema<'_> {
    /// Whether `null` is its only value.
    pub(super) fn is_null_only(&self) -> bool {
        let is_null = |value: &Value| value == "null" || value.as_array().is_some_and(|list| *list == [Value::Null]);
        self.each("type").chain(self.each("enum")).any(is_null) || self.each("const").any(Value::is_null)
    }
}

/// The path of a property, as errors show it.
pub(super) fn key(path: &str, name: &str) -> String {
    let dot = if path.is_empty() { "" } else { "." };
    format!("{path}{dot}{name}")
}

fn implied_type(schema: &Schema<'_>) -> &'static str {
    let has = |keyword: &str| schema.each(keyword).next().is_some();
    match () {
        () if has("properties") || has("additionalProperties") => "object",
        () if has("items") => "array",
        () if schema.is_null_only() => "null",
        () => "string",
    }
}

/// The strictest bound; one that is exclusive is moved by one.
fn bound(schema: &Schema<'_>, keyword: &str) -> Option<f64> {
    let is_least = keyword == "minimum";
    let (exclusive, step) = if is_least { ("exclusiveMinimum", 1.0) } else { ("exclusiveMaximum", -1.0) };
    let own = schema.each(keyword).filter_map(Value::as_f64);
    let own = own.map(|bound| if schema.is(exclusive) { bound + step } else { bound });
    let bounds = own.chain(schema.each(exclusive).filter_map(Value::as_f64).map(|bound| bound + step));
    bounds.reduce(if is_least { f64::max } else { f64::min })
}

#[expect(clippy::cast_possible_truncation, reason = "a bound outside of `i64` becomes the nearest that is inside")]
fn whole(number: f64) -> Number {
    (number as i64).into()
}

/// A text of the format and the length. A text with a pattern is the document's example, because patterns are not read.
fn text(schema: &Schema<'_>) -> Value {
    let example = || schema.each("example").chain(schema.each("default")).find(|example| example.is_string());
    if let Some(example) = schema.each("pattern").next().and_then(|_| example()) {
        return example.clone();
    }
    let mut formats = schema.each("format").filter_map(Value::as_str);
    if let Some(text) = formats.find_map(format::sample) {
        return json!(text);
    }
    let size = |keyword: &str| schema.each(keyword).filter_map(Value::as_u64).map(|size| size.min(10_000)).max();
    let least = size("minLength").unwrap_or(0).max(4).min(size("maxLength").unwrap_or(u64::MAX));
    json!((0..least).map(|i| if i % 2 == 0 { 'a' } else { 'b' }).collect::<String>())
}

/// Writes the name of the chosen alternative into the property that tells the alternatives apart.
fn discriminate(schema: &Schema<'_>, value: &mut Value) {
    let Some(discriminator) = schema.each("discriminator").next() else { return };
    let Some(Value::String(text)) = discriminator["propertyName"].as_str().and_then(|name| value.get_mut(name)) else {
        return;
    };
    let pointers: Vec<&str> = schema.parts.iter().map(|part| &*part.pointer).collect();
    let mapped = discriminator["mapping"].as_object().into_iter().flatten();
    let mut names = mapped.filter(|(_, target)| target.as_str().is_some_and(|target| pointers.contains(&target)));
    let chosen = schema.parts.iter().rev().find_map(|part| part.value["$ref"].as_str());
    if let Some(name) = names.next().map(|(name, _)| &**name).or_else(|| chosen?.rsplit('/').next()) {
        name.clone_into(text);
    }
}
