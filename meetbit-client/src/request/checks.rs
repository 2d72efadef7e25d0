use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::error::redact;

/// What is wrong with a request, field by field, whether MeetBit said so or the client stopped it first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidationError {
    message: String,
    fields: BTreeMap<String, Vec<String>>,
}

impl ValidationError {
    /// The first text and how many more there are, as MeetBit words it.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The texts of each field, by its name; a nested one is dotted (`address.city`). A text for which the server
    /// named no field stands under the empty name.
    #[must_use]
    pub fn fields(&self) -> &BTreeMap<String, Vec<String>> {
        &self.fields
    }

    /// The texts of one field, where it is at fault.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&[String]> {
        self.fields.get(field).map(Vec::as_slice)
    }

    /// Reads the body of a `400`, whatever its shape: what can be read is kept, each text as `shown`.
    pub(crate) fn from_body(body: &str, shown: impl Fn(&str) -> String) -> Self {
        let Ok(value) = serde_json::from_str::<Value>(body) else {
            let html = body.trim_start().starts_with('<');
            return Self { message: if html { String::new() } else { shown(body.trim()) }, fields: BTreeMap::new() };
        };
        let (mut found, mut left) = (Self::default(), redact::KEPT);
        found.collect("", value.get("errors").unwrap_or(&Value::Null), &mut left, &shown);
        found.message = match value.get("message").unwrap_or(&value) {
            Value::String(text) => shown(text),
            _ => found.fields.values().flatten().next().cloned().unwrap_or_default(),
        };
        found
    }

    /// Takes texts until they come to so many bytes `left`, so that a hostile server cannot make an error large.
    fn collect(&mut self, field: &str, value: &Value, left: &mut usize, shown: &impl Fn(&str) -> String) {
        match value {
            _ if *left == 0 => {}
            Value::String(text) => {
                let field = redact::of(&shown(field), *left);
                let text = redact::of(&shown(text), *left - field.len());
                *left = left.saturating_sub(field.len() + text.len() + 1); // so that empty texts end as well
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

/// Each field and its texts; the message where no field is named.
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

/// A request type that knows when it cannot be valid.
///
/// Invalid requests count against the rate limit, so a `#[body]` or `#[form]` argument whose type implements this is
/// checked before anything is sent; [`Call::unchecked`](crate::Call::unchecked) sends it all the same. Refuse only what
/// is sure to be refused.
///
/// A generic argument is checked where its bound says so: `#[body] room: &T` with `T: Serialize + Validate`.
///
/// ```
/// use meetbit_client::{Checks, Validate, ValidationError};
///
/// struct NewRoom {
///     name: String,
/// }
///
/// impl Validate for NewRoom {
///     fn validate(&self) -> Result<(), ValidationError> {
///         Checks::new().max_length("name", Some(&self.name), 255).finish()
///     }
/// }
///
/// let error = NewRoom { name: "x".repeat(256) }.validate().unwrap_err();
/// assert_eq!(error.message(), "The name field must not be greater than 255 characters.");
/// ```
pub trait Validate {
    /// # Errors
    /// Says which fields cannot be valid, and why.
    fn validate(&self) -> Result<(), ValidationError>;

    /// What the role of the access key needs for this very request, besides the endpoint's permissions.
    ///
    /// Where it is refused, the error names them as well, and [`Call::permissions`](crate::Call::permissions) lists them.
    fn permissions(&self) -> &'static [&'static str] {
        &[]
    }
}

macro_rules! validate_behind {
    ($($pointer:ty),*) => {$(
        impl<T: Validate + ?Sized> Validate for $pointer {
            fn validate(&self) -> Result<(), ValidationError> {
                (**self).validate()
            }

            fn permissions(&self) -> &'static [&'static str] {
                (**self).permissions()
            }
        }
    )*};
}

validate_behind!(&T, Box<T>, Arc<T>);

/// What is absent is valid.
impl<T: Validate> Validate for Option<T> {
    fn validate(&self) -> Result<(), ValidationError> {
        self.as_ref().map_or(Ok(()), Validate::validate)
    }

    fn permissions(&self) -> &'static [&'static str] {
        self.as_ref().map_or(&[], Validate::permissions)
    }
}

/// Says what is wrong with the first that is not valid.
impl<T: Validate> Validate for [T] {
    fn validate(&self) -> Result<(), ValidationError> {
        self.iter().try_for_each(Validate::validate)
    }

    fn permissions(&self) -> &'static [&'static str] {
        self.iter().map(Validate::permissions).find(|needed| !needed.is_empty()).unwrap_or_default()
    }
}

impl<T: Validate> Validate for Vec<T> {
    fn validate(&self) -> Result<(), ValidationError> {
        self.as_slice().validate()
    }

    fn permissions(&self) -> &'static [&'static str] {
        self.as_slice().permissions()
    }
}

/// Collects what is wrong with a request, in MeetBit's own wording; the checks of [`Validate`] are made of it.
#[derive(Debug, Default)]
#[must_use = "`finish` gives the result"]
pub struct Checks {
    /// Behind a pointer, since nearly always there is nothing to carry from check to check.
    found: Option<Box<Found>>,
}

#[derive(Debug, Default)]
struct Found {
    error: ValidationError,
    count: usize,
}

impl Checks {
    /// Nothing is wrong yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A field is there.
    pub fn required(self, field: &str, present: bool) -> Self {
        self.ensure(present, field, || format!("The {field} field is required."))
    }

    /// A string has at most `max` characters (not bytes).
    pub fn max_length(self, field: &str, value: Option<&str>, max: usize) -> Self {
        match value {
            Some(text) if text.len() > max && text.chars().nth(max).is_some() => {
                self.ensure(false, field, || format!("The {field} field must not be greater than {max} characters."))
            }
            _ => self,
        }
    }

    /// A string can be an e-mail address: a local part, `@` and a domain, with no blank or stray dot.
    pub fn email(self, field: &str, value: Option<&str>) -> Self {
        let wrong = value.is_some_and(|text| !can_be_email(text));
        self.ensure(!wrong, field, || format!("The {field} field must be a valid email address."))
    }

    /// A string has the E.164 form: `+`, then at most 15 digits of which the first is not 0.
    pub fn phone(self, field: &str, value: Option<&str>) -> Self {
        let wrong = value.is_some_and(|text| !is_e164(text));
        self.ensure(!wrong, field, || format!("The {field} field format is invalid."))
    }

    /// Anything else: `text` is said of `field` unless `valid`.
    pub fn ensure(mut self, valid: bool, field: &str, text: impl FnOnce() -> String) -> Self {
        if !valid {
            let text = text();
            let Found { error, count } = &mut **self.found.get_or_insert_default();
            if *count == 0 {
                error.message.clone_from(&text);
            }
            *count += 1;
            error.fields.entry(field.to_owned()).or_default().push(text);
        }
        self
    }

    /// The result of all checks.
    ///
    /// # Errors
    /// At least one check failed.
    pub fn finish(self) -> Result<(), ValidationError> {
        let Some(found) = self.found else { return Ok(()) };
        let Found { mut error, count } = *found;
        match count {
            1 => {}
            2 => error.message.push_str(" (and 1 more error)"),
            n => error.message = format!("{} (and {} more errors)", error.message, n - 1),
        }
        Err(error)
    }
}

fn can_be_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    (quoted || can_be_dotted(local) && !local.contains('@')) && can_be_dotted(domain)
}

/// Words between single dots, with no blank or control character.
fn can_be_dotted(text: &str) -> bool {
    let mut bad = text.is_empty() || text.starts_with('.') || text.ends_with('.') || text.contains("..");
    for &byte in text.as_bytes() {
        bad |= byte <= b' ' || byte == 0x7f; // with no branch, so that many are taken at a time
    }
    !bad && (text.is_ascii() || !text.chars().any(|c| c.is_whitespace() || c.is_control()))
}

fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (2..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit())
    })
}
