//! A part of a declaration that may be absent or invalid.

/// What is known of a part of a declaration.
#[derive(Default)]
pub(crate) enum Parsed<T> {
    #[default]
    Absent,
    /// It is present, or its absence was reported. Either way nothing more needs to be said about it.
    Invalid,
    Valid(T),
}

impl<T> Parsed<T> {
    pub(crate) fn valid(self) -> Option<T> {
        match self {
            Self::Valid(value) => Some(value),
            Self::Absent | Self::Invalid => None,
        }
    }

    pub(crate) fn as_valid(&self) -> Option<&T> {
        match self {
            Self::Valid(value) => Some(value),
            Self::Absent | Self::Invalid => None,
        }
    }

    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}
