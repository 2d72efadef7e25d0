//! Why a JSON text does not fit a type. It keeps types and positions only: no value and no text of a foreign error.

use std::fmt::{self, Display};

use serde::de::{Error, Expected, Unexpected};

/// A value that does not fit: where and why.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) reason: Reason,
    /// The entries and elements that enclose the value, the innermost first.
    pub(crate) steps: Vec<Step>,
}

/// One level of the path to a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// The number of an element of an array, or of a field of a struct.
    Number(usize),
    /// The number of an entry of a map. Its key is data, so it is not shown.
    Entry(usize),
}

/// It is also the error type that visitors of single values get. Their texts may quote the value, so they are dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
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
    /// The type refused the value. `wanted` names the type if it is not the whole one.
    Custom {
        wanted: Option<&'static str>,
    },
    /// `serde_json` cannot read the value: a number out of range, an escape that is not a character.
    Unreadable,
}

impl Error for Reason {
    fn custom<T: Display>(_: T) -> Self {
        Self::Custom { wanted: None }
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Type { expected: expected.to_string() }
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Type { expected: expected.to_string() }
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::Type { expected: expected.to_string() }
    }

    fn unknown_variant(_: &str, variants: &'static [&'static str]) -> Self {
        let names: Vec<_> = variants.iter().map(|name| format!("`{name}`")).collect();
        Self::Type { expected: format!("one of {}", names.join(", ")) }
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self::Custom { wanted: None }
    }
}

impl Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value does not fit the type")
    }
}

impl std::error::Error for Reason {}
