//! From method and path to the operation that they name.

use http::Method;

use super::server::BASE_PATH;

/// What a method and a path lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Found(Operation),
    WrongMethod { allowed: &'static str },
    NoSuchPath,
}

/// An operation with the ids from its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    CreateCustomer,
}

impl Operation {
    /// The permission that a key needs for it.
    pub(super) fn permission(self) -> String {
        match self {
            Self::CreateCustomer => "customers.create.*".into(),
        }
    }
}

/// `HEAD` goes wherever `GET` goes.
pub(super) fn route(method: &Method, path: &str) -> Route {
    let Some(path) = path.strip_prefix(BASE_PATH).and_then(|path| path.strip_prefix('/')) else {
        return Route::NoSuchPath;
    };
    let segments: Vec<_> = path.split('/').collect();
    match (segments.as_slice(), method.as_str()) {
        (["customers"], "POST") => Route::Found(Operation::CreateCustomer),
        (["customers"], _) => Route::WrongMethod { allowed: "POST" },
        _ => Route::NoSuchPath,
    }
}
