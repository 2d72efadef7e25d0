//! Models: a type of Rust for each schema that the operations need.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use indexmap::IndexMap;

use crate::document::{Document, Schema};
use crate::names::{ident, pascal, singular, unraw};

/// Names of types and traits that the code uses.
const USED: [&str; 15] = [
    "Api",
    "BTreeMap",
    "Box",
    "Bytes",
    "Call",
    "Clone",
    "Date",
    "Debug",
    "Default",
    "Deserialize",
    "Option",
    "Serialize",
    "String",
    "Timestamp",
    "Vec",
];

/// What a schema is needed for. A schema with read-only properties becomes two models.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Request,
    Reply,
}

pub(crate) struct Models<'d> {
    document: &'d Document,
    renames: &'d BTreeMap<String, String>,
    used_renames: BTreeSet<String>,
    /// The code of each model by its name; `None` while it is written.
    written: IndexMap<String, Option<String>>,
    /// The types of schemas, by the names of their models, so that each schema is written once.
    types: BTreeMap<String, Vec<(Schema, Use, Type)>>,
}

/// A type as a field, an argument or a reply has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Type {
    pub(crate) name: String,
    pub(crate) nullable: bool,
    /// It is copied into an argument, not borrowed.
    pub(crate) is_copy: bool,
    pub(crate) has_default: bool,
}

impl Type {
    fn owned(name: impl Into<String>) -> Self {
        Self { name: name.into(), nullable: false, is_copy: false, has_default: false }
    }

    fn scalar(name: &str) -> Self {
        Self { is_copy: true, has_default: true, ..Self::owned(name) }
    }

    fn with_default(self) -> Self {
        Self { has_default: true, ..self }
    }

    /// The type of a field or a reply.
    pub(crate) fn in_reply(&self) -> String {
        if self.nullable { format!("Option<{}>", self.name) } else { self.name.clone() }
    }
}

impl<'d> Models<'d> {
    pub(crate) fn new(document: &'d Document, renames: &'d BTreeMap<String, String>) -> Self {
        Self { document, renames, used_renames: BTreeSet::new(), written: IndexMap::new(), types: BTreeMap::new() }
    }

    /// The code of all models.
    ///
    /// # Errors
    /// A rename was not used, or a model has the name of a trait or of something that the code uses.
    pub(crate) fn finish(self, traits: &[String]) -> Result<String, String> {
        let is_taken = |name: &&String| traits.contains(name) || USED.contains(&name.as_str());
        if let Some(name) = self.written.keys().find(is_taken) {
            return Err(format!("a model cannot have the name `{name}`; give it another one with --rename"));
        }
        let unused: Vec<_> = self.renames.keys().filter(|old| !self.used_renames.contains(*old)).collect();
        if let Some(old) = unused.first() {
            return Err(format!("there is no model `{old}` to rename"));
        }
        Ok(self.written.into_values().flatten().collect::<Vec<_>>().join("\n"))
    }

    /// The type of a schema. `hint` names the model of a schema without a name.
    pub(crate) fn of(&mut self, schema: &Schema, hint: &str, purpose: Use) -> Result<Type, String> {
        let bare = self.document.bare(schema)?;
        let nullable = schema.is_nullable() || bare.is_nullable();
        let named = self.reference_name(schema)?;
        let of_type = match named {
            Some(name) => self.component(&name, bare, purpose)?,
            None => self.inline(bare, hint, purpose)?,
        };
        Ok(Type { nullable: of_type.nullable || nullable, ..of_type })
    }

    /// The name of the component that a schema refers to, itself or as the only part of an `allOf`.
    fn reference_name(&self, schema: &Schema) -> Result<Option<String>, String> {
        let only = if let [only] = &schema.all_of[..] { only.reference.as_ref() } else { None };
        let Some(reference) = schema.reference.as_ref().or(only) else { return Ok(None) };
        if !schema.properties.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.document.schema(reference)?.0.to_owned()))
    }

    /// The type of a component: `NewX` in a request if it has properties that only replies have.
    fn component(&mut self, name: &str, schema: &Schema, purpose: Use) -> Result<Type, String> {
        let is_split = purpose == Use::Request && self.is_split(schema, 8)?;
        let name = if is_split { format!("New{}", pascal(name)) } else { pascal(name) };
        self.inline(schema, &name, purpose)
    }

    fn is_split(&self, schema: &Schema, depth: usize) -> Result<bool, String> {
        for (property, _) in self.document.properties(schema)?.values() {
            let bare = self.document.bare(property)?;
            let item = bare.items.as_deref().unwrap_or(bare);
            let is_one_way = property.read_only || property.write_only || bare.read_only;
            if is_one_way || (depth > 0 && self.is_split(self.document.bare(item)?, depth - 1)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn inline(&mut self, schema: &Schema, hint: &str, purpose: Use) -> Result<Type, String> {
        let known = self.types.get(hint).into_iter().flatten();
        let mut same = known.filter(|(other, other_purpose, _)| *other_purpose == purpose && other == schema);
        if let Some((.., of_type)) = same.next() {
            return Ok(of_type.clone());
        }
        let of_type = self.new_type(schema, hint, purpose)?;
        if !of_type.name.starts_with("Box<") {
            self.types.entry(hint.to_owned()).or_default().push((schema.clone(), purpose, of_type.clone()));
        }
        Ok(of_type)
    }

    fn new_type(&mut self, schema: &Schema, hint: &str, purpose: Use) -> Result<Type, String> {
        let alternatives = schema.alternatives();
        if let [only] = alternatives[..] {
            return self.of(only, hint, purpose);
        }
        if let Some(words) = schema.words() {
            return Ok(self.model(hint, |_, name| Ok(words_enum(name, schema, &words)))?.1);
        }
        if !alternatives.is_empty() {
            return Ok(self.model(hint, |models, name| models.alternatives(name, schema, purpose))?.1);
        }
        let properties = self.document.properties(schema)?;
        if !properties.is_empty() {
            let (has_default, of_type) = self.model(hint, |models, name| models.object(name, schema, purpose))?;
            return Ok(if has_default { of_type.with_default() } else { of_type });
        }
        Ok(match schema.kind() {
            "array" => self.list(schema, hint, purpose)?,
            "object" => match schema.additional() {
                Some(value) => {
                    let value = self.of(value, &format!("{hint}Value"), purpose)?.in_reply();
                    Type::owned(format!("BTreeMap<String, {value}>")).with_default()
                }
                None => Type::owned("serde_json::Value").with_default(),
            },
            kind => scalar(schema, kind),
        })
    }

    fn list(&mut self, schema: &Schema, hint: &str, purpose: Use) -> Result<Type, String> {
        let Some(item) = &schema.items else { return Ok(Type::owned("Vec<serde_json::Value>").with_default()) };
        let item = self.of(item, &singular(hint), purpose)?.in_reply();
        let item = item.strip_prefix("Box<").and_then(|inner| inner.strip_suffix('>')).unwrap_or(&item);
        Ok(Type::owned(format!("Vec<{item}>")).with_default())
    }

    /// Writes a model once. `write` returns its code, and whether it has a default.
    pub(crate) fn model(
        &mut self,
        hint: &str,
        write: impl FnOnce(&mut Self, &str) -> Result<(String, bool), String>,
    ) -> Result<(bool, Type), String> {
        let name = self.renames.get(hint).cloned().unwrap_or_else(|| hint.to_owned());
        self.used_renames.extend(self.renames.contains_key(hint).then(|| hint.to_owned()));
        if self.written.get(&name).is_some_and(Option::is_none) {
            return Ok((false, Type::owned(format!("Box<{name}>"))));
        }
        let known = self.written.get(&name).cloned().flatten();
        self.written.insert(name.clone(), None);
        let (code, has_default) = write(self, &name)?;
        if known.is_some_and(|known| known != code) {
            return Err(format!(
                "two models have the name `{name}`; give one another name with --rename or in the document"
            ));
        }
        self.written.insert(name.clone(), Some(code));
        Ok((has_default, Type::owned(name)))
    }

    fn object(&mut self, name: &str, schema: &Schema, purpose: Use) -> Result<(String, bool), String> {
        let mut fields = String::new();
        let mut has_default = true;
        for (key, (property, is_required)) in self.document.properties(schema)? {
            let bare = self.document.bare(&property)?;
            let is_read_only = property.read_only || bare.read_only;
            let is_write_only = property.write_only || bare.write_only;
            if (purpose == Use::Request && is_read_only) || (purpose == Use::Reply && is_write_only) {
                continue;
            }
            let field = self.of(&property, &format!("{name}{}", pascal(&key)), purpose)?;
            has_default &= field.has_default || field.nullable || !is_required;
            fields.push_str(&field_code(&key, &property, &field, is_required));
        }
        let default = if has_default { ", Default" } else { "" };
        let docs = docs(schema.description.as_deref(), "");
        let derives = format!("#[derive(Clone, Debug{default}, PartialEq, Serialize, Deserialize)]");
        Ok((format!("{docs}{derives}\npub struct {name} {{\n{fields}}}\n"), has_default))
    }

    /// An enum of models. With a discriminator, its property tells them apart and is not a field of the models.
    fn alternatives(&mut self, name: &str, schema: &Schema, purpose: Use) -> Result<(String, bool), String> {
        let mut variants = String::new();
        for (i, alternative) in schema.alternatives().into_iter().enumerate() {
            let reference = self.reference_name(alternative)?;
            let variant = reference.as_deref().map_or_else(|| format!("{name}{}", i + 1), pascal);
            let (of_type, rename) = match &schema.discriminator {
                Some(discriminator) => {
                    let of = |(_, target): &(&String, &String)| target.rsplit('/').next() == reference.as_deref();
                    let mapped = discriminator.mapping.iter().find(of).map(|(key, _)| key.clone());
                    let bare = self.document.bare(alternative)?.without(&discriminator.property_name);
                    (self.inline(&bare, &variant, purpose)?, mapped.or_else(|| reference.clone()))
                }
                None => (self.of(alternative, &variant, purpose)?, None),
            };
            let rename = rename.map(|text| format!("#[serde(rename = {text:?})]\n")).unwrap_or_default();
            let _ = writeln!(variants, "{rename}{}({}),", pascal(&variant), of_type.in_reply()); // a `String` takes any text
        }
        let attribute = match &schema.discriminator {
            Some(discriminator) => format!("tag = {:?}", discriminator.property_name),
            None => "untagged".to_owned(),
        };
        if schema.discriminator.is_some() {
            variants.push_str("/// An alternative that the document does not have.\n#[serde(other)]\nUnknown,\n");
        }
        let docs = docs(schema.description.as_deref(), "");
        let derives = "#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]";
        Ok((format!("{docs}{derives}\n#[serde({attribute})]\npub enum {name} {{\n{variants}}}\n"), false))
    }
}

fn scalar(schema: &Schema, kind: &str) -> Type {
    let is_unsigned = schema.minimum.is_some_and(|least| least >= 0.0);
    match (kind, schema.format.as_deref()) {
        ("integer", Some("int32")) => Type::scalar(if is_unsigned { "u32" } else { "i32" }),
        ("integer", _) => Type::scalar(if is_unsigned { "u64" } else { "i64" }),
        ("number", Some("float")) => Type::scalar("f32"),
        ("number", _) => Type::scalar("f64"),
        ("boolean", _) => Type::scalar("bool"),
        ("string", Some("date-time")) => Type { is_copy: true, ..Type::owned("Timestamp") },
        ("string", Some("date")) => Type { is_copy: true, ..Type::owned("Date") },
        ("string", _) => Type::owned("String").with_default(),
        _ => Type::owned("serde_json::Value").with_default(),
    }
}

fn field_code(key: &str, property: &Schema, field: &Type, is_required: bool) -> String {
    let name = ident(key);
    let mut options = Vec::new();
    if unraw(&name) != key {
        options.push(format!("rename = {key:?}"));
    }
    if !is_required {
        options.push("skip_serializing_if = \"Option::is_none\"".to_owned());
    }
    let serde = if options.is_empty() { String::new() } else { format!("#[serde({})]\n", options.join(", ")) };
    let optional = Type { nullable: field.nullable || !is_required, ..field.clone() };
    let docs = docs(property.description.as_deref(), &limits(property));
    format!("{docs}{serde}pub {name}: {},\n", optional.in_reply())
}

/// What the type does not say.
fn limits(property: &Schema) -> String {
    let length = property.max_length.map(|most| format!("At most {most} characters."));
    let items = property.max_items.map(|most| format!("At most {most} items."));
    length.into_iter().chain(items).collect::<Vec<_>>().join(" ")
}

/// A doc comment of texts, each of which may be empty. Code in them is not a test: a fence without a language gets one, and four
/// blanks at the start of a line become three.
pub(crate) fn docs(description: Option<&str>, rest: &str) -> String {
    let texts = [description.unwrap_or_default().trim(), rest].into_iter().filter(|text| !text.is_empty());
    let mut is_code = false;
    let lines: Vec<String> = texts
        .flat_map(str::lines)
        .map(|line| {
            let text = line.trim_start();
            let is_fence = text.starts_with("```");
            let language = if text.trim_end() == "```" && !is_code { "text" } else { "" };
            let indent = if is_code { line.len() - text.len() } else { (line.len() - text.len()).min(3) };
            is_code ^= is_fence;
            format!("/// {:indent$}{}{language}", "", text.trim_end()).trim_end().to_owned() + "\n"
        })
        .collect();
    lines.concat()
}

/// An enum of words that keeps a word that the document does not list.
fn words_enum(name: &str, schema: &Schema, words: &[&str]) -> (String, bool) {
    let mut variants: IndexMap<String, &str> = IndexMap::new();
    for word in words {
        let mut variant = pascal(word);
        while variants.contains_key(&variant) || variant == "Unknown" || variant == "Self" {
            variant.push('_');
        }
        variants.insert(variant.replace('_', "X"), word);
    }
    let listed =
        variants.iter().map(|(variant, word)| format!("/// `{word}`\n#[serde(rename = {word:?})]\n{variant},\n"));
    let arms = variants.iter().map(|(variant, word)| format!("Self::{variant} => {word:?},\n"));
    let (listed, arms) = (listed.collect::<Vec<_>>().concat(), arms.collect::<Vec<_>>().concat());
    let docs = docs(schema.description.as_deref(), "");
    let code = format!(
        "{docs}#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]\npub enum {name} {{\n{listed}\
         /// A value that the document does not list.\n#[serde(untagged)]\nUnknown(String),\n}}\n\n\
         impl fmt::Display for {name} {{\n\
         fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {{\n\
         f.write_str(match self {{\n{arms}Self::Unknown(value) => value,\n}})\n}}\n}}\n"
    );
    (code, false)
}
