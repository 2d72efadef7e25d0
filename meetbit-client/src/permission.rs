use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// What a role may do: `resource.verb.scope`, such as `customers.create.*`.
///
/// Each part is a `snake_case` word, an id or `*`. That the third part is an id, or `*` for all, is our reading of the
/// vendor's examples.
///
/// ```
/// use meetbit_client::Permission;
///
/// let role: Permission = "customers.*.*".parse()?;
/// assert!(role.covers(&"customers.create.*".parse()?));
/// assert!(!role.covers(&"users.create.*".parse()?));
/// # Ok::<(), meetbit_client::InvalidPermission>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permission(Cow<'static, str>);

impl Permission {
    /// The plural name of the resource, such as `customers`.
    #[must_use]
    pub fn resource(&self) -> &str {
        self.part(0)
    }

    /// What may be done, such as `create`.
    #[must_use]
    pub fn verb(&self) -> &str {
        self.part(1)
    }

    /// Which of them: an id, or `*` for all.
    #[must_use]
    pub fn scope(&self) -> &str {
        self.part(2)
    }

    /// Whether a role that has this permission may do what `needed` names.
    #[must_use]
    pub fn covers(&self, needed: &Permission) -> bool {
        (0..3).all(|i| matches!(self.part(i), part if part == "*" || part == needed.part(i)))
    }

    /// Whether the vendor's reference names it. All other permissions are inferred from the form of
    /// the documented ones.
    ///
    /// ```
    /// use meetbit_client::Permission;
    ///
    /// assert!("users.read.*".parse::<Permission>()?.is_documented());
    /// assert!(!"events.read.*".parse::<Permission>()?.is_documented());
    /// # Ok::<(), meetbit_client::InvalidPermission>(())
    /// ```
    #[must_use]
    pub fn is_documented(&self) -> bool {
        DOCUMENTED.contains(&&*self.0)
    }

    /// A permission that the macro has checked.
    pub(crate) fn literal(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    fn part(&self, index: usize) -> &str {
        self.0.split('.').nth(index).unwrap_or_default()
    }
}

/// All that the vendor's reference names.
const DOCUMENTED: [&str; 10] = [
    "access_keys.create.*",
    "clients.create.*",
    "customers.create.*",
    "events.delete.*",
    "online_conferences.create.*",
    "online_conferences.update.*",
    "users.create.*",
    "users.lock.*",
    "users.read.*",
    "users.update.*",
];

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Permission {
    type Err = InvalidPermission;

    /// Accepts what `perm = ".."` of `#[api_endpoint]` accepts, so that every declared permission can be read again.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let legal = text.split('.').count() == 3 && text.split('.').all(is_part);
        if legal { Ok(Self(Cow::Owned(text.to_owned()))) } else { Err(InvalidPermission(())) }
    }
}

fn is_part(part: &str) -> bool {
    part == "*" || is_word(part) || is_id(part)
}

/// A word in `snake_case`.
fn is_word(part: &str) -> bool {
    let is_group =
        |group: &str| !group.is_empty() && group.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    part.starts_with(|first: char| first.is_ascii_lowercase()) && part.split('_').all(is_group)
}

/// A number, or hexadecimal digits in groups such as a UUID.
fn is_id(part: &str) -> bool {
    part.split('-').all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A text is not of the form `resource.verb.scope`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPermission(());

impl fmt::Display for InvalidPermission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a permission is `resource.verb.scope`, each part a snake_case word, an id or `*`")
    }
}

impl std::error::Error for InvalidPermission {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_is_what_the_table_accepts() {
        let table = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/permissions.txt"));
        let mut rows = 0;
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let (sign, text) = line.split_once(' ').unwrap();
            let text = text.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
            let parsed = text.parse::<Permission>();
            assert_eq!(parsed.is_ok(), sign == "+", "{line}");
            assert!(parsed.is_err() || parsed == Ok(Permission::literal(text)), "{line}");
            rows += 1;
        }
        assert!(rows > 40, "{rows}");
    }
}
