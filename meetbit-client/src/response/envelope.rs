//! MeetBit's envelope, `{"message": .., "data": ..}`.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

/// A value, and MeetBit's message about it.
pub(crate) struct Decoded<T> {
    pub(crate) message: Option<String>,
    pub(crate) data: T,
}

/// By hand: what serde derives takes an array for the fields in their order, and is compiled for each type anew at twice the
/// cost.
impl<'de, T: DeserializeOwned> Deserialize<'de> for Decoded<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Envelope(PhantomData))
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Key {
    Message,
    Data,
    #[serde(other)]
    Other,
}

struct Envelope<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for Envelope<T> {
    type Value = Decoded<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Decoded<T>, A::Error> {
        let (mut message, mut data) = (None, None);
        while let Some(key) = map.next_key()? {
            match key {
                Key::Message if message.is_some() => return Err(Error::duplicate_field("message")),
                Key::Message => message = Some(map.next_value()?),
                Key::Data if data.is_some() => return Err(Error::duplicate_field("data")),
                Key::Data => data = Some(map.next_value()?),
                Key::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        match data {
            Some(data) => Ok(Decoded { message: message.flatten(), data }),
            None => Err(Error::missing_field("data")),
        }
    }
}
