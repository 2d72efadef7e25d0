use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// JSON that keeps its text: a [`Value`] to look into, and the text exactly as it was written.
///
/// A `Value` rounds numbers beyond 64 bits and cannot hold `1e999` or a lone surrogate. If the text cannot be read as a `Value`,
/// the value is `null` and only the text tells more.
///
/// ```
/// use meetbit_client::webhook::Json;
///
/// let json: Json = serde_json::from_str(r#"{"litres": 123456789012345678901}"#)?;
/// assert!(json["litres"].is_f64());
/// assert_eq!(json.text(), r#"{"litres": 123456789012345678901}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct Json {
    text: Box<str>,
    value: Value,
}

impl Json {
    /// Keeps a text that is JSON, whether a `Value` can hold it or not.
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.into(), value: serde_json::from_str(text).unwrap_or_default() }
    }

    /// The text, exactly as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The value, as far as a [`Value`] can hold it.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.value
    }
}

impl Deref for Json {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.value
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self { text: value.to_string().into(), value }
    }
}

/// Compares the texts.
impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Json {}

impl PartialEq<Value> for Json {
    fn eq(&self, other: &Value) -> bool {
        self.value == *other
    }
}

impl PartialEq<Json> for Value {
    fn eq(&self, other: &Json) -> bool {
        *self == other.value
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Writes the text.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.text).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Self::new(raw.get()))
    }
}
