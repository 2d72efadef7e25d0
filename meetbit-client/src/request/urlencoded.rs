//! A value as pairs of names and values: a query, or a form.
//!
//! The value comes as JSON, whose writer is compiled for most types anyway; all that follows is compiled once. The texts of
//! numbers stay as they are.

use std::fmt;

use form_urlencoded::Serializer;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Appends a struct's or a map's own pairs, those of a list of pairs, or a scalar or a list of scalars under `name`. A value
/// that is `null` or absent is left out.
///
/// # Errors
/// Why the JSON could not be written, or what is none of these, in words that fit into brackets.
pub(crate) fn append(pairs: &mut String, name: Option<&str>, json: serde_json::Result<Vec<u8>>) -> Result<(), String> {
    let json = json.map_err(|error| error.to_string())?;
    if json.is_empty() {
        return Ok(());
    }
    let value: &RawValue = serde_json::from_slice(&json).map_err(|error| error.to_string())?;
    let mut pairs = Pairs(Serializer::new(pairs));
    match (kind(value), name) {
        (Kind::Object, _) => {
            read::<Entries<'_>>(value)?.0.into_iter().try_for_each(|(name, value)| pairs.field(&name, value))
        }
        (Kind::Array, _) => {
            read::<Vec<&RawValue>>(value)?.into_iter().try_for_each(|element| pairs.element(name, element))
        }
        (_, Some(name)) => pairs.scalar(name, value),
        (Kind::Null, None) => Ok(()),
        (_, None) => Err("a value that has no name".to_owned()),
    }
}

struct Pairs<'a>(Serializer<'a, &'a mut String>);

impl Pairs<'_> {
    fn field(&mut self, name: &str, value: &RawValue) -> Result<(), String> {
        match kind(value) {
            Kind::Array => {
                read::<Vec<&RawValue>>(value)?.into_iter().try_for_each(|element| self.scalar(name, element))
            }
            _ => self.scalar(name, value),
        }
    }

    /// A pair, or another value of the same name.
    fn element(&mut self, name: Option<&str>, value: &RawValue) -> Result<(), String> {
        match (kind(value), name) {
            (Kind::Array, _) => {
                let (name, value) = read::<(&RawValue, &RawValue)>(value).map_err(|_| "a list in a list".to_owned())?;
                match kind(name) {
                    Kind::String => self.field(&read::<String>(name)?, value),
                    Kind::Other => self.field(name.get(), value),
                    _ => Err("a list in a list".to_owned()),
                }
            }
            (_, Some(name)) => self.scalar(name, value),
            (_, None) => Err("a list of values that have no names".to_owned()),
        }
    }

    fn scalar(&mut self, name: &str, value: &RawValue) -> Result<(), String> {
        match kind(value) {
            Kind::Null => {}
            Kind::String => drop(self.0.append_pair(name, &read::<String>(value)?)),
            Kind::Other => drop(self.0.append_pair(name, value.get())),
            Kind::Array | Kind::Object => return Err(format!("`{name}` is neither a scalar nor a list of scalars")),
        }
        Ok(())
    }
}

enum Kind {
    Object,
    Array,
    String,
    Null,
    /// A number or a boolean.
    Other,
}

fn kind(value: &RawValue) -> Kind {
    match value.get().as_bytes() {
        [b'{', ..] => Kind::Object,
        [b'[', ..] => Kind::Array,
        [b'"', ..] => Kind::String,
        b"null" => Kind::Null,
        _ => Kind::Other,
    }
}

fn read<'a, T: Deserialize<'a>>(value: &'a RawValue) -> Result<T, String> {
    serde_json::from_str(value.get()).map_err(|error| error.to_string())
}

/// The entries of an object in their order.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;

    use super::append;

    fn pairs(name: Option<&str>, value: impl Serialize) -> Result<String, String> {
        let mut pairs = "a=1".to_owned();
        append(&mut pairs, name, serde_json::to_vec(&value)).map(|()| pairs.split_off("a=1".len()))
    }

    #[derive(Serialize)]
    struct Filter<'a> {
        text: &'a str,
        absent: Option<u8>,
        range: [u8; 2],
        list: Vec<Option<bool>>,
        nothing: (),
        large: u128,
    }

    const FILTER: Filter<'_> =
        Filter { text: "a b&ü", absent: None, range: [1, 2], list: Vec::new(), nothing: (), large: u128::MAX };

    #[test]
    fn fields_stand_under_their_own_names_in_their_order() {
        let expected = "&text=a+b%26%C3%BC&range=1&range=2&large=340282366920938463463374607431768211455";
        for name in [Some("filter"), None] {
            assert_eq!(pairs(name, FILTER).as_deref(), Ok(expected));
        }
        let list = Filter { list: vec![Some(true), None, Some(false)], ..FILTER };
        assert!(pairs(None, list).unwrap().contains("&list=true&list=false&large"));
        assert_eq!(pairs(None, BTreeMap::from([(2, 'b'), (1, 'a')])).as_deref(), Ok("&1=a&2=b"));
    }

    #[test]
    fn scalars_and_lists_of_them_take_the_name() {
        assert_eq!(pairs(Some("n"), -1.5_f32).as_deref(), Ok("&n=-1.5"));
        assert_eq!(pairs(Some("n"), Some("\"\n")).as_deref(), Ok("&n=%22%0A"));
        assert_eq!(pairs(Some("n"), None::<u8>).as_deref(), Ok(""));
        assert_eq!(pairs(Some("n"), ["x", "y"]).as_deref(), Ok("&n=x&n=y"));
        assert_eq!(pairs(Some("n"), (1, "y")).as_deref(), Ok("&n=1&n=y"));
        assert_eq!(pairs(Some("n"), [0_u8; 0]).as_deref(), Ok(""));
    }

    #[test]
    fn pairs_stay_pairs() {
        assert_eq!(pairs(Some("n"), [("x", 1), ("y", 2)]).as_deref(), Ok("&x=1&y=2"));
        assert_eq!(pairs(None, vec![("x", ["1", "2"])]).as_deref(), Ok("&x=1&x=2"));
        assert_eq!(pairs(Some("n"), [(1, "a"), (2, "b")]).as_deref(), Ok("&1=a&2=b"));
    }

    #[test]
    fn what_is_no_pair_is_refused_by_name() {
        let deep = BTreeMap::from([("outer", FILTER)]);
        assert_eq!(pairs(None, deep), Err("`outer` is neither a scalar nor a list of scalars".to_owned()));
        assert_eq!(pairs(Some("n"), [[5, 6, 7]]), Err("a list in a list".to_owned()));
        assert_eq!(pairs(None, [1, 2]), Err("a list of values that have no names".to_owned()));
        assert_eq!(pairs(None, "private"), Err("a value that has no name".to_owned()));
    }
}
