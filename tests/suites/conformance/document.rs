//! The OpenAPI document, and its schemas as JSON Schema.

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

/// What OpenAPI 3.0 says to the letter and the author did not mean: `nullable` beside an `allOf` has no effect, since it
/// needs a `type` of its own. The SDK sends `null` for an address that is not known, and takes it for a conference.
const MEANT_NULLABLE: [&str; 2] =
    ["/components/schemas/Customer/properties/address", "/components/schemas/Event/properties/online_conference"];

/// Schemas that others add properties to: whether they are closed is for those to say.
const EXTENDED: [&str; 2] = ["User", "OnlineConference"];

pub(crate) struct Document(pub(crate) Value);

pub(crate) struct Operation<'a> {
    pub(crate) method: String,
    pub(crate) path: &'a str,
    pub(crate) value: &'a Value,
    document: &'a Value,
}

impl Document {
    pub(crate) fn read() -> Self {
        Self(serde_saphyr::from_str(include_str!("../../data/openapi.yaml")).unwrap())
    }

    pub(crate) fn operations(&self) -> Vec<Operation<'_>> {
        let paths = self.0["paths"].as_object().unwrap();
        let operations = paths.iter().flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap();
            methods.iter().map(move |(method, value)| Operation {
                method: method.to_uppercase(),
                path,
                value,
                document: &self.0,
            })
        });
        operations.collect()
    }

    pub(crate) fn operation(&self, method: &str, path: &str) -> Operation<'_> {
        self.operations().into_iter().find(|operation| operation.method == method && operation.path == path).unwrap()
    }

    /// What a pointer names, with `$ref` followed.
    pub(crate) fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        resolve(&self.0, schema)
    }

    /// The document with `null` allowed where its author meant to.
    pub(crate) fn as_meant() -> Self {
        let mut document = Self::read();
        for pointer in MEANT_NULLABLE {
            let schema = document.0.pointer_mut(pointer).unwrap();
            assert_eq!(schema["nullable"], true, "{pointer}");
            *schema = json!({"anyOf": [{"enum": [null]}, schema.clone()]});
        }
        document
    }

    /// Checks request bodies: read-only properties must not be sent, and no others than the document's.
    pub(crate) fn request_validator(&self, operation: &Operation<'_>) -> Validator {
        let mut root = json!({
            "$ref": operation.body_pointer(),
            "unevaluatedProperties": false,
            "components": self.0["components"].clone(),
            "paths": self.0["paths"].clone(),
        });
        convert(&mut root, true);
        for (name, schema) in root.pointer_mut("/components/schemas").unwrap().as_object_mut().unwrap() {
            if !EXTENDED.contains(&&**name) && schema["additionalProperties"].is_null() {
                schema["unevaluatedProperties"] = json!(false);
            }
        }
        validator(&root)
    }

    /// Checks the bodies of successful replies.
    pub(crate) fn reply_validator(&self, operation: &Operation<'_>) -> Validator {
        let mut root = operation.reply().clone();
        root["components"] = self.0["components"].clone();
        convert(&mut root, false);
        validator(&root)
    }
}

impl<'a> Operation<'a> {
    /// The names of its parameters in `place`.
    pub(crate) fn parameters(&self, place: &str) -> Vec<&'a str> {
        let parameters = self.value["parameters"].as_array().into_iter().flatten();
        let parameters = parameters.map(|parameter| resolve(self.document, parameter));
        parameters
            .filter(|parameter| parameter["in"] == place)
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect()
    }

    /// The schema of one of its parameters.
    pub(crate) fn parameter(&self, name: &str) -> &'a Value {
        let parameters = self.value["parameters"].as_array().unwrap().iter();
        let mut parameters = parameters.map(|parameter| resolve(self.document, parameter));
        &parameters.find(|parameter| parameter["name"] == name).unwrap()["schema"]
    }

    /// The schema of a successful reply.
    pub(crate) fn reply(&self) -> &'a Value {
        &resolve(self.document, &self.value["responses"]["200"])["content"]["application/json"]["schema"]
    }

    fn body_pointer(&self) -> String {
        let path = self.path.replace('/', "~1").replace('{', "%7B").replace('}', "%7D");
        format!("#/paths/{path}/{}/requestBody/content/application~1json/schema", self.method.to_lowercase())
    }
}

fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(pointer) => resolve(document, document.pointer(pointer.trim_start_matches('#')).unwrap()),
        None => schema,
    }
}

/// Makes an OpenAPI 3.0 schema, and all within it, one of JSON Schema.
fn convert(value: &mut Value, is_request: bool) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| convert(item, is_request)),
        Value::Object(schema) => {
            if is_request {
                forbid_read_only(schema);
            }
            if let (Some(Value::Bool(true)), Some(of_type)) = (schema.remove("nullable"), schema.get_mut("type")) {
                *of_type = json!([of_type.clone(), "null"]);
            }
            schema.values_mut().for_each(|value| convert(value, is_request));
        }
        _ => {}
    }
}

/// Read-only properties are part of replies alone, and so required there alone.
fn forbid_read_only(schema: &mut Map<String, Value>) {
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    let read_only = properties.iter().filter(|(_, property)| property["readOnly"] == true);
    let read_only: Vec<_> = read_only.map(|(name, _)| name.clone()).collect();
    for name in &read_only {
        properties.insert(name.clone(), json!(false));
    }
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.retain(|name| !read_only.iter().any(|other| name == other));
    }
}

fn validator(schema: &Value) -> Validator {
    jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true).build(schema).unwrap()
}
