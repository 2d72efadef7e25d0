//! The parameters of an operation.

use serde_json::Value;

use crate::conformance::document::{Document, Finding, Operation};
use crate::conformance::schema::Schema;
use crate::conformance::text;

/// A parameter of an operation.
pub(super) struct Parameter<'a> {
    pub(super) name: String,
    /// `path`, `query`, `header` or `cookie`.
    pub(super) location: &'a str,
    pub(super) required: bool,
    pub(super) pointer: String,
    pub(super) schema: Schema<'a>,
    /// Whether it has lists and nothing else.
    pub(super) is_list: bool,
    /// The character that joins the items of a list; `None` if each item has a pair of its own.
    pub(super) separator: Option<char>,
}

impl Parameter<'_> {
    fn is_same(&self, other: &Parameter<'_>) -> bool {
        self.location == other.location && self.is_named(&other.name)
    }

    /// Whether this is its name. Names of headers are the same in any case.
    pub(super) fn is_named(&self, name: &str) -> bool {
        if self.location == "header" { self.name.eq_ignore_ascii_case(name) } else { self.name == name }
    }
}

impl<'a> Document<'a> {
    /// The parameters of an operation, and those that cannot be read. Those of the operation override those of its path.
    pub(super) fn parameters(self, operation: &Operation<'a>) -> (Vec<Parameter<'a>>, Vec<Finding>) {
        let (mut parameters, mut findings) = (Vec::<Parameter<'a>>::new(), Vec::new());
        for (owner, pointer) in [(operation.item, &operation.item_pointer), (operation.value, &operation.pointer)] {
            for (i, parameter) in owner["parameters"].as_array().into_iter().flatten().enumerate() {
                let pointer = format!("{pointer}/parameters/{i}");
                match self.located(parameter, &pointer) {
                    Ok((parameter, place)) => {
                        for parameter in self.expanded(parameter, &pointer, &place) {
                            let is_same = |other: &Parameter<'_>| other.is_same(&parameter);
                            parameters.retain(|earlier| !is_same(earlier));
                            parameters.push(parameter);
                        }
                    }
                    Err(why) => findings.push(Finding::new(pointer, why)),
                }
            }
        }
        (parameters, findings)
    }

    /// The parameter; for an object in the query its properties, each of which is a parameter on the wire.
    fn expanded(self, parameter: &'a Value, pointer: &str, place: &str) -> Vec<Parameter<'a>> {
        let [name, location, style] = ["name", "in", "style"].map(|key| parameter[key].as_str().unwrap_or_default());
        let schema = Schema::new(self, &parameter["schema"], &format!("{place}/schema"));
        let separator = text::separator(parameter, location == "query");
        let new = |name: String, required, schema| {
            let (is_list, pointer) = (text::is_list(self, &schema), pointer.to_owned());
            Parameter { name, location, required, pointer, schema, is_list, separator }
        };
        let required = parameter["required"] == true;
        let names = schema.property_names();
        let is_deep = location == "query" && style == "deepObject";
        if names.is_empty() || !(is_deep || separator.is_none()) {
            return vec![new(name.to_owned(), required, schema)];
        }
        let properties = names.into_iter().filter_map(|key| Some((key, schema.property(self, key)?)));
        let properties = properties.map(|(key, property)| {
            let name = if is_deep { format!("{name}[{key}]") } else { key.to_owned() };
            new(name, required && schema.is_required(key), property)
        });
        properties.collect()
    }
}
