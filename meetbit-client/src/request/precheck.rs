//! What is known about a body before it is sent.

use std::ops::Deref;

use crate::error::validation::ValidationError;
use crate::request::checks::Validate;

/// The result of [`Validate`] for a body. It is `None` for most types, so that it costs one pointer.
#[derive(Clone, Debug, Default)]
pub struct Precheck(Option<Box<Findings>>);

#[derive(Clone, Debug)]
struct Findings {
    invalid: Option<ValidationError>,
    permissions: &'static [&'static str],
}

impl Precheck {
    pub(crate) fn invalid(&self) -> Option<&ValidationError> {
        self.0.as_ref()?.invalid.as_ref()
    }

    /// The permissions that this body needs besides the endpoint's.
    pub(crate) fn permissions(&self) -> &'static [&'static str] {
        self.0.as_ref().map_or(&[], |findings| findings.permissions)
    }

    /// Ignores what makes the body invalid.
    pub(crate) fn skip(&mut self) {
        if let Some(findings) = &mut self.0 {
            findings.invalid = None;
        }
    }
}

/// Calls [`Validate`] if the type of a body implements it: [`__validate`](Check::__validate) is the inherent method if it does,
/// and the method behind `Deref` if it does not.
///
/// The name begins with two underscores because a by-value method of a blanket trait in the user's scope would win over it.
#[derive(Debug)]
pub struct Check<'a, T: ?Sized>(pub &'a T);

impl<T: Validate + ?Sized> Check<'_, T> {
    /// Checks the body.
    #[must_use]
    pub fn __validate(&self) -> Precheck {
        let (invalid, permissions) = (self.0.validate().err(), self.0.permissions());
        Precheck((invalid.is_some() || !permissions.is_empty()).then(|| Box::new(Findings { invalid, permissions })))
    }
}

impl<T: ?Sized> Deref for Check<'_, T> {
    type Target = Unchecked;

    fn deref(&self) -> &Unchecked {
        &Unchecked
    }
}

/// A body whose type has no checks.
#[derive(Debug)]
pub struct Unchecked;

impl Unchecked {
    /// Finds nothing.
    #[must_use]
    pub fn __validate(&self) -> Precheck {
        Precheck::default()
    }
}
