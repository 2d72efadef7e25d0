//! The operations of an OpenAPI document, 3.0 or 3.1.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::conformance::schema::Schema;

/// References are followed this deep, because a document may be circular.
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
    pub(super) pointer: String,
    pub(super) schema: Schema<'a>,
    /// The character that joins the items of a list; `None` if each item has a pair of its own.
    pub(super) separator: Option<char>,
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

    pub(super) fn is_list(&self) -> bool {
        self.schema.types() == ["array"]
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
                match self.located(parameter, &pointer) {
                    Ok((parameter, place)) => {
                        for parameter in self.expanded(parameter, &pointer, &place) {
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
    pub(super) fn resolve(self, value: &'a Value) -> Result<&'a Value, String> {
        self.located(value, "").map(|(value, _)| value)
    }

    /// What a `$ref` names, or else the value itself, and where that is.
    pub(super) fn located(self, mut value: &'a Value, pointer: &str) -> Result<(&'a Value, String), String> {
        let mut pointer = pointer.to_owned();
        for _ in 0..MAX_DEPTH {
            let Some((target, place)) = self.target(value)? else { return Ok((value, pointer)) };
            (value, pointer) = (target, place);
        }
        Err("the reference is circular".to_owned())
    }

    /// What the `$ref` of a value names, and its pointer.
    pub(super) fn target(self, value: &Value) -> Result<Option<(&'a Value, String)>, String> {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Ok(None) };
        let pointer = reference.strip_prefix('#').map(|text| percent_decode_str(text).decode_utf8_lossy().into_owned());
        let target = pointer.and_then(|pointer| Some((self.0.pointer(&pointer)?, format!("#{pointer}"))));
        target.map(Some).ok_or_else(|| format!("the reference `{reference}` names nothing in the document"))
    }

    /// The parameter; for an object in the query its properties, each of which is a parameter on the wire.
    fn expanded(self, parameter: &'a Value, pointer: &str, place: &str) -> Vec<Parameter<'a>> {
        let (name, location) = (text(parameter, "name"), text(parameter, "in"));
        let (style, explode) = (text(parameter, "style"), parameter["explode"] != false);
        let schema = Schema::new(self, &parameter["schema"], &format!("{place}/schema"));
        let is_form = location == "query" && matches!(style, "" | "form");
        let separator = match style {
            "spaceDelimited" => Some(' '),
            "pipeDelimited" => Some('|'),
            _ => (!(is_form && explode)).then_some(','),
        };
        let new = |name: String, required, schema| Parameter {
            name,
            location,
            required,
            pointer: pointer.to_owned(),
            schema,
            separator,
        };
        let required = parameter["required"] == true;
        let names = schema.property_names();
        let is_deep = location == "query" && style == "deepObject";
        if names.is_empty() || !(is_deep || (is_form && explode)) {
            return vec![new(name.to_owned(), required, schema)];
        }
        let properties = names.into_iter().filter_map(|key| Some((key, schema.property(self, key)?)));
        let properties = properties.map(|(key, property)| {
            let name = if is_deep { format!("{name}[{key}]") } else { key.to_owned() };
            new(name, required && schema.is_required(key), property)
        });
        properties.collect()
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// A key as a token of a JSON pointer.
pub(super) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
