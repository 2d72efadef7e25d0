//! Checks of a body before it is sent.

use std::sync::Arc;

use crate::error::validation::ValidationError;

/// A request type that can be checked before it is sent.
///
/// Invalid requests count against the rate limit. A `#[body]` or `#[form]` argument whose type implements this trait is
/// therefore checked before anything is sent; [`Call::unchecked`](crate::Call::unchecked) sends it anyway. Reject only
/// values that the server is sure to reject.
///
/// A generic argument is checked if its bound says so: `#[body] room: &T` with `T: Serialize + Validate`.
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
/// assert_eq!(
///     error.message(),
///     "The name field must not be greater than 255 characters."
/// );
/// ```
pub trait Validate {
    /// Checks the request.
    ///
    /// # Errors
    /// The fields that cannot be valid, and why.
    fn validate(&self) -> Result<(), ValidationError>;

    /// The permissions that this request needs besides the endpoint's.
    ///
    /// The error of a denied request names them, and [`Call::permissions`](crate::Call::permissions) lists them.
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

/// `None` is valid.
impl<T: Validate> Validate for Option<T> {
    fn validate(&self) -> Result<(), ValidationError> {
        self.as_ref().map_or(Ok(()), Validate::validate)
    }

    fn permissions(&self) -> &'static [&'static str] {
        self.as_ref().map_or(&[], Validate::permissions)
    }
}

/// Reports the first element that is not valid.
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

/// Collects the errors of a request in MeetBit's wording. Implementations of [`Validate`] use it.
#[derive(Debug, Default)]
#[must_use = "`finish` gives the result"]
pub struct Checks {
    /// A pointer, because nearly every request is valid and then only `None` passes from check to check.
    found: Option<Box<Found>>,
}

#[derive(Debug, Default)]
struct Found {
    error: ValidationError,
    count: usize,
}

impl Checks {
    /// Starts with no errors.
    pub fn new() -> Self {
        Self::default()
    }

    /// Requires the field.
    pub fn required(self, field: &str, present: bool) -> Self {
        self.ensure(present, field, || format!("The {field} field is required."))
    }

    /// Allows at most `max` characters (not bytes). Blanks around the text do not count, because the server trims texts.
    pub fn max_length(self, field: &str, value: Option<&str>, max: usize) -> Self {
        match value {
            Some(text) if text.len() > max && trimmed(text).chars().nth(max).is_some() => {
                self.ensure(false, field, || format!("The {field} field must not be greater than {max} characters."))
            }
            _ => self,
        }
    }

    /// Requires a string that can be an e-mail address: a local part, `@` and a domain, with no blank or misplaced dot. An
    /// empty string passes, because the server reads it as `null`. So does an address with blanks around it, with a comment or
    /// with a quoted part, because the server may accept it.
    pub fn email(self, field: &str, value: Option<&str>) -> Self {
        let wrong = value.is_some_and(|text| !can_be_email(trimmed(text)));
        self.ensure(!wrong, field, || format!("The {field} field must be a valid email address."))
    }

    /// Requires the E.164 form: `+`, then at most 15 digits of which the first is not 0. An empty string passes, because the
    /// server reads it as `null`, and so do blanks around the number, because the server trims it.
    pub fn phone(self, field: &str, value: Option<&str>) -> Self {
        let wrong = value.is_some_and(|text| !can_be_e164(trimmed(text)));
        self.ensure(!wrong, field, || format!("The {field} field format is invalid."))
    }

    /// Records the message `text` for `field` unless `valid`.
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
    /// The messages of the checks that failed.
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

/// The text as the server reads it: Laravel trims blanks and these invisible characters.
fn trimmed(text: &str) -> &str {
    let blank = |byte: &u8| *byte <= b' ' || *byte >= 0x7f;
    if !text.as_bytes().first().is_some_and(blank) && !text.as_bytes().last().is_some_and(blank) {
        return text;
    }
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\0' | '\u{feff}' | '\u{200b}' | '\u{200e}'))
}

/// False only for what no mail server takes.
fn can_be_email(text: &str) -> bool {
    match text.rsplit_once('@') {
        Some((local, domain)) if can_be_dotted(local) && !local.contains('@') && can_be_dotted(domain) => true,
        Some((local, domain)) => can_be_unusual(local, domain),
        None => text.is_empty(),
    }
}

/// True for an address with comments or quoted parts, which may contain nearly everything, or with blanks beside the `@`, which
/// RFC 5322 allows.
#[cold]
fn can_be_unusual(local: &str, domain: &str) -> bool {
    if [local, domain].iter().any(|part| part.contains(['(', '"'])) {
        return !local.is_empty() && !domain.is_empty();
    }
    let (local, domain) = (local.trim_end_matches([' ', '\t']), domain.trim_start_matches([' ', '\t']));
    can_be_dotted(local) && !local.contains('@') && can_be_dotted(domain)
}

/// True for words between single dots, with no blank or control character.
fn can_be_dotted(text: &str) -> bool {
    let mut bad = text.is_empty() || text.starts_with('.') || text.ends_with('.') || text.contains("..");
    for &byte in text.as_bytes() {
        bad |= byte <= b' ' || byte == 0x7f; // branch-free, so that the compiler vectorizes the loop
    }
    !bad && (text.is_ascii() || !text.chars().any(|c| c.is_whitespace() || c.is_control()))
}

fn can_be_e164(text: &str) -> bool {
    text.is_empty()
        || text.strip_prefix('+').is_some_and(|digits| {
            (2..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit())
        })
}
