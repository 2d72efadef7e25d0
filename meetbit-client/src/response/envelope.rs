//! MeetBit's envelope, `{"message": .., "data": ..}`.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use crate::response::strict::{self, Context};

/// A value, and MeetBit's message about it.
pub(crate) struct Decoded<T> {
    pub(crate) message: Option<String>,
    pub(crate) data: T,
    /// The part of the body that has the value: from the key `data` to the next key.
    pub(crate) raw: Range<usize>,
}

/// Reads the envelope. `offset` is where the text begins in the body. A message that is not a string is ignored.
pub(crate) fn decode<T: DeserializeOwned>(
    text: &str,
    offset: usize,
    context: &Context,
) -> Result<Decoded<T>, serde_json::Error> {
    let bad_message = Cell::new(false);
    let envelope = Envelope { text, offset, skip_message: false, bad_message: &bad_message, data: PhantomData };
    let mut decoded = strict::from_str(text, envelope, context);
    if decoded.is_err() && bad_message.get() {
        decode_without_message(&mut decoded, envelope, context);
    }
    decoded
}

#[cold]
fn decode_without_message<T: DeserializeOwned>(
    decoded: &mut Result<Decoded<T>, serde_json::Error>,
    envelope: Envelope<'_, T>,
    context: &Context,
) {
    context.reset();
    *decoded = strict::from_str(envelope.text, Envelope { skip_message: true, ..envelope }, context);
}

/// It is written by hand, because a derived one accepts an array of the fields in their order, and is compiled for each type anew
/// at twice the cost.
struct Envelope<'e, T> {
    text: &'e str,
    offset: usize,
    skip_message: bool,
    /// Set if the message is what cannot be read.
    bad_message: &'e Cell<bool>,
    data: PhantomData<T>,
}

impl<T> Clone for Envelope<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Envelope<'_, T> {}

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for Envelope<'_, T> {
    type Value = Decoded<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_struct("", &["message", "data"], self)
    }
}

impl<'de, T: DeserializeOwned> Visitor<'de> for Envelope<'_, T> {
    type Value = Decoded<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Decoded<T>, A::Error> {
        let (mut message, mut data) = (None, None);
        let mut raw = 0..self.text.len();
        while let Some(Key { name, address }) = map.next_key()? {
            let start = address.map_or(0, |address| address.wrapping_sub(self.text.as_ptr().addr()));
            if data.is_some() && raw.end == self.text.len() && start > 0 {
                raw.end = start;
            }
            match name {
                Name::Message if !self.skip_message => {
                    message = map.next_value::<Option<String>>().inspect_err(|_| self.bad_message.set(true))?;
                }
                Name::Data if data.is_some() => return Err(Error::duplicate_field("data")),
                Name::Data => {
                    data = Some(map.next_value()?);
                    raw.start = start;
                }
                Name::Message | Name::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let raw = raw.start + self.offset..raw.end + self.offset;
        match data {
            Some(data) => Ok(Decoded { message, data, raw }),
            None => Ok(Decoded { message, data: T::deserialize(Absent(PhantomData))?, raw }),
        }
    }
}

enum Name {
    Message,
    Data,
    Other,
}

/// A key of the envelope, and its address if it is written without escapes.
struct Key {
    name: Name,
    address: Option<usize>,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Key, E> {
        let name = match key {
            "message" => Name::Message,
            "data" => Name::Data,
            _ => Name::Other,
        };
        Ok(Key { name, address: None })
    }

    fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Key, E> {
        Ok(Key { address: Some(key.as_ptr().addr()), ..self.visit_str(key)? })
    }
}

/// The value of an absent `data`: `None` for an `Option`, an error for any other type.
struct Absent<E>(PhantomData<E>);

impl<'de, E: Error> Deserializer<'de> for Absent<E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, E> {
        Err(E::missing_field("data"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_none()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
