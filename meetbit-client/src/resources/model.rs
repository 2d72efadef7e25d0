//! Parts of the models: enums of strings, chained setters, lists that may be `null`.

use serde::{Deserialize, Deserializer};

/// Declares an enum whose variants are strings in a query. `Call::query` can still send other strings.
macro_rules! string_enum {
    ($(#[$attribute:meta])* $name:ident { $($variant:ident = $text:literal),* $(,)? }) => {
        $(#[$attribute])*
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $(
                #[doc = concat!("`", $text, "`")]
                #[serde(rename = $text)]
                $variant,
            )*
        }
    };
}

/// Declares a chained setter for each field, optional or not.
macro_rules! setters {
    ($model:ident { $($field:ident: $type:ty),* $(,)? }) => {
        impl $model {
            $(
                #[doc = concat!("Sets `", stringify!($field), "`.")]
                #[must_use]
                pub fn $field(mut self, $field: impl Into<$type>) -> Self {
                    let value: $type = $field.into();
                    self.$field = value.into();
                    self
                }
            )*
        }
    };
}

pub(crate) use setters;
pub(crate) use string_enum;

/// Reads a list. `null` counts as an empty list.
pub(crate) fn null_is_empty<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
