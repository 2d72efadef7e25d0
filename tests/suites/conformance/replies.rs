//! Every reply that the document's schemas allow, read as a client reads it.

use jiff::Timestamp;
use meetbit_client::ErrorKind;
use meetbit_tests::operations;
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Map, Value, json};

use crate::client::{answered, runtime};
use crate::document::Document;

/// Begins the names of properties that the document does not have.
const EXTRA: &str = "x_extra_";

#[test]
fn every_reply_that_the_schemas_allow_is_read_whole() {
    assert_eq!(failure(&Document::as_meant()), None);
}

/// Where the document says that `null` and `required` are inferred, the models rely on less than it says.
#[test]
fn where_nullability_is_inferred_replies_with_nulls_and_gaps_are_read_too() {
    let mut document = Document::as_meant();
    loosen(&mut document.0["components"]["schemas"]["User"], &["id"]);
    loosen(&mut document.0["components"]["schemas"]["Event"], &["id", "calendar_id", "start", "end"]);
    assert_eq!(failure(&document), None);
}

/// A schema that asks for more than the models do makes replies that they cannot read, so the tests above can fail.
#[test]
fn a_reply_that_a_model_cannot_read_is_noticed() {
    let changes = [
        ("OnlineConference/properties/title", json!({"type": "integer"}), "title`, expected a string"),
        ("User/properties/created_at", json!({"type": "string"}), "created_at`"),
        ("WorkHoursSpan/properties/start", json!({"type": "boolean"}), "start`, expected struct TimeOfDay"),
        ("Customer/required", json!([]), "the field `id` is missing at `data`"),
    ];
    for (pointer, change, expected) in changes {
        let mut document = Document::as_meant();
        *document.0.pointer_mut(&format!("/components/schemas/{pointer}")).unwrap() = change;
        let found = failure(&document).unwrap();
        assert!(found.contains("the reply cannot be read: ") && found.contains(expected), "{pointer}: {found}");
    }
}

/// What is lost on the way is noticed too, not only what cannot be read.
#[test]
fn a_value_that_is_lost_is_noticed() {
    let sent = json!({"a": [{"b": 1, "c": null, "x_extra_d": 2}], "at": "2030-01-01T00:00:00+00:00"});
    assert_eq!(lost(&sent, &json!({"a": [{"b": 1}], "at": "2030-01-01T00:00:00Z"})), None);
    assert_eq!(lost(&sent, &json!({"a": [{"b": 2}], "at": "2030-01-01T00:00:00Z"})).unwrap(), ".a.0.b: 1 became 2");
    assert_eq!(lost(&sent, &json!({"a": [], "at": "2030-01-01T00:00:00Z"})).unwrap(), ".a: 1 items became 0");
    assert!(lost(&sent, &json!({"a": [{"b": 1}]})).is_some());
}

#[test]
fn a_reply_without_the_envelope_or_of_another_type_is_a_decode_error() {
    let runtime = runtime();
    for reply in [json!({}), json!({"message": "Done."}), json!([]), json!({"data": "x"}), json!({"data": 7})] {
        for operation in operations::all(&answered(&reply), &[]) {
            let error = runtime.block_on(operation.reply).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Decode, "{}: {reply}", operation.endpoint);
        }
    }
}

/// What goes wrong with the first reply that is not read, or not whole.
fn failure(document: &Document) -> Option<String> {
    let runtime = runtime();
    let mut endpoints = operations::CATALOGUES.concat().into_iter().enumerate();
    endpoints.find_map(|(i, endpoint)| {
        let operation = document.operation(endpoint.method().as_str(), endpoint.path());
        let validator = document.reply_validator(&operation);
        let mut runner = TestRunner::new(Config { cases: 128, failure_persistence: None, ..Config::default() });
        let result = runner.run(&any_of(document, operation.reply()), |reply| {
            prop_assert!(validator.is_valid(&reply), "the test made a reply that the schema refuses");
            let call = operations::all(&answered(&reply), &[]).swap_remove(i);
            prop_assert_eq!(call.endpoint, endpoint);
            let read = runtime.block_on(call.reply).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(lost(&reply["data"], &read), None);
            Ok(())
        });
        result.err().map(|error| error.to_string())
    })
}

/// Where and what of `sent` is not in `read`. `null`, an absence and an empty list are one; times count by their instant.
fn lost(sent: &Value, read: &Value) -> Option<String> {
    let instant = |value: &Value| value.as_str()?.parse::<Timestamp>().ok();
    match (sent, read) {
        (Value::Object(sent), Value::Object(_)) => {
            let mut known = sent.iter().filter(|(name, _)| !name.starts_with(EXTRA));
            known.find_map(|(name, value)| lost(value, &read[name]).map(|rest| format!(".{name}{rest}")))
        }
        (Value::Array(sent), Value::Array(read)) if sent.len() == read.len() => {
            let mut pairs = sent.iter().zip(read).enumerate();
            pairs.find_map(|(i, (sent, read))| lost(sent, read).map(|rest| format!(".{i}{rest}")))
        }
        (Value::Array(sent), Value::Array(read)) => Some(format!(": {} items became {}", sent.len(), read.len())),
        (Value::Null, Value::Array(read)) if read.is_empty() => None,
        _ if sent == read || instant(sent).is_some_and(|at| instant(read) == Some(at)) => None,
        _ => Some(format!(": {sent} became {read}")),
    }
}

fn loosen(schema: &mut Value, relied_on: &[&str]) {
    schema["required"] = json!(relied_on);
    for (name, property) in schema["properties"].as_object_mut().unwrap() {
        if !relied_on.contains(&&**name) {
            *property = json!({"anyOf": [{"enum": [null]}, property.clone()]});
        }
    }
}

/// Any value that a schema allows.
fn any_of(document: &Document, schema: &Value) -> BoxedStrategy<Value> {
    let schema = document.resolve(schema);
    if let Some(options) = schema["anyOf"].as_array() {
        return proptest::strategy::Union::new(options.iter().map(|option| any_of(document, option))).boxed();
    }
    if let Some(options) = schema["enum"].as_array() {
        return proptest::sample::select(options.clone()).boxed();
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let [part] = &parts[..] else { panic!("no reply has an `allOf` of several: {schema}") };
        return any_of(document, part);
    }
    let value = match schema["type"].as_str().unwrap() {
        "object" => object(document, schema),
        "array" => vec(any_of(document, &schema["items"]), 0..3).prop_map(Value::from).boxed(),
        "string" => text(schema),
        "integer" => prop_oneof![any::<i64>(), 0i64..100].prop_map(Value::from).boxed(),
        "boolean" => any::<bool>().prop_map(Value::from).boxed(),
        other => panic!("no reply has a `{other}`"),
    };
    if schema["nullable"] == true { prop_oneof![1 => Just(Value::Null), 3 => value].boxed() } else { value }
}

/// All that is required, some of the rest, and some that the document does not know.
fn object(document: &Document, schema: &Value) -> BoxedStrategy<Value> {
    let required: Vec<_> = schema["required"].as_array().into_iter().flatten().collect();
    let properties = schema["properties"].as_object().unwrap().iter().map(|(name, property)| {
        let value = any_of(document, property);
        let is_required = required.iter().any(|other| *other == name);
        (Just(name.clone()), if is_required { value.prop_map(Some).boxed() } else { of(value).boxed() })
    });
    let extra = btree_map("[a-z]{1,6}".prop_map(|name| format!("{EXTRA}{name}")), anything(), 0..2);
    (properties.collect::<Vec<_>>(), extra)
        .prop_map(|(properties, extra)| {
            let known = properties.into_iter().filter_map(|(name, value)| Some((name, value?)));
            Value::Object(known.chain(extra).collect::<Map<_, _>>())
        })
        .boxed()
}

fn text(schema: &Value) -> BoxedStrategy<Value> {
    let longest = schema["maxLength"].as_u64().map_or(400, |longest| usize::try_from(longest).unwrap());
    let text = match schema["format"].as_str() {
        None => prop_oneof![
            8 => ".{0,20}",
            1 => Just("ü".repeat(longest)),
            1 => Just("Mars/Olympus_Mons".to_owned()),
        ]
        .boxed(),
        Some("email") => "[a-z0-9+_-]{1,20}@[a-z0-9]{1,20}\\.[a-z]{2,6}".boxed(),
        Some("date-time") => date_time().boxed(),
        Some(other) => panic!("no reply has a string of the format `{other}`"),
    };
    text.prop_map(Value::from).boxed()
}

/// RFC 3339 in all its spellings.
fn date_time() -> impl Strategy<Value = String> {
    let seconds = -30_000_000_000_i64..200_000_000_000;
    let fraction = prop_oneof![Just(String::new()), "\\.[0-9]{1,9}"];
    let offset =
        prop_oneof![4 => Just("Z"), 1 => Just("z"), 1 => Just("+00:00"), 1 => Just("-08:00"), 1 => Just("+05:45")];
    (seconds, fraction, offset, any::<bool>()).prop_map(|(seconds, fraction, offset, is_lower)| {
        let at = Timestamp::from_second(seconds).unwrap().to_string();
        let at = if is_lower { at.replace('T', "t") } else { at };
        format!("{}{fraction}{offset}", at.trim_end_matches('Z'))
    })
}

fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<f64>()
            .prop_filter_map("JSON has no such number", |number| Some(Value::from(number)).filter(Value::is_number)),
        Just(json!({"id": "not an id"})),
        Just(json!([[], {}])),
    ]
}
