//! Arrays and tuples in a query: as with a `Vec`, the key is repeated for each element.
//!
//! serde tells an array from a `Vec`, and `serde_html_form` takes only the latter for a list.

use serde::ser::{Error as _, Impossible, Serialize, SerializeTuple, Serializer};
use serde_html_form::ser::{Error, push_to_string};

/// Writes an array or a tuple, or an `Option` or a newtype of one, as pairs of one name; anything else is an error.
pub(crate) struct Repeated<'a> {
    pub(crate) name: &'a str,
    pub(crate) query: &'a mut String,
}

impl SerializeTuple for Repeated<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<(), Error> {
        let mut pair = String::new();
        push_to_string(&mut pair, [(self.name, element)])?;
        if !self.query.is_empty() && !pair.is_empty() {
            self.query.push('&');
        }
        self.query.push_str(&pair);
        Ok(())
    }

    fn end(self) -> Result<(), Error> {
        Ok(())
    }
}

/// Methods whose value is no array, each with the types of its arguments and of what it gives.
macro_rules! refuse {
    ($($method:ident($($argument:ty),*) $(-> $compound:ty)?;)*) => {
        $(fn $method(self, $(_: $argument),*) -> Result<refuse!(@ $($compound)?), Error> {
            Err(Error::custom("no array"))
        })*
    };
    (@) => { () };
    (@ $compound:ty) => { $compound };
}

type Never = Impossible<(), Error>;

impl Serializer for Repeated<'_> {
    type Ok = ();
    type Error = Error;
    type SerializeTuple = Self;
    type SerializeSeq = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Never;
    type SerializeStruct = Never;
    type SerializeStructVariant = Never;

    fn serialize_tuple(self, _: usize) -> Result<Self, Error> {
        Ok(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Error> {
        Err(Error::custom("no array"))
    }

    refuse! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_f32(f32);
        serialize_f64(f64);
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
        serialize_seq(Option<usize>) -> Never;
        serialize_tuple_struct(&'static str, usize) -> Never;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Never;
        serialize_map(Option<usize>) -> Never;
        serialize_struct(&'static str, usize) -> Never;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Never;
    }
}
