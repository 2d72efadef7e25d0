//! Times as MeetBit writes them.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// A moment, written as `2024-08-22T01:04:05.000000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rfc3339(Timestamp);

impl Rfc3339 {
    /// The creation time of all initial objects: the first moment of 2024.
    pub(super) const START: Self = Self::from_unix(1_704_067_200);

    pub(super) fn now() -> Self {
        Self(Timestamp::now())
    }

    pub(super) const fn from_unix(seconds: i64) -> Self {
        Self(Timestamp::constant(seconds, 0))
    }

    /// Reads a date and time with an offset from UTC.
    pub(super) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

impl Serialize for Rfc3339 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
    }
}
