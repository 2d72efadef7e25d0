//! Routing from method and path to an operation.

use http::Method;

/// The path of the base URL.
pub(super) const BASE_PATH: &str = "/api/public/v2.0";

/// The result of routing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Found(Operation),
    WrongMethod { allowed: String },
    NoSuchPath,
}

/// An operation with the ids from its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    CreateCustomer,
    ListUsers,
    CreateUser,
    UpdateUser { user: i64 },
    ListEvents { calendar: i64 },
    CancelEvent { calendar: i64, event: i64 },
    CreateOnlineConference,
    UpdateOnlineConference { conference: i64 },
}

impl Operation {
    /// The permission that a key needs.
    pub(super) fn permission(self) -> String {
        match self {
            Self::CreateCustomer => "customers.create.*".into(),
            Self::ListUsers => "users.read.*".into(),
            Self::CreateUser => "users.create.*".into(),
            Self::UpdateUser { user } => format!("users.update.{user}"),
            Self::ListEvents { .. } => "events.read.*".into(),
            Self::CancelEvent { event, .. } => format!("events.delete.{event}"),
            Self::CreateOnlineConference => "online_conferences.create.*".into(),
            Self::UpdateOnlineConference { conference } => format!("online_conferences.update.{conference}"),
        }
    }
}

/// `HEAD` is routed as `GET`.
pub(super) fn route(method: &Method, path: &str) -> Route {
    let Some(there) = operations(path) else {
        return Route::NoSuchPath;
    };
    let method = if method == Method::HEAD { &Method::GET } else { method };
    match there.iter().find(|(wanted, _)| wanted == method) {
        Some((_, operation)) => Route::Found(*operation),
        None => Route::WrongMethod { allowed: allowed(&there) },
    }
}

fn operations(path: &str) -> Option<Vec<(Method, Operation)>> {
    let path = path.strip_prefix(BASE_PATH)?.strip_prefix('/')?;
    Some(match path.split('/').collect::<Vec<_>>().as_slice() {
        ["customers"] => vec![(Method::POST, Operation::CreateCustomer)],
        ["users"] => vec![(Method::GET, Operation::ListUsers), (Method::POST, Operation::CreateUser)],
        ["users", user] => vec![(Method::PATCH, Operation::UpdateUser { user: id(user) })],
        ["calendars", calendar, "events"] => vec![(Method::GET, Operation::ListEvents { calendar: id(calendar) })],
        ["calendars", calendar, "events", event, "cancel"] => {
            vec![(Method::POST, Operation::CancelEvent { calendar: id(calendar), event: id(event) })]
        }
        ["online_conferences"] => vec![(Method::POST, Operation::CreateOnlineConference)],
        ["online_conferences", conference] => {
            vec![(Method::PATCH, Operation::UpdateOnlineConference { conference: id(conference) })]
        }
        _ => return None,
    })
}

/// Accepts digits only, although `i64` parses a sign too. Anything else becomes an id that no object has.
fn id(segment: &str) -> i64 {
    const OF_NO_OBJECT: i64 = -1;
    let is_number = segment.bytes().all(|digit| digit.is_ascii_digit());
    segment.parse().ok().filter(|_| is_number).unwrap_or(OF_NO_OBJECT)
}

fn allowed(there: &[(Method, Operation)]) -> String {
    let with_head = |(method, _): &(Method, Operation)| {
        if method == Method::GET { "GET, HEAD".into() } else { method.to_string() }
    };
    there.iter().map(with_head).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(method: &str, path: &str) -> Route {
        route(&method.parse().unwrap_or(Method::TRACE), &format!("{BASE_PATH}{path}"))
    }

    #[test]
    fn ids_are_taken_from_the_path() {
        let cancel = Operation::CancelEvent { calendar: 1, event: 20 };
        assert_eq!(at("POST", "/calendars/1/events/20/cancel"), Route::Found(cancel));
    }

    #[test]
    fn an_id_is_a_number_and_nothing_else() {
        for path in ["/users/x", "/users/+1", "/users/-1", "/users/", "/users/1.0", "/users/9223372036854775808"] {
            assert_eq!(at("PATCH", path), Route::Found(Operation::UpdateUser { user: -1 }), "{path}");
        }
    }

    #[test]
    fn a_wrong_method_is_told_the_right_ones() {
        assert_eq!(at("DELETE", "/users"), Route::WrongMethod { allowed: "GET, HEAD, POST".into() });
        assert_eq!(at("GET", "/customers"), Route::WrongMethod { allowed: "POST".into() });
        assert_eq!(at("HEAD", "/users"), Route::Found(Operation::ListUsers));
    }

    #[test]
    fn paths_are_taken_as_they_are() {
        for path in ["", "/", "/customers/", "//customers", "/Customers", "x/customers"] {
            assert_eq!(at("POST", path), Route::NoSuchPath, "{path}");
        }
        assert_eq!(route(&Method::POST, "/customers"), Route::NoSuchPath);
    }
}
