//! Validation of bodies and queries, in the words of Laravel's validator.
//!
//! The rules come from the OpenAPI document and the standards that it names. No rule is copied from the client: the tests
//! (`document.rs`) derive the expected answers from the document.

use serde::ser::{Serialize, SerializeStruct as _, Serializer};
use serde_json::{Map, Value};

use super::rfc3339::Rfc3339;

/// The `maxLength` of every text that has one, in characters.
const MAX_TEXT: usize = 255;

/// The invalid fields with their texts, in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Invalid {
    fields: Vec<(String, Vec<String>)>,
}

/// The input of an operation: the object in the body, or the query.
#[derive(Debug)]
pub(super) struct Input {
    values: Map<String, Value>,
    from_query: bool,
}

/// Whether a field may be missing or `null`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// It must not be missing, but may be `null`.
    Present,
    /// It must be neither missing nor `null`.
    Required,
    /// It may be missing or `null`.
    Optional,
}

/// Reads the fields of one object and collects their errors.
///
/// A method that finds an error records it and returns `None`, so that all errors are found at once.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    values: &'a Map<String, Value>,
    prefix: String,
    /// The values come from a query, so all of them are text.
    from_query: bool,
    invalid: &'a mut Invalid,
}

impl Input {
    pub(super) fn body(values: Map<String, Value>) -> Self {
        Self { values, from_query: false }
    }

    /// All values of a query are text.
    pub(super) fn query(values: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { values: values.into_iter().map(|(name, text)| (name, text.into())).collect(), from_query: true }
    }

    /// Whether this field is `true`, even if others are invalid.
    pub(super) fn asks_for(&self, name: &str) -> bool {
        self.values.get(name) == Some(&Value::Bool(true))
    }

    /// Reads the fields. The value counts only if all fields are valid.
    pub(super) fn read<T>(&self, read: impl FnOnce(&mut Fields<'_>) -> T) -> Result<T, Invalid> {
        let mut invalid = Invalid::default();
        let (values, from_query) = (&self.values, self.from_query);
        let value = read(&mut Fields { values, prefix: String::new(), from_query, invalid: &mut invalid });
        if invalid.fields.is_empty() { Ok(value) } else { Err(invalid) }
    }
}

impl Invalid {
    pub(super) fn one(field: &str, text: &str) -> Self {
        Self { fields: vec![(field.into(), vec![text.into()])] }
    }

    fn add(&mut self, field: &str, text: impl Into<String>) {
        match self.fields.iter_mut().find(|(name, _)| name == field) {
            Some((_, texts)) => texts.push(text.into()),
            None => self.fields.push((field.into(), vec![text.into()])),
        }
    }

    /// The first text, and the number of further ones.
    fn message(&self) -> String {
        let mut texts = self.fields.iter().flat_map(|(_, texts)| texts);
        let first = texts.next().map_or("", String::as_str);
        match texts.count() {
            0 => first.into(),
            1 => format!("{first} (and 1 more error)"),
            more => format!("{first} (and {more} more errors)"),
        }
    }
}

impl Serialize for Invalid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct InOrder<'a>(&'a Invalid);
        impl Serialize for InOrder<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.fields.iter().map(|(field, texts)| (field, texts)))
            }
        }
        let mut body = serializer.serialize_struct("Invalid", 2)?;
        body.serialize_field("message", &self.message())?;
        body.serialize_field("errors", &InOrder(self))?;
        body.end()
    }
}

impl Fields<'_> {
    /// A text of at most 255 characters.
    pub(super) fn text(&mut self, name: &str, presence: Presence) -> Option<String> {
        let text = self.any_text(name, presence)?;
        self.unless(text.chars().count() > MAX_TEXT, name, "must not be greater than 255 characters.")?;
        Some(text)
    }

    /// A text of any length.
    pub(super) fn any_text(&mut self, name: &str, presence: Presence) -> Option<String> {
        let value = self.value(name, presence)?;
        let text = value.as_str().map(String::from);
        self.or_say(text, name, "must be a string.")
    }

    pub(super) fn email(&mut self, name: &str, presence: Presence) -> Option<String> {
        let text = self.any_text(name, presence)?;
        let form = self.unless(!is_email(&text), name, "must be a valid email address.");
        let length = self.unless(text.chars().count() > MAX_TEXT, name, "must not be greater than 255 characters.");
        form.and(length).map(|()| text)
    }

    /// A phone number in E.164 form.
    pub(super) fn phone(&mut self, name: &str, presence: Presence) -> Option<String> {
        let text = self.any_text(name, presence)?;
        self.unless(!is_e164(&text), name, "format is invalid.")?;
        Some(text)
    }

    /// A name such as `Europe/London` or `UTC`. Only its form is checked, because MeetBit does not document its list of zones.
    pub(super) fn zone_name(&mut self, name: &str, presence: Presence) -> Option<String> {
        let text = self.any_text(name, presence)?;
        self.unless(!is_zone_name(&text), name, "must be a valid timezone.")?;
        Some(text)
    }

    pub(super) fn integer(&mut self, name: &str, presence: Presence) -> Option<i64> {
        let value = self.value(name, presence)?;
        let integer = match value {
            Value::String(text) if self.from_query => text.parse().ok(),
            value => value.as_i64(),
        };
        self.or_say(integer, name, "must be an integer.")
    }

    /// An integer of 1 or more.
    pub(super) fn count(&mut self, name: &str, presence: Presence) -> Option<usize> {
        let integer = self.integer(name, presence)?;
        let count = usize::try_from(integer).ok().filter(|count| *count > 0);
        self.or_say(count, name, "must be at least 1.")
    }

    /// A moment with its offset from UTC.
    pub(super) fn moment(&mut self, name: &str, presence: Presence) -> Option<Rfc3339> {
        let text = self.any_text(name, presence)?;
        self.or_say(Rfc3339::parse(&text), name, "must be a valid date.")
    }

    /// One of these words.
    pub(super) fn one_of(&mut self, name: &str, presence: Presence, words: &[&'static str]) -> Option<&'static str> {
        let text = self.any_text(name, presence)?;
        let word = words.iter().find(|word| **word == text).copied();
        if word.is_none() {
            self.not_among(name);
        }
        word
    }

    pub(super) fn boolean(&mut self, name: &str, presence: Presence) -> Option<bool> {
        let value = self.value(name, presence)?;
        let boolean = match value.as_str() {
            Some("true" | "1") if self.from_query => Some(true),
            Some("false" | "0") if self.from_query => Some(false),
            _ => value.as_bool(),
        };
        self.or_say(boolean, name, "must be true or false.")
    }

    /// An object, read by `read`. Its fields are named `object.field`.
    pub(super) fn object<T>(
        &mut self,
        name: &str,
        presence: Presence,
        read: impl FnOnce(&mut Fields<'_>) -> T,
    ) -> Option<T> {
        let value = self.value(name, presence)?;
        let object = self.or_say(value.as_object(), name, "must be an array.")?; // PHP has one type for objects and arrays
        Some(read(&mut Fields {
            values: object,
            prefix: format!("{}{name}.", self.prefix),
            from_query: false,
            invalid: self.invalid,
        }))
    }

    /// A list of objects, each read by `read`.
    pub(super) fn list<T>(
        &mut self,
        name: &str,
        presence: Presence,
        read: impl Fn(&mut Fields<'_>) -> T,
    ) -> Option<Vec<T>> {
        let value = self.value(name, presence)?;
        let list = self.or_say(value.as_array(), name, "must be an array.")?;
        let items: Map<String, Value> =
            list.iter().enumerate().map(|(position, item)| (position.to_string(), item.clone())).collect();
        let prefix = format!("{}{name}.", self.prefix);
        let mut fields = Fields { values: &items, prefix, from_query: false, invalid: self.invalid };
        (0..list.len()).map(|position| fields.object(&position.to_string(), Presence::Required, &read)).collect()
    }

    /// Records an error of a field.
    pub(super) fn wrong(&mut self, name: &str, text: &str) {
        let field = format!("{}{name}", self.prefix);
        self.invalid.add(&field, format!("The {field} field {text}"));
    }

    /// Records a value that is not among the allowed ones.
    pub(super) fn not_among(&mut self, name: &str) {
        let field = format!("{}{name}", self.prefix);
        self.invalid.add(&field, format!("The selected {field} is invalid."));
    }
}

impl<'a> Fields<'a> {
    fn value(&mut self, name: &str, presence: Presence) -> Option<&'a Value> {
        let value = self.values.get(name);
        match (presence, value) {
            (Presence::Present, None) => self.wrong(name, "must be present."),
            (Presence::Required, None | Some(Value::Null)) => self.wrong(name, "is required."),
            _ => {}
        }
        value.filter(|value| !value.is_null())
    }

    fn or_say<T>(&mut self, value: Option<T>, name: &str, text: &str) -> Option<T> {
        if value.is_none() {
            self.wrong(name, text);
        }
        value
    }

    fn unless(&mut self, wrong: bool, name: &str, text: &str) -> Option<()> {
        self.or_say((!wrong).then_some(()), name, text)
    }
}

/// An RFC 5321 address without quoting: dot-separated atoms, `@`, and a domain.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let is_atom_sign = |sign: char| sign.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(sign);
    let is_atom = |atom: &str| !atom.is_empty() && atom.chars().all(is_atom_sign);
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|sign| sign.is_alphanumeric() || sign == '-')
    };
    local.chars().count() <= 64 && local.split('.').all(is_atom) && domain.split('.').all(is_label)
}

/// ITU-T E.164: a `+` and a number of 2 to 15 digits that does not begin with 0.
fn is_e164(text: &str) -> bool {
    let number = text.strip_prefix('+').and_then(|digits| {
        let number: u64 = digits.parse().ok()?;
        (number.to_string() == digits).then_some(number)
    });
    number.is_some_and(|number| (10..10_u64.pow(15)).contains(&number))
}

/// The tz database's rules for names: components of ASCII letters, digits, `.`, `_`, `+` and `-`. None is empty or begins with
/// `.` or `-`.
fn is_zone_name(text: &str) -> bool {
    let is_sign = |sign: char| sign.is_ascii_alphanumeric() || "._+-".contains(sign);
    let is_component = |component: &str| !component.is_empty() && !component.starts_with(['.', '-']);
    text.split('/').all(|component| is_component(component) && component.chars().all(is_sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_counts_the_other_errors() {
        let mut invalid = Invalid::one("email", "first.");
        assert_eq!(invalid.message(), "first.");
        invalid.add("email", "second.");
        assert_eq!(invalid.message(), "first. (and 1 more error)");
        invalid.add("name", "third.");
        assert_eq!(invalid.message(), "first. (and 2 more errors)");
    }

    #[test]
    fn emails_need_a_local_part_and_a_domain() {
        for good in ["a@b", "ada.l+x@example.com", "!#$%&'*+-/=?^_`{|}~@a.b", "ü@exämple.com"] {
            assert!(is_email(good), "{good}");
        }
        let long = format!("{}@a.b", "x".repeat(65));
        for bad in [
            "", "ada", "@", "ada@", "@b.c", "a b@c.d", "a@b c", ".a@b.c", "a..b@c.d", "a@-b.c", "a@b..c", "a@b@c",
            &long,
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn zone_names_need_the_form_of_the_tz_database() {
        for good in ["UTC", "Europe/London", "America/Argentina/Buenos_Aires", "America/Port-au-Prince", "Etc/GMT+5"] {
            assert!(is_zone_name(good), "{good}");
        }
        for bad in ["", "/", "Europe/", "Europe//London", "+01:00", "Europe London", "Europe/../UTC", "-5", "Zürich"] {
            assert!(!is_zone_name(bad), "{bad}");
        }
    }

    #[test]
    fn numbers_need_the_form_of_e_164() {
        for good in ["+12", "+447700900123", "+123456789012345"] {
            assert!(is_e164(good), "{good}");
        }
        for bad in ["", "+", "+1", "12", "+012", "+1234567890123456", "+44 7700", "+44\u{661}"] {
            assert!(!is_e164(bad), "{bad}");
        }
    }
}
