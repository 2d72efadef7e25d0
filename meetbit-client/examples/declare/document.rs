//! An OpenAPI document, as far as declarations need it.

use std::fs;
use std::path::Path;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// References are followed this deep, because a document may be circular.
const MAX_DEPTH: usize = 32;

#[derive(Deserialize)]
pub(crate) struct Document {
    pub(crate) info: Info,
    #[serde(default)]
    pub(crate) paths: IndexMap<String, PathItem>,
    #[serde(default)]
    components: Components,
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
}

#[derive(Deserialize)]
pub(crate) struct Tag {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Info {
    pub(crate) title: String,
    pub(crate) version: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Components {
    schemas: IndexMap<String, Schema>,
    parameters: IndexMap<String, Parameter>,
    request_bodies: IndexMap<String, Body>,
    responses: IndexMap<String, Body>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct PathItem {
    pub(crate) parameters: Vec<Parameter>,
    get: Option<Operation>,
    head: Option<Operation>,
    post: Option<Operation>,
    put: Option<Operation>,
    patch: Option<Operation>,
    delete: Option<Operation>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Operation {
    #[serde(rename = "operationId")]
    pub(crate) id: Option<String>,
    pub(crate) summary: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) deprecated: bool,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) request_body: Option<Body>,
    pub(crate) responses: IndexMap<String, Body>,
    #[serde(rename = "x-permissions")]
    permissions: Option<Several>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Parameter {
    #[serde(rename = "$ref")]
    pub(crate) reference: Option<String>,
    pub(crate) name: String,
    #[serde(rename = "in")]
    pub(crate) location: String,
    pub(crate) required: bool,
    pub(crate) description: Option<String>,
    pub(crate) schema: Schema,
    pub(crate) style: Option<String>,
    pub(crate) explode: Option<bool>,
}

/// A body of a request or of a reply.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Body {
    #[serde(rename = "$ref")]
    reference: Option<String>,
    pub(crate) required: bool,
    pub(crate) content: IndexMap<String, Content>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Content {
    pub(crate) schema: Schema,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Schema {
    #[serde(rename = "$ref")]
    pub(crate) reference: Option<String>,
    #[serde(rename = "type")]
    types: Option<Several>,
    pub(crate) format: Option<String>,
    nullable: bool,
    pub(crate) properties: IndexMap<String, Schema>,
    pub(crate) required: Vec<String>,
    pub(crate) items: Option<Box<Schema>>,
    additional_properties: Option<Additional>,
    #[serde(rename = "enum")]
    values: Vec<Value>,
    #[serde(rename = "const")]
    constant: Option<Value>,
    pub(crate) all_of: Vec<Schema>,
    one_of: Vec<Schema>,
    any_of: Vec<Schema>,
    pub(crate) discriminator: Option<Discriminator>,
    pub(crate) read_only: bool,
    pub(crate) write_only: bool,
    pub(crate) description: Option<String>,
    pub(crate) minimum: Option<f64>,
    pub(crate) max_length: Option<u64>,
    pub(crate) max_items: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Discriminator {
    pub(crate) property_name: String,
    #[serde(default)]
    pub(crate) mapping: IndexMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Several {
    One(String),
    Many(Vec<String>),
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Additional {
    Allowed(bool),
    Schema(Box<Schema>),
}

impl Several {
    fn texts(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

impl Document {
    /// Reads YAML, of which JSON is a part.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let is_json = text.trim_start().starts_with('{');
        let document = if is_json { from_json(&text) } else { from_yaml(&text) };
        document.map_err(|error| format!("{} is not an OpenAPI document: {error}", path.display()))
    }

    pub(crate) fn parameter(&self, parameter: &Parameter) -> Result<Parameter, String> {
        resolved(parameter, |it| it.reference.as_deref(), "parameters", &self.components.parameters)
    }

    pub(crate) fn request_body(&self, body: &Body) -> Result<Body, String> {
        resolved(body, |it| it.reference.as_deref(), "requestBodies", &self.components.request_bodies)
    }

    pub(crate) fn response(&self, response: &Body) -> Result<Body, String> {
        resolved(response, |it| it.reference.as_deref(), "responses", &self.components.responses)
    }

    /// The schema that a reference names, and its name.
    pub(crate) fn schema<'s>(&self, reference: &'s str) -> Result<(&'s str, &Schema), String> {
        let name = reference.strip_prefix("#/components/schemas/");
        let found = name.and_then(|name| Some((name, self.components.schemas.get(name)?)));
        found.ok_or_else(|| format!("the reference `{reference}` names no schema of the document's components"))
    }

    /// The schema with references followed, and without an `allOf` of one.
    pub(crate) fn bare<'a>(&'a self, mut schema: &'a Schema) -> Result<&'a Schema, String> {
        for _ in 0..MAX_DEPTH {
            schema = match (&schema.reference, &schema.all_of[..]) {
                (Some(reference), _) => self.schema(reference)?.1,
                (None, [only]) if schema.properties.is_empty() => only,
                _ => return Ok(schema),
            };
        }
        Err("a reference is circular".to_owned())
    }

    /// The properties of a schema and of its `allOf`, each with whether it is required.
    pub(crate) fn properties(&self, schema: &Schema) -> Result<IndexMap<String, (Schema, bool)>, String> {
        let (mut properties, mut required) = (IndexMap::new(), Vec::new());
        self.collect(schema, &mut properties, &mut required, MAX_DEPTH)?;
        let is_required = |name: &String| required.contains(name);
        Ok(properties.into_iter().map(|(name, schema)| (name.clone(), (schema, is_required(&name)))).collect())
    }

    fn collect(
        &self,
        schema: &Schema,
        properties: &mut IndexMap<String, Schema>,
        required: &mut Vec<String>,
        depth: usize,
    ) -> Result<(), String> {
        let depth = depth.checked_sub(1).ok_or("a schema consists of itself")?;
        if let Some(reference) = &schema.reference {
            self.collect(self.schema(reference)?.1, properties, required, depth)?;
        }
        for part in &schema.all_of {
            self.collect(part, properties, required, depth)?;
        }
        properties.extend(schema.properties.clone());
        required.extend(schema.required.iter().cloned());
        Ok(())
    }
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn from_yaml<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_saphyr::from_str(text).map_err(|error| error.to_string())
}

/// A component behind its reference.
fn resolved<T: Clone>(
    value: &T,
    reference: impl Fn(&T) -> Option<&str>,
    kind: &str,
    components: &IndexMap<String, T>,
) -> Result<T, String> {
    let Some(text) = reference(value) else { return Ok(value.clone()) };
    let name = text.strip_prefix("#/components/").and_then(|rest| rest.strip_prefix(kind)?.strip_prefix('/'));
    let found = name.and_then(|name| components.get(name)).filter(|found| reference(found).is_none());
    found.cloned().ok_or_else(|| format!("the reference `{text}` names nothing in the document's {kind}"))
}

impl PathItem {
    /// The operations with their methods.
    pub(crate) fn operations(&self) -> impl Iterator<Item = (&'static str, &Operation)> {
        let all = [
            ("get", &self.get),
            ("head", &self.head),
            ("post", &self.post),
            ("put", &self.put),
            ("patch", &self.patch),
            ("delete", &self.delete),
        ];
        all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
    }
}

impl Operation {
    /// The permissions of `x-permissions`, or those in the description, such as `notes.read.*`.
    pub(crate) fn permissions(&self) -> Vec<String> {
        if let Some(stated) = &self.permissions {
            return stated.texts().to_vec();
        }
        let text = self.description.as_deref().unwrap_or_default();
        let words = text.split(|c: char| c.is_whitespace() || "`\"'()[],;:".contains(c));
        let words = words.map(|word| word.trim_end_matches('.')).filter(|word| word.ends_with(".*"));
        let is_permission = |word: &&str| word.parse::<meetbit_client::Permission>().is_ok();
        words.filter(is_permission).map(str::to_owned).collect()
    }
}

impl Schema {
    /// Its type without `null`.
    pub(crate) fn kind(&self) -> &str {
        let types = self.types.as_ref().map(Several::texts).unwrap_or_default();
        let mut types = types.iter().filter(|kind| *kind != "null");
        match (types.next(), types.next()) {
            (Some(kind), None) => kind,
            (None, _) if !self.properties.is_empty() || self.additional_properties.is_some() => "object",
            (None, _) if self.items.is_some() => "array",
            (None, _) if self.words().is_some() => "string",
            _ => "",
        }
    }

    pub(crate) fn is_nullable(&self) -> bool {
        let types = self.types.as_ref().map(Several::texts).unwrap_or_default();
        self.nullable
            || types.iter().any(|kind| kind == "null")
            || self.values.contains(&Value::Null)
            || self.all_alternatives().any(Self::is_null)
    }

    fn is_null(&self) -> bool {
        self.types.as_ref().is_some_and(|types| types.texts() == ["null"]) || self.values == [Value::Null]
    }

    fn all_alternatives(&self) -> impl Iterator<Item = &Self> {
        self.one_of.iter().chain(&self.any_of)
    }

    /// The schemas of `oneOf` or `anyOf`, without that of `null`.
    pub(crate) fn alternatives(&self) -> Vec<&Self> {
        self.all_alternatives().filter(|schema| !schema.is_null()).collect()
    }

    /// The values of an enum of strings.
    pub(crate) fn words(&self) -> Option<Vec<&str>> {
        let constant = self.constant.iter();
        let words: Option<Vec<_>> =
            self.values.iter().filter(|value| !value.is_null()).chain(constant).map(Value::as_str).collect();
        words.filter(|words| !words.is_empty())
    }

    /// The schema of the values of a map.
    pub(crate) fn additional(&self) -> Option<&Self> {
        match self.additional_properties.as_ref()? {
            Additional::Schema(schema) => Some(schema),
            Additional::Allowed(_) => None,
        }
    }

    /// The schema without a property.
    pub(crate) fn without(&self, property: &str) -> Self {
        let mut schema = self.clone();
        schema.properties.shift_remove(property);
        schema.required.retain(|name| name != property);
        schema
    }
}
