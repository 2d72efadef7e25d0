//! The sandbox's rules for bodies, held against the OpenAPI document: it takes what the document allows, and refuses each
//! departure from it at the field that departs.

use meetbit_client::sandbox::Sandbox;
use serde_json::{Map, Value, json};

use crate::socket::{Answer, call, get, unlimited};

/// An operation with a body, its path filled with ids that are there.
struct Operation {
    method: String,
    path: String,
    schema: Value,
}

/// One change of a valid body, and whether it is still valid.
struct Change {
    field: String,
    value: Option<Value>,
    is_valid: bool,
}

fn document() -> Value {
    serde_saphyr::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/openapi.yaml"))).unwrap()
}

fn operations() -> Vec<Operation> {
    let document = document();
    let methods = document["paths"].as_object().unwrap().iter().flat_map(|(path, methods)| {
        methods.as_object().unwrap().iter().map(move |(method, operation)| (path, method, operation))
    });
    let with_body = methods.filter_map(|(path, method, operation)| {
        let schema = operation.pointer("/requestBody/content/application~1json/schema")?;
        let path = path.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect::<Vec<_>>();
        Some(Operation { method: method.to_uppercase(), path: path.join("/"), schema: flat(&document, schema) })
    });
    let operations: Vec<_> = with_body.collect();
    assert_eq!(operations.len(), 6);
    operations
}

/// A schema with `$ref` and `allOf` resolved, and without what is read-only.
fn flat(document: &Value, schema: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        return flat(document, document.pointer(reference.trim_start_matches('#')).unwrap());
    }
    let mut flattened = schema.clone();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        merge(&mut flattened, &flat(document, part));
    }
    let properties: Map<_, _> = flattened["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, property)| property["readOnly"] != true)
        .map(|(name, property)| (name.clone(), flat(document, property)))
        .collect();
    if !properties.is_empty() {
        flattened["properties"] = Value::Object(properties);
    }
    if !schema["items"].is_null() {
        flattened["items"] = flat(document, &schema["items"]);
    }
    flattened
}

fn merge(into: &mut Value, part: &Value) {
    for (key, value) in part.as_object().unwrap() {
        match (&mut into[key], value) {
            (Value::Object(old), Value::Object(new)) => old.extend(new.clone()),
            (Value::Array(old), Value::Array(new)) => old.extend(new.clone()),
            (old, new) => *old = new.clone(),
        }
    }
}

fn is_required(schema: &Value, name: &str) -> bool {
    schema["required"].as_array().is_some_and(|required| required.iter().any(|field| field == name))
}

/// A body with everything that the document allows in it.
fn sample(name: &str, schema: &Value) -> Value {
    match (schema["type"].as_str().unwrap(), name) {
        ("object", _) => {
            let properties = schema["properties"].as_object().unwrap().iter();
            properties.map(|(name, property)| (name.clone(), sample(name, property))).collect::<Map<_, _>>().into()
        }
        ("array", _) => json!([sample("", &schema["items"])]),
        ("boolean", "is_silent") => json!(false), // true would make `activate` required
        ("boolean", _) => json!(true),
        ("integer", _) => json!(1),
        ("string", _) if schema["format"] == "email" => json!("ada@example.com"),
        ("string", "contact_number") => json!("+447700900123"), // "E.164 form."
        ("string", "timezone") => json!("Europe/London"),       // "IANA time zone name."
        ("string", _) => json!("x"),
        (kind, _) => panic!("no sample of {kind}"),
    }
}

/// Every change of one field that the schema has something to say about, in nested objects and items too.
fn changes(prefix: &str, schema: &Value) -> Vec<Change> {
    let properties = schema["properties"].as_object().unwrap().iter();
    properties
        .flat_map(|(name, property)| field_changes(&format!("{prefix}{name}"), property, is_required(schema, name)))
        .collect()
}

fn field_changes(field: &str, schema: &Value, is_required: bool) -> Vec<Change> {
    let change = |value: Value, is_valid| Change { field: field.into(), value: Some(value), is_valid };
    let kind = schema["type"].as_str().unwrap();
    let wrong_type = if kind == "string" { json!(5) } else { json!("wrong") };
    let mut changes = vec![
        Change { field: field.into(), value: None, is_valid: !is_required },
        change(wrong_type, false),
        change(json!([["wrong"]]), false),
    ];
    if is_required || schema["nullable"] == true {
        changes.push(change(Value::Null, schema["nullable"] == true));
    }
    if let Some(most) = schema["maxLength"].as_u64().map(|most| usize::try_from(most).unwrap()) {
        if schema["format"] != "email" {
            changes.push(change(json!("é".repeat(most)), true));
        }
        changes.push(change(json!("é".repeat(most + 1)), false));
    }
    if schema["format"] == "email" {
        changes.extend(["ada", "ada@", "@example.com"].map(|text| change(json!(text), false)));
    }
    if let Some(most) = schema["maxItems"].as_u64().map(|most| usize::try_from(most).unwrap()) {
        let item = sample("", &schema["items"]);
        changes.push(change(json!(vec![item.clone(); most]), true));
        changes.push(change(json!(vec![item; most + 1]), false));
    }
    match kind {
        "object" => changes.extend(self::changes(&format!("{field}."), schema)),
        "array" => changes.extend(self::changes(&format!("{field}.0."), &schema["items"])),
        _ => {}
    }
    changes
}

/// The body with one field changed; the field's name is a path with dots.
fn changed(mut body: Value, change: &Change) -> Value {
    let pointer = format!("/{}", change.field.replace('.', "/"));
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match &change.value {
        Some(value) => parent.insert(name.into(), value.clone()),
        None => parent.remove(name),
    };
    body
}

async fn answer(operation: &Operation, body: &Value) -> Answer {
    let sandbox: Sandbox = unlimited().await; // a new one, since a cancelled event cannot be cancelled again
    call(&sandbox, &operation.method, &operation.path, Some(body)).await
}

#[tokio::test]
async fn what_the_document_allows_is_taken() {
    for operation in operations() {
        let body = sample("", &operation.schema);
        assert_eq!(answer(&operation, &body).await.status, 200, "{} {}: {body}", operation.method, operation.path);
    }
}

#[tokio::test]
async fn each_departure_from_the_document_is_refused_at_its_field() {
    let mut refused = 0;
    for operation in operations() {
        let body = sample("", &operation.schema);
        for change in changes("", &operation.schema) {
            let text = format!("{} {} with {} as {:?}", operation.method, operation.path, change.field, change.value);
            let answer = answer(&operation, &changed(body.clone(), &change)).await;
            if change.is_valid {
                assert_eq!(answer.status, 200, "{text}: {answer:?}");
                continue;
            }
            refused += 1;
            let errors = answer.errors();
            let fields: Vec<_> = errors.as_object().unwrap().keys().collect();
            let is_there =
                |field: &&String| **field == change.field || field.starts_with(&format!("{}.", change.field));
            assert!(!fields.is_empty() && fields.iter().all(is_there), "{text}: {errors}");
        }
    }
    assert!(refused > 250, "{refused}");
}

#[tokio::test]
async fn read_only_fields_are_ignored_whatever_is_in_them() {
    for operation in operations() {
        let mut body = sample("", &operation.schema);
        for name in ["id", "created_at", "updated_at", "deleted_at", "is_occurred", "started_at", "ended_at"] {
            if body.get(name).is_none() {
                body[name] = json!(["anything"]);
            }
        }
        assert_eq!(answer(&operation, &body).await.status, 200, "{} {}", operation.method, operation.path);
    }
}

#[tokio::test]
async fn times_together_are_at_most_24_hours() {
    let users = operations().into_iter().find(|operation| operation.path == "/users").unwrap();
    let time = |hour: i64, minute: i64, second: i64| json!({"hour": hour, "minute": minute, "second": second});
    let cases = [
        (time(24, 0, 0), true),
        (time(23, 59, 60), true),
        (time(0, 1440, 0), true),
        (time(0, 0, 86_400), true),
        (time(24, 0, 1), false),
        (time(23, 60, 1), false),
        (time(-1, 60, 0), false),
        (time(i64::MAX, 0, 0), false),
        (time(i64::MAX, i64::MAX, i64::MAX), false),
        (time(i64::MIN, i64::MAX, i64::MAX), false),
    ];
    for (end, is_valid) in cases {
        let mut body = sample("", &users.schema);
        body["work_hours"]["monday"][0]["end"] = end.clone();
        let answer = answer(&users, &body).await;
        assert_eq!(answer.status, if is_valid { 200 } else { 400 }, "{end}: {answer:?}");
        if !is_valid {
            let text = "The work_hours.monday.0.end field must be between 0 and 24 hours.";
            assert_eq!(answer.errors(), json!({"work_hours.monday.0.end": [text]}), "{end}");
        }
    }
}

#[tokio::test]
async fn a_filter_takes_the_attributes_of_the_document_and_no_others() {
    let document = document();
    let sandbox = unlimited().await;
    for parameter in document["paths"]["/users"]["get"]["parameters"].as_array().unwrap() {
        let Some(words) = parameter["schema"]["enum"].as_array() else { continue };
        let name = parameter["name"].as_str().unwrap();
        for word in words.iter().map(|word| word.as_str().unwrap()) {
            let answer = get(&sandbox, &format!("/users?{name}={word}&value=1")).await;
            assert_eq!(answer.status, 200, "{name}={word}");
        }
        assert!(get(&sandbox, &format!("/users?{name}=shoe_size&value=1")).await.errors()[name].is_array(), "{name}");
    }
}
