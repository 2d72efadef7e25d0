//! The operations of an OpenAPI document, 3.0 or 3.1.

use percent_encoding::percent_decode_str;
use serde_json::Value;

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
    pub(super) item_pointer: String,
    pub(super) pointer: String,
    pub(super) item: &'a Value,
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
}

/// A key as a token of a JSON pointer.
pub(super) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
