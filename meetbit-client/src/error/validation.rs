use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::error::redact::{KEPT, truncate_escaped};

/// The fields of a request that are not valid, and why. MeetBit reports them, or the client finds them before it sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidationError {
    pub(crate) message: String,
    pub(crate) fields: BTreeMap<String, Vec<String>>,
}

impl ValidationError {
    /// The first message and the number of further ones, in MeetBit's wording.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The messages for each field, by its name; nested names have dots (`address.city`). Messages that the server gives
    /// without a field are under the empty name.
    #[must_use]
    pub fn fields(&self) -> &BTreeMap<String, Vec<String>> {
        &self.fields
    }

    /// The messages for one field, if any.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&[String]> {
        self.fields.get(field).map(Vec::as_slice)
    }

    /// Reads the body of a `400` of any shape, as far as it can be read. `shown` redacts and shortens each text.
    pub(crate) fn from_body(body: &str, shown: impl Fn(&str) -> String) -> Self {
        let Ok(value) = serde_json::from_str::<Value>(body) else {
            let html = body.trim_start().starts_with('<');
            return Self { message: if html { String::new() } else { shown(body.trim()) }, fields: BTreeMap::new() };
        };
        let (mut found, mut left) = (Self::default(), KEPT);
        found.collect("", value.get("errors").unwrap_or(&Value::Null), &mut left, &shown);
        found.message = match value.get("message").unwrap_or(&value) {
            Value::String(text) => shown(text),
            _ => found.fields.values().flatten().next().cloned().unwrap_or_default(),
        };
        found
    }

    /// Collects texts up to `left` bytes, so that a hostile server cannot make the error large.
    fn collect(&mut self, field: &str, value: &Value, left: &mut usize, shown: &impl Fn(&str) -> String) {
        match value {
            _ if *left == 0 => {}
            Value::String(text) => {
                let field = truncate_escaped(&shown(field), *left);
                let text = truncate_escaped(&shown(text), *left - field.len());
                *left = left.saturating_sub(field.len() + text.len() + 1); // + 1 bounds the number of empty texts
                self.fields.entry(field).or_default().push(text);
            }
            Value::Array(items) => items.iter().for_each(|item| self.collect(field, item, left, shown)),
            Value::Object(entries) => entries.iter().for_each(|(name, value)| {
                let dot = if field.is_empty() { "" } else { "." };
                self.collect(&format!("{field}{dot}{name}"), value, left, shown);
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// Each field and its messages, or the message if there are no fields.
impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.fields.is_empty() {
            return f.write_str(&self.message);
        }
        let texts = self.fields.iter().flat_map(|(name, texts)| texts.iter().map(move |text| (name, text)));
        texts.enumerate().try_for_each(|(i, (name, text))| {
            let semicolon = if i == 0 { "" } else { "; " };
            write!(f, "{semicolon}{name}: {text}")
        })
    }
}

impl std::error::Error for ValidationError {}
