//! Deserializes JSON with `serde_json`, but takes an object where a struct is expected and nothing else.
//!
//! What serde derives for a struct accepts an array of the field values as well, so `[[1, null]]` could pass for a list of
//! users. [`Strict`] stands between a type and `serde_json`, at each level, and
//! - refuses an array in place of a struct;
//! - reads an empty array in place of an optional object as `None`, because PHP writes an empty object so;
//! - replaces serde's errors by [`Fault`], which contains no value.
//!
//! Each type is still compiled for one deserializer, so users' crates do not grow.

use std::any::type_name;
use std::cell::Cell;
use std::fmt::{self, Display};
use std::marker::PhantomData;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use serde_json::value::RawValue;

use crate::response::fault::{Fault, Reason, Step};

/// A string in a reply that is longer than this, in bytes, is never quoted by `serde_json`, not even for a moment.
const LONG: usize = 64 * 1024;

/// Reads a whole JSON text. An empty array for an optional object is `None`.
pub(crate) fn from_str<'de, S>(text: &'de str, seed: S) -> Result<S::Value, Fault>
where
    S: DeserializeSeed<'de>,
{
    let context = Context { long: has_long_string(text), fault: Cell::new(None), expected: Cell::new(None) };
    let mut json = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(Strict::new(&mut json, &context))?;
    json.end().map_err(|error| context.fault(error))?;
    Ok(value)
}

/// Reads `null`.
pub(crate) fn null<'de, T: Deserialize<'de>>() -> Result<T, Fault> {
    from_str("null", PhantomData)
}

/// What all levels of one text share.
struct Context {
    /// The text has a string that is longer than [`LONG`].
    long: bool,
    /// A fault on its way through `serde_json`, whose error type cannot carry it.
    fault: Cell<Option<Fault>>,
    /// The type that `serde_json` asked for while it made an error.
    expected: Cell<Option<String>>,
}

impl Context {
    /// Hands a fault to `serde_json`.
    #[cold]
    #[inline(never)]
    fn hide<E: Error>(&self, fault: Fault) -> E {
        self.fault.set(Some(fault));
        E::custom("")
    }

    /// Takes the fault out of an error of `serde_json`, or makes one if the error is its own.
    #[cold]
    #[inline(never)]
    fn fault<E>(&self, _: E) -> Fault {
        let expected = self.expected.take();
        self.fault.take().unwrap_or_else(|| Fault::new(Reason::Json { expected }))
    }
}

fn has_long_string(text: &str) -> bool {
    if text.len() <= LONG {
        return false;
    }
    let (mut start, mut escaped) = (None, false);
    for (at, byte) in text.bytes().enumerate() {
        match (start, byte) {
            _ if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(from), b'"') if at - from > LONG => return true,
            (Some(_), b'"') => start = None,
            (None, b'"') => start = Some(at),
            _ => {}
        }
    }
    start.is_some_and(|from| text.len() - from > LONG)
}

/// A deserializer of `serde_json`, made strict.
struct Strict<'c, D> {
    json: D,
    context: &'c Context,
    /// The value is in an `Option`.
    optional: bool,
    /// The value is the key of a map.
    key: bool,
}

impl<'c, D> Strict<'c, D> {
    fn new(json: D, context: &'c Context) -> Self {
        Self { json, context, optional: false, key: false }
    }

    fn visitor<V>(&self, visitor: V) -> StrictVisitor<'c, V> {
        StrictVisitor { visitor, context: self.context, optional: self.optional, accepts: Accepts::Any }
    }

    fn fields<V>(&self, visitor: V) -> StrictVisitor<'c, V> {
        StrictVisitor { accepts: Accepts::Fields, ..self.visitor(visitor) }
    }

    fn entries<V>(&self, visitor: V) -> StrictVisitor<'c, V> {
        StrictVisitor { accepts: Accepts::Entries, ..self.visitor(visitor) }
    }

    /// True if the value may be a long string, which `serde_json` would quote in the error for another type.
    fn may_be_long(&self) -> bool {
        self.context.long && !self.key
    }
}

/// The text of a value that is to be no string. A long string is an error here already.
#[cold]
fn not_long<'de, D, V>(strict: Strict<'_, D>, visitor: &V) -> Result<&'de str, Fault>
where
    D: Deserializer<'de>,
    V: Visitor<'de>,
{
    let text = <&RawValue>::deserialize(strict.json).map_err(|error| strict.context.fault(error))?.get();
    if text.len() > LONG && text.starts_with('"') {
        return Err(Fault::new(Reason::Type { expected: Expecting(visitor).to_string() }));
    }
    Ok(text)
}

/// Passes a request for a type on, with a visitor that accepts anything, the fields of a struct or the entries of a map. A
/// `string` request takes a string of any length.
macro_rules! forward {
    ($($method:ident($($argument:ident: $type:ty),*) $wrap:ident $kind:ident;)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, Fault> {
            let (context, visitor) = (self.context, self.$wrap(visitor));
            forward!(@$kind self, context, visitor, $method($($argument),*))
        }
    )*};
    (@string $self:ident, $context:ident, $visitor:ident, $method:ident($($argument:ident),*)) => {
        $self.json.$method($($argument,)* $visitor).map_err(|error| $context.fault(error))
    };
    (@other $self:ident, $context:ident, $visitor:ident, $method:ident($($argument:ident),*)) => {
        if $self.may_be_long() {
            let mut json = serde_json::Deserializer::from_str(not_long($self, &$visitor.visitor)?);
            json.$method($($argument,)* $visitor).map_err(|error| $context.fault(error))
        } else {
            forward!(@string $self, $context, $visitor, $method($($argument),*))
        }
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<'_, D> {
    type Error = Fault;

    forward! {
        deserialize_any() visitor string;
        deserialize_char() visitor string;
        deserialize_str() visitor string;
        deserialize_string() visitor string;
        deserialize_bytes() visitor string;
        deserialize_byte_buf() visitor string;
        deserialize_identifier() visitor string;
        deserialize_option() visitor string;
        deserialize_newtype_struct(name: &'static str) visitor string;
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) visitor string;
        deserialize_bool() visitor other;
        deserialize_i8() visitor other;
        deserialize_i16() visitor other;
        deserialize_i32() visitor other;
        deserialize_i64() visitor other;
        deserialize_i128() visitor other;
        deserialize_u8() visitor other;
        deserialize_u16() visitor other;
        deserialize_u32() visitor other;
        deserialize_u64() visitor other;
        deserialize_u128() visitor other;
        deserialize_f32() visitor other;
        deserialize_f64() visitor other;
        deserialize_unit() visitor other;
        deserialize_unit_struct(name: &'static str) visitor other;
        deserialize_seq() visitor other;
        deserialize_tuple(len: usize) visitor other;
        deserialize_tuple_struct(name: &'static str, len: usize) visitor other;
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) fields other;
    }

    /// `serde_json` accepts an array for a struct, but not for a map, and only what it accepts can be `None`.
    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let (context, visitor) = (self.context, self.entries(visitor));
        let (name, fields) = ("", &[]);
        forward!(@other self, context, visitor, deserialize_struct(name, fields))
    }

    #[inline]
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.json.deserialize_ignored_any(visitor).map_err(|error| self.context.fault(error))
    }

    fn is_human_readable(&self) -> bool {
        self.json.is_human_readable()
    }
}

/// A visitor of a type, between `serde_json` and the type.
struct StrictVisitor<'c, V> {
    visitor: V,
    context: &'c Context,
    optional: bool,
    accepts: Accepts,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Accepts {
    Any,
    /// An object whose keys are the fields of a struct.
    Fields,
    /// An object whose keys are data.
    Entries,
}

macro_rules! visit {
    ($($method:ident $type:ty;)*) => {$(
        #[inline]
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.visitor.$method(value).map_err(|fault: Fault| {
                self.context.hide(fault.in_type(type_name::<V::Value>()))
            })
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for StrictVisitor<'_, V> {
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
        self.visitor.visit_none().map_err(|fault: Fault| self.context.hide(fault))
    }

    #[inline]
    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit().map_err(|fault: Fault| self.context.hide(fault))
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, json: D) -> Result<V::Value, D::Error> {
        let strict = Strict { optional: true, ..Strict::new(json, self.context) };
        self.visitor.visit_some(strict).map_err(|fault| self.context.hide(fault))
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, json: D) -> Result<V::Value, D::Error> {
        let strict = Strict { optional: self.optional, ..Strict::new(json, self.context) };
        self.visitor.visit_newtype_struct(strict).map_err(|fault| self.context.hide(fault))
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<V::Value, A::Error> {
        if self.accepts != Accepts::Any {
            let is_empty = matches!(elements.next_element::<IgnoredAny>(), Ok(None));
            return Err(self.context.hide(array(Expecting(&self.visitor).to_string(), self.optional && is_empty)));
        }
        let elements = StrictSeq { elements, context: self.context, index: 0 };
        self.visitor.visit_seq(elements).map_err(|fault| self.context.hide(fault))
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        let has_fields = self.accepts == Accepts::Fields;
        let entries = StrictMap { entries, context: self.context, index: 0, has_fields };
        self.visitor.visit_map(entries).map_err(|fault| self.context.hide(fault))
    }

    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        let variant = StrictEnum { variant, context: self.context };
        self.visitor.visit_enum(variant).map_err(|fault| self.context.hide(fault))
    }
}

/// An array in place of an object.
#[cold]
fn array(expected: String, is_none: bool) -> Fault {
    Fault::new(if is_none { Reason::EmptyArray { expected } } else { Reason::Type { expected } })
}

/// What a visitor expects, as text.
struct Expecting<'v, V>(&'v V);

impl<'de, V: Visitor<'de>> Display for Expecting<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }
}

/// A key, an element or the value of an entry.
struct StrictSeed<'c, S> {
    seed: S,
    context: &'c Context,
    key: bool,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for StrictSeed<'_, S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<S::Value, D::Error> {
        let strict = Strict { key: self.key, ..Strict::new(json, self.context) };
        self.seed.deserialize(strict).map_err(|fault| self.context.hide(fault))
    }
}

struct StrictSeq<'c, A> {
    elements: A,
    context: &'c Context,
    index: usize,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for StrictSeq<'_, A> {
    type Error = Fault;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        self.index += 1;
        let element = self.elements.next_element_seed(StrictSeed { seed, context: self.context, key: false });
        element.map_err(|error| self.context.fault(error).within(Step::Number(self.index - 1)))
    }

    /// An empty array for an optional object is `None`.
    #[inline]
    fn next_element<T: Deserialize<'de>>(&mut self) -> Result<Option<T>, Fault> {
        self.index += 1;
        let seed = StrictSeed { seed: PhantomData, context: self.context, key: false };
        let element = self.elements.next_element_seed(seed);
        element.or_else(|error| null_or(self.context.fault(error), Step::Number(self.index - 1)).map(Some))
    }

    fn size_hint(&self) -> Option<usize> {
        self.elements.size_hint()
    }
}

struct StrictMap<'c, A> {
    entries: A,
    context: &'c Context,
    /// The number of keys that were read.
    index: usize,
    has_fields: bool,
}

impl<A> StrictMap<'_, A> {
    fn step(&self) -> Step {
        let number = self.index.saturating_sub(1);
        if self.has_fields { Step::Number(number) } else { Step::Entry(number) }
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for StrictMap<'_, A> {
    type Error = Fault;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        self.index += 1;
        let key = self.entries.next_key_seed(StrictSeed { seed, context: self.context, key: true });
        key.map_err(|error| self.context.fault(error).within(self.step()))
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let value = self.entries.next_value_seed(StrictSeed { seed, context: self.context, key: false });
        value.map_err(|error| self.context.fault(error).within(self.step()))
    }

    /// An empty array for an optional object is `None`.
    #[inline]
    fn next_value<T: Deserialize<'de>>(&mut self) -> Result<T, Fault> {
        let seed = StrictSeed { seed: PhantomData, context: self.context, key: false };
        let value = self.entries.next_value_seed(seed);
        value.or_else(|error| null_or(self.context.fault(error), self.step()))
    }

    #[inline]
    fn next_entry<K: Deserialize<'de>, T: Deserialize<'de>>(&mut self) -> Result<Option<(K, T)>, Fault> {
        let Some(key) = self.next_key()? else { return Ok(None) };
        Ok(Some((key, self.next_value()?)))
    }

    fn size_hint(&self) -> Option<usize> {
        self.entries.size_hint()
    }
}

/// `None` if the fault is an empty array in place of an optional object. `serde_json` has then read the whole array.
#[cold]
fn null_or<'de, T: Deserialize<'de>>(fault: Fault, step: Step) -> Result<T, Fault> {
    if fault.is_empty_array() { null() } else { Err(fault) }.map_err(|fault| fault.within(step))
}

struct StrictEnum<'c, A> {
    variant: A,
    context: &'c Context,
}

impl<'de, 'c, A: EnumAccess<'de>> EnumAccess<'de> for StrictEnum<'c, A> {
    type Error = Fault;
    type Variant = StrictEnum<'c, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), Fault> {
        let context = self.context;
        let read = self.variant.variant_seed(StrictSeed { seed, context, key: true });
        let (name, variant) = read.map_err(|error| context.fault(error))?;
        Ok((name, StrictEnum { variant, context }))
    }
}

/// The content of a variant is the only entry of an object.
impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for StrictEnum<'_, A> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        self.variant.unit_variant().map_err(|error| self.context.fault(error))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Fault> {
        let context = self.context;
        let content = self.variant.newtype_variant_seed(StrictSeed { seed, context, key: false });
        content.map_err(|error| context.fault(error).within(Step::Number(0)))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.newtype_variant_seed(Content { visitor, len: Some(len), fields: &[] })
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
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
