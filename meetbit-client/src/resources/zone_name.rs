use std::fmt;

use jiff::tz::{self, TimeZone};
use serde::{Deserialize, Serialize};

/// The name of an IANA time zone, such as `Europe/London`.
///
/// It can hold any text, because MeetBit may know a zone that this machine does not know. A request with a name that is
/// certainly wrong is refused before it is sent.
///
/// ```
/// use meetbit_client::ZoneName;
///
/// let zone = ZoneName::from("Europe/London");
/// assert_eq!(zone.to_string(), "Europe/London");
/// assert!(ZoneName::from("Europe/Londinium").time_zone().is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ZoneName(String);

impl ZoneName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The time zone, if this machine's time zone database has it.
    ///
    /// The database is the system's (`/usr/share/zoneinfo`, or the folder in the variable `TZDIR`); on Windows it is a copy
    /// inside the program. It is read on first use.
    #[must_use]
    pub fn time_zone(&self) -> Option<TimeZone> {
        tz::db().get(&self.0).ok()
    }

    /// Whether this can be the name of a zone: the database has it, or there is no database and the syntax is right.
    pub(crate) fn can_be_zone(&self) -> bool {
        if tz::db().is_definitively_empty() { has_zone_syntax(&self.0) } else { self.time_zone().is_some() }
    }
}

/// Whether each part starts with a letter and consists of letters, digits, `_`, `+` and `-`.
fn has_zone_syntax(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte);
    name.split('/').all(|part| part.starts_with(|first: char| first.is_ascii_alphabetic()) && part.bytes().all(fits))
}

impl fmt::Display for ZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for ZoneName {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl From<String> for ZoneName {
    fn from(name: String) -> Self {
        Self(name)
    }
}

#[cfg(test)]
mod tests {
    use super::has_zone_syntax;

    #[test]
    fn without_a_database_only_the_syntax_is_checked() {
        for name in ["UTC", "Europe/London", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "Europe/Londinium"] {
            assert!(has_zone_syntax(name), "{name}");
        }
        for name in ["", "/", "Europe/", "+01:00", "Europe London", "Europe/../UTC", "Zürich"] {
            assert!(!has_zone_syntax(name), "{name}");
        }
    }
}
