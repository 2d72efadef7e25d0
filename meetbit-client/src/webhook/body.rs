//! The members of a webhook's JSON object, as raw JSON.
//!
//! They are not parsed further here. So no number is rounded, and no nesting, escape or exponent makes reading fail.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The last value of a repeated name counts.
#[derive(Debug, Default)]
pub(super) struct Members {
    pub(super) id: Option<Box<RawValue>>,
    pub(super) timestamp: Option<Box<RawValue>>,
    pub(super) event: Option<Box<RawValue>>,
    pub(super) data: Option<Box<RawValue>>,
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Members::default();
                while let Some(Name(name)) = map.next_key()? {
                    let member = match name {
                        Some("id") => &mut members.id,
                        Some("timestamp") => &mut members.timestamp,
                        Some("event") => &mut members.event,
                        Some("data") => &mut members.data,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    *member = Some(map.next_value()?);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A member's name, if it is one of the four. It is read as bytes, because an unknown name may hold a lone surrogate.
struct Name(Option<&'static str>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Known;
        impl Visitor<'_> for Known {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Name, E> {
                self.visit_bytes(name.as_bytes())
            }

            fn visit_bytes<E: Error>(self, name: &[u8]) -> Result<Name, E> {
                let known = ["id", "timestamp", "event", "data"];
                Ok(Name(known.into_iter().find(|known| known.as_bytes() == name)))
            }
        }
        deserializer.deserialize_bytes(Known)
    }
}
