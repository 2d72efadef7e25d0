//! The operations of an OpenAPI document, 3.0 or 3.1.

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// References and schemas are followed this deep, because a document may be circular.
const MAX_DEPTH: usize = 32;

/// The methods that an endpoint can have.
const METHODS: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];

/// An OpenAPI document.
#[derive(Clone, Copy)]
pub(super) struct Document<'a>(pub(super) &'a Value);

/// An operation of a document.
pub(super) struct Operation<'a> {
    /// Such as `GET`.
    pub(super) method: String,
    pub(super) path: &'a str,
    pub(super) value: &'a Value,
    /// The JSON pointers of the path item and of the operation.
    item_pointer: String,
    pub(super) pointer: String,
    item: &'a Value,
}

/// A parameter of an operation.
pub(super) struct Parameter<'a> {
    pub(super) name: String,
    /// `path`, `query`, `header` or `cookie`.
    pub(super) location: &'a str,
    pub(super) required: bool,
    pub(super) is_list: bool,
    pub(super) pointer: String,
}

/// Something that a document says wrongly or differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) pointer: String,
    pub(super) text: String,
}

impl Finding {
    pub(super) fn new(pointer: impl Into<String>, text: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), text: text.into() }
    }
}

impl Parameter<'_> {
    fn is_same(&self, other: &Parameter<'_>) -> bool {
        self.location == other.location && self.is_named(&other.name)
    }

    /// Whether this is its name. Names of headers are the same in any case.
    pub(super) fn is_named(&self, name: &str) -> bool {
        if self.location == "header" { self.name.eq_ignore_ascii_case(name) } else { self.name == name }
    }
}

impl<'a> Document<'a> {
    /// All operations, and the path items that cannot be read.
    pub(super) fn operations(self) -> (Vec<Operation<'a>>, Vec<Finding>) {
        let (mut operations, mut findings) = (Vec::new(), Vec::new());
        let Some(paths) = self.0["paths"].as_object() else {
            return (operations, vec![Finding::new("#/paths", "the document has no paths")]);
        };
        for (path, item) in paths.iter().filter(|(path, _)| path.starts_with('/')) {
            let item_pointer = format!("#/paths/{}", escaped(path));
            match self.resolve(item) {
                Ok(item) => operations.extend(METHODS.iter().filter_map(|method| {
                    let value = item.get(*method)?;
                    let (pointer, item_pointer) = (format!("{item_pointer}/{method}"), item_pointer.clone());
                    Some(Operation { method: method.to_uppercase(), path, value, item_pointer, pointer, item })
                })),
                Err(why) => findings.push(Finding::new(item_pointer, why)),
            }
        }
        (operations, findings)
    }

    /// The parameters of an operation, and those that cannot be read. Those of the operation override those of its path.
    pub(super) fn parameters(self, operation: &Operation<'a>) -> (Vec<Parameter<'a>>, Vec<Finding>) {
        let (mut parameters, mut findings) = (Vec::<Parameter<'a>>::new(), Vec::new());
        for (owner, pointer) in [(operation.item, &operation.item_pointer), (operation.value, &operation.pointer)] {
            for (i, parameter) in owner["parameters"].as_array().into_iter().flatten().enumerate() {
                let pointer = format!("{pointer}/parameters/{i}");
                match self.resolve(parameter) {
                    Ok(parameter) => {
                        for parameter in self.expanded(parameter, &pointer) {
                            let is_same = |other: &Parameter<'_>| other.is_same(&parameter);
                            parameters.retain(|earlier| !is_same(earlier));
                            parameters.push(parameter);
                        }
                    }
                    Err(why) => findings.push(Finding::new(pointer, why)),
                }
            }
        }
        (parameters, findings)
    }

    /// What a `$ref` names, or else the value itself.
    pub(super) fn resolve(self, mut value: &'a Value) -> Result<&'a Value, String> {
        for _ in 0..MAX_DEPTH {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Ok(value) };
            let pointer = reference.strip_prefix('#').map(|text| percent_decode_str(text).decode_utf8_lossy());
            let target = pointer.and_then(|pointer| self.0.pointer(&pointer));
            value = target.ok_or_else(|| format!("the reference `{reference}` names nothing in the document"))?;
        }
        Err("the reference is circular".to_owned())
    }

    /// The parameter; for an object in the query its properties, each of which is a parameter on the wire.
    fn expanded(self, parameter: &'a Value, pointer: &str) -> Vec<Parameter<'a>> {
        let (name, location) = (text(parameter, "name"), text(parameter, "in"));
        let required = parameter["required"] == true;
        let schema = &parameter["schema"];
        let (style, explode) = (text(parameter, "style"), parameter["explode"] != false);
        let new = |name: String, required, schema| Parameter {
            name,
            location,
            required,
            is_list: self.is_list(schema, MAX_DEPTH),
            pointer: pointer.to_owned(),
        };
        let properties = self.properties(schema, MAX_DEPTH);
        let named: fn(&str, &str) -> String = match style {
            "deepObject" => |name, property| format!("{name}[{property}]"),
            "" | "form" if explode => |_, property| property.to_owned(),
            _ => return vec![new(name.to_owned(), required, schema)],
        };
        if location != "query" || properties.is_empty() {
            return vec![new(name.to_owned(), required, schema)];
        }
        let properties = properties.into_iter();
        properties.map(|(key, schema, needed)| new(named(name, key), required && needed, schema)).collect()
    }

    /// The properties of a schema and of what it consists of, and whether they are required.
    fn properties(self, schema: &'a Value, depth: usize) -> Vec<(&'a str, &'a Value, bool)> {
        let mut required = Vec::new();
        let mut properties = Vec::new();
        for part in self.all_of(schema, depth) {
            required.extend(part["required"].as_array().into_iter().flatten().filter_map(Value::as_str));
            properties.extend(part["properties"].as_object().into_iter().flatten());
        }
        properties.into_iter().map(|(name, schema)| (&**name, schema, required.contains(&&**name))).collect()
    }

    fn is_list(self, schema: &'a Value, depth: usize) -> bool {
        self.all_of(schema, depth).into_iter().any(|part| {
            let kind = &part["type"];
            kind == "array" || kind.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "array"))
        })
    }

    /// A schema and all schemas of its `allOf`, with references followed.
    fn all_of(self, schema: &'a Value, depth: usize) -> Vec<&'a Value> {
        let Ok(schema) = self.resolve(schema) else { return Vec::new() };
        let parts = schema["allOf"].as_array().into_iter().flatten().filter(|_| depth > 0);
        let parts = parts.flat_map(|part| self.all_of(part, depth - 1));
        std::iter::once(schema).chain(parts).collect()
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// A key as a token of a JSON pointer.
pub(super) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
