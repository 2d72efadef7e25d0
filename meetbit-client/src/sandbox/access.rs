//! Access keys and what they permit.

use http::HeaderMap;

/// The headers that carry a key.
pub(super) const KEY_HEADERS: [&str; 2] = ["x-access-key-id", "x-access-key-secret"];

/// One access key with the permissions of its role.
#[derive(Clone)]
pub(super) struct AccessKey {
    id: String,
    secret: String,
    permissions: Vec<String>,
}

impl AccessKey {
    pub(super) fn new(id: String, secret: String, permissions: Vec<String>) -> Self {
        Self { id, secret, permissions }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// The first permission that is not of the form `resource.verb.scope`.
    pub(super) fn malformed_permission(&self) -> Option<&str> {
        self.permissions.iter().map(String::as_str).find(|permission| {
            let parts: Vec<_> = permission.split('.').collect();
            parts.len() != 3 || parts.contains(&"")
        })
    }

    /// Whether one of the permissions covers `needed` part by part; `*` covers any part.
    pub(super) fn permits(&self, needed: &str) -> bool {
        self.permissions.iter().any(|granted| {
            granted.split('.').zip(needed.split('.')).all(|(granted, needed)| granted == "*" || granted == needed)
        })
    }
}

/// The index of the key that a request carries. Each header must occur once, and both must be right.
pub(super) fn identify(keys: &[AccessKey], headers: &HeaderMap) -> Option<usize> {
    let [id, secret] = KEY_HEADERS.map(|name| only(headers, name));
    let (id, secret) = (id?, secret?);
    keys.iter().position(|key| key.id.as_bytes() == id && key.secret.as_bytes() == secret)
}

fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none()).map(http::HeaderValue::as_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(permissions: &[&str]) -> AccessKey {
        AccessKey::new("id".into(), "secret".into(), permissions.iter().copied().map(String::from).collect())
    }

    #[test]
    fn a_wildcard_covers_any_part() {
        assert!(key(&["*.*.*"]).permits("customers.create.*"));
        assert!(key(&["customers.*.*"]).permits("customers.create.*"));
        assert!(!key(&["customers.*.*"]).permits("users.create.*"));
    }

    #[test]
    fn a_scoped_permission_covers_that_object_alone() {
        assert!(key(&["users.update.7"]).permits("users.update.7"));
        assert!(!key(&["users.update.7"]).permits("users.update.8"));
        assert!(!key(&["users.create.7"]).permits("users.create.*"));
    }

    #[test]
    fn a_permission_needs_three_parts() {
        assert_eq!(key(&["users.read.*", "users.read"]).malformed_permission(), Some("users.read"));
        assert_eq!(key(&["users..*"]).malformed_permission(), Some("users..*"));
        assert_eq!(key(&["users.read.*"]).malformed_permission(), None);
    }
}
