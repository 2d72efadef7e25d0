//! A schema with all that it consists of.

use std::mem;

use serde_json::Value;

use crate::conformance::document::{Document, escaped};

/// Choices within choices are followed this deep to find whether `null` fits, because a document may be circular.
const MAX_DEPTH: usize = 4;

/// A schema, the schemas that its `$ref` names, and those of its `allOf`. A value fits if it fits each part.
#[derive(Clone, Debug, Default)]
pub(super) struct Schema<'a> {
    pub(super) parts: Vec<Part<'a>>,
    /// Whether `null` fits. `nullable` beside a `$ref` or an `allOf` counts, although OpenAPI 3.0 to the letter ignores it.
    pub(super) nullable: bool,
}

/// An object of the document with keywords of its own.
#[derive(Clone, Debug)]
pub(super) struct Part<'a> {
    pub(super) value: &'a Value,
    pub(super) pointer: String,
}

impl<'a> Schema<'a> {
    pub(super) fn new(document: Document<'a>, value: &'a Value, pointer: &str) -> Self {
        let mut schema = Self { parts: Vec::new(), nullable: true };
        schema.nullable = schema.collect(document, value, pointer, MAX_DEPTH);
        schema
    }

    /// Adds a part and all that it consists of, each once. Returns whether `null` fits it.
    fn collect(&mut self, document: Document<'a>, value: &'a Value, pointer: &str, depth: usize) -> bool {
        if self.parts.iter().any(|part| part.pointer == pointer) {
            return true;
        }
        self.parts.push(Part { value, pointer: pointer.to_owned() });
        let mut nullable = own_null(document, value, depth);
        if let Ok(Some((target, pointer))) = document.target(value) {
            nullable &= self.collect(document, target, &pointer, depth);
        }
        for (i, part) in value["allOf"].as_array().into_iter().flatten().enumerate() {
            nullable &= self.collect(document, part, &format!("{pointer}/allOf/{i}"), depth);
        }
        nullable || value["nullable"] == true
    }

    /// Where it is in the document.
    pub(super) fn pointer(&self) -> &str {
        self.parts.first().map_or("#", |part| &part.pointer)
    }

    /// The values of a keyword in all parts.
    pub(super) fn each(&self, keyword: &str) -> impl Iterator<Item = &'a Value> {
        self.parts.iter().filter_map(move |part| part.value.get(keyword))
    }

    pub(super) fn is(&self, flag: &str) -> bool {
        self.each(flag).any(|value| value == true)
    }

    /// The types that it allows, without `null`; empty if it allows all.
    pub(super) fn types(&self) -> Vec<&'a str> {
        let mut allowed: Option<Vec<&str>> = None;
        for types in self.each("type").map(names) {
            let fits = |name: &&str| types.contains(name) || (*name == "integer" && types.contains(&"number"));
            allowed = Some(match allowed {
                Some(earlier) => earlier.into_iter().filter(fits).collect(),
                None => types,
            });
        }
        allowed.unwrap_or_default().into_iter().filter(|name| *name != "null").collect()
    }

    /// The same; if it names no type itself, those of the alternatives of its choices.
    pub(super) fn all_types(&self, document: Document<'a>) -> Vec<&'a str> {
        let own = self.types();
        if !own.is_empty() {
            return own;
        }
        self.alternatives(document).iter().flat_map(Self::types).collect()
    }

    /// Whether its `enum` or `const` has a value of the same type.
    pub(super) fn lists_alike(&self, value: &Value) -> bool {
        let listed = self.each("enum").filter_map(Value::as_array).flatten().chain(self.each("const"));
        listed.map(mem::discriminant).any(|kind| kind == mem::discriminant(value))
    }

    /// The names of its properties, in the order of the parts.
    pub(super) fn property_names(&self) -> Vec<&'a str> {
        let mut names: Vec<&str> = Vec::new();
        for name in self.each("properties").filter_map(Value::as_object).flat_map(|properties| properties.keys()) {
            if !names.contains(&&**name) {
                names.push(name);
            }
        }
        names
    }

    pub(super) fn is_required(&self, name: &str) -> bool {
        self.each("required").any(|list| list.as_array().is_some_and(|names| names.iter().any(|other| other == name)))
    }

    /// The schema of a property, if any part has it.
    pub(super) fn property(&self, document: Document<'a>, name: &str) -> Option<Self> {
        self.joined(document, |part| {
            let value = part.value["properties"].get(name)?;
            Some((value, format!("{}/properties/{}", part.pointer, escaped(name))))
        })
    }

    /// The same; if no part has it, the schema of additional properties, or that of an alternative.
    pub(super) fn property_of_any(&self, document: Document<'a>, name: &str) -> Option<Self> {
        let own = |schema: &Self| {
            let additional = || schema.nested(document, "additionalProperties");
            schema.property(document, name).or_else(additional)
        };
        own(self).or_else(|| self.alternatives(document).iter().find_map(own))
    }

    /// The schema of the items, also that of an alternative.
    pub(super) fn items(&self, document: Document<'a>) -> Option<Self> {
        let own = |schema: &Self| schema.nested(document, "items");
        own(self).or_else(|| self.alternatives(document).iter().find_map(own))
    }

    /// The schema of the items, or of the properties without a name of their own.
    pub(super) fn nested(&self, document: Document<'a>, keyword: &str) -> Option<Self> {
        self.joined(document, |part| {
            let value = part.value.get(keyword).filter(|value| value.is_object())?;
            Some((value, format!("{}/{keyword}", part.pointer)))
        })
    }

    /// One schema for what several parts say.
    fn joined(&self, document: Document<'a>, find: impl Fn(&Part<'a>) -> Option<(&'a Value, String)>) -> Option<Self> {
        let found = self.parts.iter().filter_map(find).map(|(value, pointer)| Self::new(document, value, &pointer));
        found.reduce(|mut joined, other| {
            joined.nullable &= other.nullable;
            joined.parts.extend(other.parts);
            joined
        })
    }

    /// The alternatives of all choices, and those of theirs.
    fn alternatives(&self, document: Document<'a>) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        let mut open = self.choices(document);
        while let Some(choice) = open.pop() {
            for schema in choice.schemas {
                if found.iter().all(|earlier| earlier.pointer() != schema.pointer()) {
                    open.extend(schema.choices(document));
                    found.push(schema);
                }
            }
        }
        found
    }

    /// The choices that a value has: for each `oneOf` and `anyOf`, its schemas.
    pub(super) fn choices(&self, document: Document<'a>) -> Vec<Choice<'a>> {
        let keywords = self.parts.iter().flat_map(|part| ["oneOf", "anyOf"].map(|keyword| (part, keyword)));
        let choices = keywords.filter_map(|(part, keyword)| {
            let pointer = format!("{}/{keyword}", part.pointer);
            let values = part.value[keyword].as_array()?;
            let schema = |(i, value)| Self::new(document, value, &format!("{pointer}/{i}"));
            Some(Choice {
                schemas: values.iter().enumerate().map(schema).collect(),
                is_one: keyword == "oneOf",
                pointer,
            })
        });
        choices.collect()
    }
}

/// The schemas of a `oneOf` or an `anyOf`.
pub(super) struct Choice<'a> {
    pub(super) schemas: Vec<Schema<'a>>,
    pub(super) is_one: bool,
    pub(super) pointer: String,
}

/// The types that the keyword `type` names.
pub(super) fn names(value: &Value) -> Vec<&str> {
    match value {
        Value::String(name) => vec![name],
        list => list.as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
    }
}

/// Whether `null` fits the keywords of a part itself.
fn own_null(document: Document<'_>, value: &Value, depth: usize) -> bool {
    let by_type = value.get("type").is_none_or(|kind| names(kind).contains(&"null") || value["nullable"] == true);
    let listed = value["enum"].as_array().is_none_or(|list| list.contains(&Value::Null) || value["nullable"] == true);
    let constant = value.get("const").is_none_or(Value::is_null);
    let chosen = ["oneOf", "anyOf"].iter().all(|keyword| {
        value[keyword].as_array().is_none_or(|choices| {
            let fits = |choice| Schema::default().collect(document, choice, "", depth.saturating_sub(1));
            depth == 0 || choices.iter().any(fits) || value["nullable"] == true
        })
    });
    value != false && by_type && listed && constant && chosen
}
