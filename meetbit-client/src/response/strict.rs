//! Deserializes JSON with `serde_json`, but takes an object where a struct is expected and nothing else.
//!
//! What serde derives for a struct accepts an array of the field values as well, so `[[1, null]]` could pass for a list of
//! users. [`Strict`] is between a type and `serde_json`, at each level that serde does not buffer (as it does for `untagged`,
//! `tag` and `flatten`), and
//! - refuses an array in place of a struct;
//! - reads an empty array in place of an optional object as `None`, because PHP writes an empty object so;
//! - notes why and where a value does not fit, without the value, because the texts of errors quote it.
//!
//! Each type is still compiled for one deserializer, so users' crates do not grow.

mod context;

use std::any::type_name;
use std::fmt::{self, Display};
use std::marker::PhantomData;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use serde_json::value::RawValue;

use crate::response::fault::{Reason, Step};
pub(crate) use crate::response::strict::context::Context;
use crate::response::strict::context::LONG;

/// Reads a whole JSON text. An empty array for an optional object inside of it is `None`.
pub(crate) fn from_str<'de, S>(text: &'de str, seed: S, context: &Context) -> Result<S::Value, serde_json::Error>
where
    S: DeserializeSeed<'de>,
{
    let mut json = serde_json::Deserializer::from_str(text);
    let mut value = seed.deserialize(Strict::<_, VALUE> { json: &mut json, context });
    if let (Ok(_), Err(error)) = (&value, json.end()) {
        value = Err(error);
    }
    value
}

/// Reads `null`.
pub(crate) fn null<'de, T: Deserialize<'de>>() -> Result<T, serde_json::Error> {
    from_str("null", PhantomData, &Context::new("null"))
}

// The role of a value.
const VALUE: u8 = 0;
const IN_OPTION: u8 = 1;
/// The key of a map.
const KEY: u8 = 2;

// What a type accepts.
const ANY: u8 = 0;
/// An object, and no array.
const MAP: u8 = 1;
/// The same, whose keys are fields, and not data.
const STRUCT: u8 = 2;

/// A deserializer of `serde_json`, made strict.
///
/// Role and shape are parameters, so that no more than two pointers pass from level to level.
struct Strict<'c, D, const ROLE: u8> {
    json: D,
    context: &'c Context,
}

impl<'c, D, const ROLE: u8> Strict<'c, D, ROLE> {
    fn visitor<V>(&self, visitor: V) -> StrictVisitor<'c, V, ROLE, ANY> {
        StrictVisitor { visitor, context: self.context }
    }

    /// True if the value may be a long string, which `serde_json` would quote in the error for another type.
    fn may_be_long(&self) -> bool {
        ROLE != KEY && self.context.long
    }
}

/// The text of a value whose type is not a string. A long string is an error here already.
#[cold]
fn reject_long_string<'de, D, V>(json: D, context: &Context, visitor: &V) -> Result<&'de str, D::Error>
where
    D: Deserializer<'de>,
    V: Visitor<'de>,
{
    let text = <&RawValue>::deserialize(json)?.get();
    if text.len() > LONG && text.starts_with('"') {
        return Err(context.refuse(Reason::Type { expected: Expecting(visitor).to_string() }));
    }
    Ok(text)
}

/// Passes a request on if it takes a string of any length.
macro_rules! forward_text {
    ($($method:ident($($argument:ident: $type:ty),*);)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.visitor(visitor);
            self.json.$method($($argument,)* visitor)
        }
    )*};
}

/// Passes a request on if it takes no string.
macro_rules! forward_scalar {
    ($($method:ident($($argument:ident: $type:ty),*);)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.visitor(visitor);
            forward_scalar!(self, visitor, &[], $method($($argument),*))
        }
    )*};
    ($self:ident, $visitor:ident, $fields:expr, $method:ident($($argument:ident),*)) => {
        if $self.may_be_long() {
            let context = $self.context;
            let text = reject_long_string($self.json, context, &$visitor.visitor)?;
            let mut json = serde_json::Deserializer::from_str(text);
            json.$method($($argument,)* $visitor).map_err(|error| {
                context.record_default_reason(&error, $fields);
                D::Error::custom("")
            })
        } else {
            $self.json.$method($($argument,)* $visitor)
        }
    };
}

impl<'de, D, const ROLE: u8> Deserializer<'de> for Strict<'_, D, ROLE>
where
    D: Deserializer<'de>,
{
    type Error = D::Error;

    forward_text! {
        deserialize_any();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_identifier();
        deserialize_option();
        deserialize_newtype_struct(name: &'static str);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
    }

    forward_scalar! {
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let context = self.context;
        let visitor = StrictVisitor::<_, ROLE, STRUCT> { visitor, context };
        let read = forward_scalar!(self, visitor, fields, deserialize_struct(name, fields));
        if let Err(error) = &read {
            context.record_default_reason(error, fields);
        }
        read
    }

    /// Asks `serde_json` for a struct: its `deserialize_map` fails on an array before the visitor sees it, and an empty array must
    /// reach the visitor to become `None`.
    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let visitor = StrictVisitor::<_, ROLE, MAP> { visitor, context: self.context };
        let (name, fields) = ("", &[]);
        forward_scalar!(self, visitor, fields, deserialize_struct(name, fields))
    }

    #[inline]
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.json.deserialize_ignored_any(visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.json.is_human_readable()
    }
}

/// A visitor of a type, between `serde_json` and the type.
struct StrictVisitor<'c, V, const ROLE: u8, const SHAPE: u8> {
    visitor: V,
    context: &'c Context,
}

macro_rules! visit {
    ($($method:ident $type:ty;)*) => {$(
        #[inline]
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.visitor.$method(value).map_err(|reason| self.context.refuse(of_type::<V::Value>(reason)))
        }
    )*};
}

impl<'de, V, const ROLE: u8, const SHAPE: u8> Visitor<'de> for StrictVisitor<'_, V, ROLE, SHAPE>
where
    V: Visitor<'de>,
{
    type Value = V::Value;

    /// `serde_json` asks while it makes an error. Its text has the value as well, so it is not used.
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expected = Expecting(&self.visitor).to_string();
        f.write_str(&expected)?;
        self.context.expected.set(Some(expected));
        Ok(())
    }

    visit! {
        visit_bool bool;
        visit_i8 i8;
        visit_i16 i16;
        visit_i32 i32;
        visit_i64 i64;
        visit_i128 i128;
        visit_u8 u8;
        visit_u16 u16;
        visit_u32 u32;
        visit_u64 u64;
        visit_u128 u128;
        visit_f32 f32;
        visit_f64 f64;
        visit_char char;
        visit_str &str;
        visit_borrowed_str &'de str;
        visit_string String;
        visit_bytes &[u8];
        visit_borrowed_bytes &'de [u8];
        visit_byte_buf Vec<u8>;
    }

    #[inline]
    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none().map_err(|reason| self.context.refuse(reason))
    }

    #[inline]
    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit().map_err(|reason| self.context.refuse(reason))
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, json: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Strict::<_, IN_OPTION> { json, context: self.context })
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, json: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_newtype_struct(Strict::<_, ROLE> { json, context: self.context })
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        if SHAPE != ANY {
            return Err(refuse_array(&self.visitor, elements, ROLE == IN_OPTION, self.context));
        }
        let _level = self.context.enter()?;
        self.visitor.visit_seq(StrictSeq { elements, context: self.context, index: 0 })
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        let _level = self.context.enter()?;
        self.visitor.visit_map(StrictMap::<_, SHAPE> { entries, context: self.context, index: 0 })
    }

    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_enum(StrictEnum { variant, context: self.context })
    }
}

/// The error for an array in place of an object.
#[cold]
fn refuse_array<'de, V, A>(visitor: &V, mut elements: A, is_optional: bool, context: &Context) -> A::Error
where
    V: Visitor<'de>,
    A: SeqAccess<'de>,
{
    let expected = Expecting(visitor).to_string();
    let is_none = is_optional && matches!(elements.next_element::<IgnoredAny>(), Ok(None));
    context.refuse(if is_none { Reason::EmptyArray { expected } } else { Reason::Type { expected } })
}

/// Names the type that refused a value.
#[cold]
fn of_type<T>(reason: Reason) -> Reason {
    match reason {
        Reason::Custom { .. } => Reason::Custom { wanted: Some(type_name::<T>()) },
        reason => reason,
    }
}

/// The type that a visitor expects, as text.
struct Expecting<'v, V>(&'v V);

impl<'de, V: Visitor<'de>> Display for Expecting<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }
}

/// A key, or an element or the value of an entry.
struct StrictSeed<'c, S, const ROLE: u8> {
    seed: S,
    context: &'c Context,
}

impl<'de, S: DeserializeSeed<'de>, const ROLE: u8> DeserializeSeed<'de> for StrictSeed<'_, S, ROLE> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<S::Value, D::Error> {
        self.seed.deserialize(Strict::<_, ROLE> { json, context: self.context })
    }
}

struct StrictSeq<'c, A> {
    elements: A,
    context: &'c Context,
    index: usize,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for StrictSeq<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.index += 1;
        let element = self.elements.next_element_seed(StrictSeed::<_, VALUE> { seed, context: self.context });
        if let Err(error) = &element {
            self.context.record_step(error, Step::Number(self.index - 1));
        }
        element
    }

    /// An empty array for an optional object is `None`.
    #[inline]
    fn next_element<T: Deserialize<'de>>(&mut self) -> Result<Option<T>, A::Error> {
        self.index += 1;
        let seed = StrictSeed::<_, VALUE> { seed: PhantomData, context: self.context };
        let mut element = self.elements.next_element_seed(seed);
        if element.is_err() {
            let none = || none(self.context).map(Some);
            self.context.recover_or_record(&mut element, Step::Number(self.index - 1), none);
        }
        element
    }

    fn size_hint(&self) -> Option<usize> {
        self.elements.size_hint()
    }
}

struct StrictMap<'c, A, const SHAPE: u8> {
    entries: A,
    context: &'c Context,
    /// The number of keys that were read.
    index: usize,
}

impl<A, const SHAPE: u8> StrictMap<'_, A, SHAPE> {
    fn step(&self) -> Step {
        let number = self.index.saturating_sub(1);
        if SHAPE == STRUCT { Step::Number(number) } else { Step::Entry(number) }
    }
}

impl<'de, A: MapAccess<'de>, const SHAPE: u8> MapAccess<'de> for StrictMap<'_, A, SHAPE> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.index += 1;
        let key = self.entries.next_key_seed(StrictSeed::<_, KEY> { seed, context: self.context });
        if let Err(error) = &key {
            self.context.record_step(error, self.step());
        }
        key
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let value = self.entries.next_value_seed(StrictSeed::<_, VALUE> { seed, context: self.context });
        if let Err(error) = &value {
            self.context.record_step(error, self.step());
        }
        value
    }

    /// An empty array for an optional object is `None`.
    #[expect(clippy::inline_always, reason = "a call of it for each field costs 650 instructions for a customer")]
    #[inline(always)]
    fn next_value<T: Deserialize<'de>>(&mut self) -> Result<T, A::Error> {
        let seed = StrictSeed::<_, VALUE> { seed: PhantomData, context: self.context };
        let mut value = self.entries.next_value_seed(seed);
        if value.is_err() {
            self.context.recover_or_record(&mut value, self.step(), || none(self.context));
        }
        value
    }

    #[inline]
    fn next_entry<K: Deserialize<'de>, T: Deserialize<'de>>(&mut self) -> Result<Option<(K, T)>, A::Error> {
        let Some(key) = self.next_key()? else { return Ok(None) };
        Ok(Some((key, self.next_value()?)))
    }

    fn size_hint(&self) -> Option<usize> {
        self.entries.size_hint()
    }
}

/// The value of an empty array in place of an optional object. `serde_json` has read the whole array.
#[cold]
fn none<'de, T: Deserialize<'de>, E: Error>(context: &Context) -> Result<T, E> {
    null().map_err(|_| context.refuse(Reason::Custom { wanted: None }))
}

struct StrictEnum<'c, A> {
    variant: A,
    context: &'c Context,
}

impl<'de, 'c, A: EnumAccess<'de>> EnumAccess<'de> for StrictEnum<'c, A> {
    type Error = A::Error;
    type Variant = StrictEnum<'c, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let context = self.context;
        let (name, variant) = self.variant.variant_seed(StrictSeed::<_, KEY> { seed, context })?;
        Ok((name, StrictEnum { variant, context }))
    }
}

/// The content of a variant is the only entry of an object.
impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for StrictEnum<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.variant.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        let context = self.context;
        let _level = context.enter()?;
        let read = self.variant.newtype_variant_seed(StrictSeed::<_, VALUE> { seed, context });
        if let Err(error) = &read {
            context.record_step(error, Step::Number(0));
        }
        read
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.newtype_variant_seed(Content { visitor, len: Some(len), fields: &[] })
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.newtype_variant_seed(Content { visitor, len: None, fields })
    }
}

/// The content of a tuple variant, with its length, or of a struct variant.
struct Content<V> {
    visitor: V,
    len: Option<usize>,
    fields: &'static [&'static str],
}

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Content<V> {
    type Value = V::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<V::Value, D::Error> {
        match self.len {
            Some(len) => json.deserialize_tuple(len, self.visitor),
            None => json.deserialize_struct("", self.fields, self.visitor),
        }
    }
}
