//! Why a JSON text does not fit a type. It keeps types and positions only: no value and no text of a foreign error.

use std::fmt::{self, Display};

use serde::de::{Error, Expected, Unexpected};

/// The error type of [`Strict`](crate::response::strict::Strict).
#[derive(Debug)]
pub(crate) struct Fault(Box<Inner>);

#[derive(Debug)]
struct Inner {
    reason: Reason,
    /// The entries and elements that enclose the value, the innermost first.
    steps: Vec<Step>,
}

/// One level of the path to a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// The number of an element of an array, or of a field of a struct.
    Number(usize),
    /// The number of an entry of a map. Its key is data, so it is not shown.
    Entry(usize),
}

#[derive(Debug)]
pub(crate) enum Reason {
    /// `serde_json` refused the value, and said what it expected if it was the type.
    Json {
        expected: Option<String>,
    },
    /// The value has another type, or is outside of its range.
    Type {
        expected: String,
    },
    /// An empty array in place of an optional object.
    EmptyArray {
        expected: String,
    },
    MissingField(&'static str),
    DuplicateField(&'static str),
    /// The type refused the value. `wanted` names the type of this value if it is known.
    Custom {
        wanted: Option<&'static str>,
    },
}

impl Fault {
    #[cold]
    pub(crate) fn new(reason: Reason) -> Self {
        Self(Box::new(Inner { reason, steps: Vec::new() }))
    }

    /// The same fault, seen from the array or object that encloses the value.
    pub(crate) fn within(mut self, step: Step) -> Self {
        self.0.steps.push(step);
        self
    }

    /// Names the type that refused a value, unless a type further inside is known.
    pub(crate) fn in_type(mut self, name: &'static str) -> Self {
        if let Reason::Custom { wanted: wanted @ None } = &mut self.0.reason {
            *wanted = Some(name);
        }
        self
    }

    /// True if the value itself is an empty array in place of an optional object.
    pub(crate) fn is_empty_array(&self) -> bool {
        self.0.steps.is_empty() && matches!(self.0.reason, Reason::EmptyArray { .. })
    }

    pub(crate) fn reason(&self) -> &Reason {
        &self.0.reason
    }

    /// From the outermost value to the innermost: which entry or element.
    pub(crate) fn steps(&self) -> impl Iterator<Item = Step> {
        self.0.steps.iter().rev().copied()
    }
}

impl Error for Fault {
    /// The text may quote the value, so it is dropped.
    fn custom<T: Display>(_: T) -> Self {
        Self::new(Reason::Custom { wanted: None })
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Reason::Type { expected: expected.to_string() })
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Reason::Type { expected: expected.to_string() })
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::new(Reason::Type { expected: expected.to_string() })
    }

    fn unknown_variant(_: &str, variants: &'static [&'static str]) -> Self {
        let names: Vec<_> = variants.iter().map(|name| format!("`{name}`")).collect();
        Self::new(Reason::Type { expected: format!("one of {}", names.join(", ")) })
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self::new(Reason::Custom { wanted: None })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Reason::MissingField(field))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(Reason::DuplicateField(field))
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the JSON does not fit the type")
    }
}

impl std::error::Error for Fault {}
