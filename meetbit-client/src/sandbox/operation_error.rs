//! The ways in which an operation fails.

use http::StatusCode;

use super::reply::{self, Reply};
use super::validation::Invalid;

/// Why an operation failed.
#[derive(Debug)]
pub(super) enum OperationError {
    Invalid(Invalid),
    Denied,
    NotFound,
    Conflict(&'static str),
}

impl OperationError {
    pub(super) fn reply(self) -> Reply {
        match self {
            Self::Invalid(invalid) => reply::invalid(&invalid),
            Self::Denied => reply::denied(),
            Self::NotFound => reply::not_found(),
            Self::Conflict(text) => reply::text(StatusCode::CONFLICT, text),
        }
    }
}

impl From<Invalid> for OperationError {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}
