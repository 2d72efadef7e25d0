use std::collections::BTreeMap;
use std::fmt;

use crate::error::escape::{Escaped, truncate_escaped};
use crate::error::partial::{self, Scalar, Step};
use crate::error::redact::KEPT;

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

    /// Reads the body of a `400` of any shape, as far as it goes. `shown` redacts and shortens each text.
    pub(crate) fn from_body(body: &str, shown: impl Fn(&str) -> String) -> Self {
        let (mut found, mut left, mut message) = (Self::default(), KEPT, None);
        let is_whole = partial::scalars(body, |path, scalar| {
            let Scalar::Text { text, .. } = scalar else { return };
            match path {
                [] => message = Some(shown(&text)),
                [Step::Key(key)] if key == "message" => message = Some(shown(&text)),
                [Step::Key(key), field @ ..] if key == "errors" => found.add(field, &text, &mut left, &shown),
                _ => {}
            }
        });
        let first = || found.fields.values().flatten().next().cloned();
        found.message = message.or_else(first).unwrap_or_else(|| {
            let helps = !is_whole && !body.trim_start().starts_with('<');
            if helps { shown(body.trim()) } else { String::new() }
        });
        found
    }

    /// Adds a text, up to `left` bytes, so that a hostile server cannot make the error large.
    fn add(&mut self, field: &[Step], text: &str, left: &mut usize, shown: &impl Fn(&str) -> String) {
        if *left == 0 {
            return;
        }
        let field = truncate_escaped(&shown(&name(field)), *left);
        let text = truncate_escaped(&shown(text), *left - field.len());
        *left = left.saturating_sub(field.len() + text.len() + 1); // + 1 bounds the number of empty texts
        self.fields.entry(field).or_default().push(text);
    }
}

/// The name of a field, with dots. Elements of arrays have the name of the array. Names of more than [`KEPT`] bytes are cut,
/// because no more is shown; the second [`KEPT`] bytes let a secret be recognized that begins at the cut.
fn name(path: &[Step]) -> String {
    let mut name = String::new();
    for step in path {
        let Step::Key(key) = step else { continue };
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(key);
        if name.len() > 2 * KEPT {
            break;
        }
    }
    name
}

/// Each field and its messages, or the message if there are no fields. Control characters are escaped.
impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.fields.is_empty() {
            return Escaped(&self.message).fmt(f);
        }
        let texts = self.fields.iter().flat_map(|(name, texts)| texts.iter().map(move |text| (name, text)));
        texts.enumerate().try_for_each(|(i, (name, text))| {
            let semicolon = if i == 0 { "" } else { "; " };
            write!(f, "{semicolon}{}: {}", Escaped(name), Escaped(text))
        })
    }
}

impl std::error::Error for ValidationError {}

#[cfg(test)]
mod tests {
    use super::ValidationError;

    /// To join a name of 700 KB for each of 300,000 texts would take minutes.
    #[test]
    fn promise_13_long_names_are_not_joined_for_each_text() {
        let open = format!(r#"{{"{}":"#, "k".repeat(8_000)).repeat(90);
        let body = format!(r#"{{"errors":{{"a":"first","b":{open}{{{}"#, r#""":"x","#.repeat(300_000));
        let found = ValidationError::from_body(&body, str::to_owned);
        assert_eq!(found.get("a").unwrap(), ["first"]);
        let size = found.fields.iter().map(|(name, texts)| name.len() + texts.concat().len()).sum::<usize>();
        assert!(size <= super::KEPT, "{size} bytes");
    }
}
