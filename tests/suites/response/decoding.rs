//! Odd but valid JSON, and the types of users: promises 13 to 15.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::fmt::Debug;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use meetbit_client::{
    Api, Call, Client, Customer, Error, ErrorKind, ListUsers, Outcome, RetryPolicy, Users, api, api_endpoint,
};
use meetbit_tests::client::{SECRET, builder, create};
use meetbit_tests::server::replies;
use proptest::prelude::*;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// What a user of the SDK declares.
#[api]
trait Shapes: Api {
    #[api_endpoint(post, "/shapes", perm = "shapes.create.*")]
    fn shape(&self) -> Call<Shape>;
    #[api_endpoint(get, "/shapes", perm = "shapes.read.*")]
    fn shapes(&self) -> Call<Vec<Option<Point>>>;
    #[api_endpoint(get, "/shapes/{id}", perm = "shapes.read.*")]
    fn find(&self, id: u32) -> Call<Option<Point>>;
    #[api_endpoint(get, "/point", perm = "shapes.read.*", raw)]
    fn raw_point(&self) -> Call<Point>;
    #[api_endpoint(get, "/points", perm = "shapes.read.*", raw)]
    fn raw_find(&self) -> Call<Option<Point>>;
    #[api_endpoint(post, "/shapes/draw", perm = "shapes.read.*")]
    fn draw(&self) -> Call<()>;
    #[api_endpoint(get, "/any", perm = "shapes.read.*")]
    fn any(&self) -> Call<serde_json::Value>;
    #[api_endpoint(get, "/nested", perm = "shapes.read.*")]
    fn nested(&self) -> Call<Nested>;
    #[api_endpoint(get, "/tree", perm = "shapes.read.*")]
    fn tree(&self) -> Call<Tree>;
}

/// It is as deep as the text.
#[derive(Debug, Deserialize)]
struct Nested(Vec<Nested>);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Tree {
    Leaf,
    Inner(Box<Tree>),
    Many(Vec<Tree>),
}

impl Nested {
    fn depth(&self) -> usize {
        1 + self.0.first().map_or(0, Self::depth)
    }
}

impl Tree {
    fn depth(&self) -> usize {
        match self {
            Self::Leaf => 0,
            Self::Inner(tree) => 1 + tree.depth(),
            Self::Many(trees) => 2 + trees.first().map_or(0, Self::depth),
        }
    }
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Shape {
    id: i64,
    center: Option<Point>,
    corners: Vec<Point>,
    pair: Option<(u8, u8)>,
    tuple: Pair,
    kind: Option<Kind>,
    by_name: BTreeMap<String, Point>,
    labels: Option<HashMap<String, String>>,
    by_number: HashMap<i64, u8>,
    by_id: HashMap<Id, u8>,
    wrapped: Option<Wrapped>,
    boxed: Option<Box<Point>>,
    raw: Option<Box<RawValue_>>,
    even: Option<Even>,
    name: Option<String>,
    big: Option<i128>,
    ratio: Option<f64>,
    flag: Option<bool>,
    unit: Option<()>,
    letter: Option<char>,
    #[serde(deserialize_with = "blank_is_none")]
    custom: Option<Point>,
    any: Option<serde_json::Value>,
}

#[derive(Debug, PartialEq, Eq, Hash, Deserialize)]
struct Id(i64);

#[derive(Debug, Default, PartialEq, Deserialize)]
struct Pair(u8, u8);

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
struct Point {
    x: i64,
    y: i64,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Wrapped(Point);

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Round,
    Sized { width: u8 },
    Pair(u8, u8),
    At(Point),
}

/// A raw value compares by its text.
#[derive(Debug, Deserialize)]
struct RawValue_(Box<RawValue>);

impl PartialEq for RawValue_ {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

/// Its error quotes the value.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
struct Even(usize);

impl TryFrom<String> for Even {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.len().is_multiple_of(2) {
            Ok(Self(text.len()))
        } else {
            Err(format!("{text} is odd, expected even but got {text}"))
        }
    }
}

fn blank_is_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Point>, D::Error> {
    Option::deserialize(deserializer)
}

/// A client whose every request is answered so.
fn answering(status: u16, body: impl Into<Bytes>) -> Client {
    let body = body.into();
    let answer = tower::service_fn(move |_: Request<Bytes>| {
        let mut reply = Response::new(body.clone());
        *reply.status_mut() = StatusCode::from_u16(status).unwrap();
        std::future::ready(Ok::<_, Infallible>(reply))
    });
    builder("http://127.0.0.1:9").service(answer).retry(RetryPolicy::never()).build().unwrap()
}

async fn shape(fields: &str) -> Result<Shape, Error> {
    answering(200, format!(r#"{{"message":"Shape created.","data":{{"id":7,{fields}}}}}"#)).shape().await
}

async fn created(body: impl Into<Bytes>) -> Result<Customer, Error> {
    create(&answering(200, body), "x").await
}

fn assert_decode<T: Debug>(result: Result<T, Error>, says: &str, context: &str) -> Error {
    let error = result.expect_err(context);
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Decode, Outcome::Done), "{context}: {error}");
    assert!(error.to_string().contains(says), "{context}: {error}");
    error
}

#[tokio::test]
async fn promise_14_an_array_is_no_object() {
    let table = [
        (r#""center":[1,2]"#, "an array at `data.center`, expected struct Point"),
        (r#""corners":[{"x":1,"y":2},[1,2]]"#, "an array at `data.corners[1]`, expected struct Point"),
        (r#""corners":[[]]"#, "an array at `data.corners[0]`, expected struct Point"),
        (r#""by_name":{"a":[1,2]}"#, "an array at `data.by_name.*`, expected struct Point"),
        (r#""by_name":[]"#, "an array at `data.by_name`, expected a map"),
        (r#""wrapped":[1,2]"#, "an array at `data.wrapped`, expected struct Point"),
        (r#""boxed":[1,2]"#, "an array at `data.boxed`, expected struct Point"),
        (r#""custom":[1,2]"#, "an array at `data.custom`, expected struct Point"),
        (r#""kind":{"sized":[3]}"#, "an array at `data.kind.sized`, expected struct variant Kind::Sized"),
        (r#""kind":{"at":[3,4]}"#, "an array at `data.kind.at`, expected struct Point"),
        (r#""pair":{"0":1,"1":2}"#, "an object at `data.pair`, expected a tuple of size 2"),
        (r#""tuple":{"0":1,"1":2}"#, "an object at `data.tuple`, expected tuple struct Pair"),
    ];
    for (fields, says) in table {
        let error = assert_decode(shape(fields).await, says, fields);
        assert_eq!(error.data_id(), Some(7));
    }
    assert_decode(
        answering(200, r#"{"data":[7,null]}"#).shape().await,
        "an array at `data`, expected struct Shape",
        "",
    );
    assert_decode(answering(200, "[1,2]").raw_point().await, "an array at the top level, expected struct Point", "");
    let user = answering(200, r#"{"data":[[1,null,"a","b"]]}"#).list_users(&ListUsers::new()).await;
    assert_decode(user, "an array at `data[0]`, expected struct User", "");
    let customer = created(
        r#"{"data":[42,"Ada",null,null,null,null,null,null,"2024-01-01T00:00:00Z","2024-01-01T00:00:00Z",null]}"#,
    );
    assert_decode(customer.await, "an array at `data`, expected struct Customer", "");
}

#[tokio::test]
async fn promise_14_every_other_shape_is_read_as_serde_reads_it() {
    let fields = r#""center":{"x":1,"y":2},"corners":[{"x":3,"y":4,"new":[1]}],"pair":[5,6],"tuple":[7,8],
        "kind":{"sized":{"width":9}},"by_name":{"a":{"x":1,"y":1}},"labels":{"b":"c"},"by_number":{"-5":6},"by_id":{"7":8},
        "wrapped":{"x":0,"y":0},"boxed":{"y":1,"x":0},"raw": [ 1 ,2],"even":"ab","name":"é\"\n","big":170141183460469231731687303715884105727,
        "ratio":0.5,"flag":true,"unit":null,"letter":"x","custom":{"x":1,"y":1},"any":{"a":[1,"2",null,1.5]}"#;
    let text = format!(r#"{{"id":7,{fields}}}"#);
    let expected: Shape = serde_json::from_str(&text).unwrap();
    assert_eq!(shape(fields).await.unwrap(), expected);
    for kind in [r#""round""#, r#"{"pair":[1,2]}"#, r#"{"at":{"x":1,"y":2}}"#, "null"] {
        let expected: Option<Kind> = serde_json::from_str(kind).unwrap();
        assert_eq!(shape(&format!(r#""kind":{kind}"#)).await.unwrap().kind, expected, "{kind}");
    }
    // A long string changes nothing.
    let long = "x".repeat(300_000);
    let with_long = format!(r#"{fields},"name2":"{long}""#);
    assert_eq!(shape(&with_long).await.unwrap(), expected);
    let named = shape(&format!(r#""name":"{long}","even":"{long}","by_number":{{"1":2}}"#)).await.unwrap();
    assert_eq!((named.name.unwrap().len(), named.even), (300_000, Some(Even(300_000))));
    assert_eq!(named.by_number[&1], 2);
}

#[tokio::test]
async fn promise_14_an_empty_array_for_an_optional_object_is_none() {
    let body = r#"{"message":"Customer created.","data":{"id":42,"address":[],"created_at":"2024-01-01T00:00:00Z","updated_at":"2024-01-01T00:00:00Z"}}"#;
    assert_eq!((created(body).await.unwrap().address, created(body).await.unwrap().id.0), (None, 42));
    let fields = r#""center":[],"labels":[ ],"wrapped":[],"boxed":[],"custom":[],"corners":[],"name":"after""#;
    let expected = Shape { id: 7, name: Some("after".to_owned()), ..Shape::default() };
    assert_eq!(shape(fields).await.unwrap(), expected);
    let list = answering(200, r#"{"data":[[],{"x":1,"y":2},null,[]]}"#).shapes().await.unwrap();
    assert_eq!(list, [None, Some(Point { x: 1, y: 2 }), None, None]);
    assert_eq!(answering(200, r#"{"data":[],"message":"x"}"#).find(1).await.unwrap(), None);
    assert_eq!(answering(200, " [ ] ").raw_find().await.unwrap(), None);
    for (fields, says) in [
        (r#""center":[null]"#, "an array at `data.center`, expected struct Point"),
        (r#""center":[{}]"#, "an array at `data.center`, expected struct Point"),
        (r#""name":[]"#, "an array at `data.name`, expected a string"),
        (r#""flag":[]"#, "an array at `data.flag`, expected a boolean"),
    ] {
        assert_decode(shape(fields).await, says, fields);
    }
    assert_decode(answering(200, "[]").raw_point().await, "an array at the top level, expected struct Point", "");
}

#[tokio::test]
async fn promise_14_what_can_be_read_of_a_create_is_offered() {
    let table = [
        (
            r#"{"message":"x","data":{"id":42,"first_name":7,"email":"ada@example.com"}}"#,
            Some(42),
            Some("ada@example.com"),
        ),
        (r#"{"message":"x","data":{"id":"42","email":"ada@example.com"}}"#, Some(42), Some("ada@example.com")),
        (r#"{"message":"x","data":{"id":42.0,"email":null}}"#, Some(42), Some("null")),
        ("{\"data\":{\"id\":42,\"first_name\":\"\\ud800\",\"email\":\"a\"}}", Some(42), Some("a")),
        (r#"{"data":{"id":42,"email":"a","x":1e999,"last_name":[]}}"#, Some(42), Some("a")),
        (r#"{"data":{"id":42,"email":"a","last"#, Some(42), Some("a")),
        (r#"{"data":{"id":42,"email":"a"#, Some(42), None),
        (r#"{"data":{"id":4"#, None, None),
        (r#"{"data":{"id":42,"id":43,"email":"a"}}"#, None, Some("a")),
        (r#"{"data":[{"id":42}]}"#, None, None),
        ("<html>", None, None),
    ];
    for (body, id, email) in table {
        let error = assert_decode(created(body).await, "", body);
        assert_eq!((error.data_id(), error.data_field("email")), (id, email), "{body}");
        assert!(!error.to_string().contains("42") && !format!("{error:?}").contains("42"), "{error:?}");
    }
    let nested = created(r#"{"data":{"id":1,"address":{"city":"London","tags":["a"]}}}"#).await.unwrap_err();
    assert_eq!((nested.data_field("address.city"), nested.data_field("address.tags")), (Some("London"), None));
    let echo = created(format!(r#"{{"data":{{"id":1,"email":"{SECRET}"}}}}"#)).await.unwrap_err();
    assert_eq!(echo.data_field("email"), Some("[redacted]"));
    let invalid = created([&b"{\"data\":{\"id\":42,\"first_name\":\"\xff\"}}"[..]].concat()).await.unwrap_err();
    assert_eq!(invalid.data_id(), Some(42));
    let none = create(&answering(404, r#"{"data":{"id":1}}"#), "x").await.unwrap_err();
    assert_eq!((none.data_id(), none.data_field("id")), (None, None), "nothing was created");
}

#[tokio::test]
async fn promise_14_a_message_is_never_worth_more_than_the_data() {
    let data = &replies::CUSTOMER[replies::CUSTOMER.find(r#""data""#).unwrap()..replies::CUSTOMER.len() - 1];
    for message in ["7", "null", "[]", "{}", "true", "1.5", r#"["x"]"#, r#""\ud800""#, "1e999"] {
        for body in [format!(r#"{{"message":{message},{data}}}"#), format!(r#"{{{data},"message":{message}}}"#)] {
            let response = create(&answering(200, body.clone()), "x").send().await.expect(&body);
            assert_eq!((response.data.id.0, response.message), (42, None), "{body}");
        }
    }
    for body in
        [format!(r#"{{"message":"a","message":"b",{data}}}"#), format!(r#"{{"message":7,{data},"message":"b"}}"#)]
    {
        assert_eq!(created(body).await.unwrap().id.0, 42);
    }
    let error = created(r#"{"message":7,"data":{"id":"x"}}"#).await;
    assert_decode(error, "a string at `data.id`, expected i64", "the error is about the data");
    let bom = format!("\u{feff}{}", replies::CUSTOMER);
    let response = create(&answering(200, bom), "x").send().await.unwrap();
    assert_eq!((response.data.id.0, response.message.as_deref()), (42, Some("Customer created.")));
}

#[tokio::test]
async fn promise_14_no_content_is_no_value() {
    let nothing = [
        (200, ""),
        (200, "\n"),
        (200, " \r\n\t"),
        (200, "\u{feff}"),
        (204, "\n"),
        (202, "Accepted."),
        (202, "\n"),
        (202, ""),
    ];
    for (status, body) in nothing {
        answering(status, body).draw().await.unwrap_or_else(|error| panic!("{status} {body:?}: {error}"));
    }
    for (status, body) in [(200, "Accepted."), (201, "ok"), (202, "<html>"), (202, "{"), (200, "<p>")] {
        assert_decode(answering(status, body).draw().await, "the reply cannot be read", body);
    }
    for (status, body) in [(202, "Accepted."), (202, "\n"), (204, " "), (200, r#"{"message":"x"}"#), (200, "{}")] {
        assert_eq!(answering(status, body).find(1).await.unwrap(), None, "{status} {body:?}");
    }
    assert_eq!(answering(202, r#"{"data":{"x":1,"y":2}}"#).find(1).await.unwrap(), Some(Point { x: 1, y: 2 }));
    assert_decode(
        answering(200, r#"{"message":"x"}"#).any().await,
        "the field `data` is missing",
        "any value is required",
    );
    assert_decode(answering(202, "Accepted.").shape().await, "the body is empty", "");
    assert_decode(answering(200, "\n").find(1).await, "the body is empty", "");
}

#[tokio::test]
async fn promise_14_no_text_of_a_foreign_error_is_shown() {
    let customer = |field: &str| format!(r#"{{"message":"x","data":{{"id":1,{field}}}}}"#);
    let error = created(customer(r#""created_at":"Planted""#)).await.unwrap_err().to_string();
    assert!(error.contains("a string at `data.created_at` is not a valid `Timestamp`"), "{error}");
    assert!(!error.contains("but got"), "{error}");
    let error = shape(r#""even":"abc""#).await.unwrap_err().to_string();
    assert!(error.contains("a string at `data.even` does not fit `Shape`"), "{error}");
    let error = shape(r#""kind":"PLANTED""#).await.unwrap_err().to_string();
    assert!(error.contains("a string at `data.kind`, expected one of `round`, `sized`, `pair`, `at`"), "{error}");
    let error = shape(r#""kind":{"sized":{"width":300}}"#).await.unwrap_err().to_string();
    assert!(error.contains("a number at `data.kind.sized.width`, expected u8"), "{error}");
    let error = shape(r#""by_number":{"PLANTED":1}"#).await.unwrap_err().to_string();
    assert!(error.contains("`Shape`") && !error.contains("Decoded") && !error.contains("PLANTED"), "{error}");
    assert!(!error.contains("::"), "no module is named: {error}");
}

/// A long string in the reply makes the decoder read each level by a deserializer of its own.
#[tokio::test]
async fn promise_14_a_value_that_is_nested_too_deep_is_refused_beside_any_text() {
    let arrays = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let enums = |levels: usize| {
        r#"{"many":[{"inner":"#.repeat(levels) + "\"leaf\"" + &"}]}".repeat(levels) // three levels each
    };
    for padding in [0, 200_000] {
        let client = |data: String| answering(200, format!(r#"{{"data":{data},"padding":"{}"}}"#, "x".repeat(padding)));
        assert_eq!(client(arrays(126)).nested().await.unwrap().depth(), 126, "{padding}");
        assert_eq!(client(enums(42)).tree().await.unwrap().depth(), 126, "{padding}");
        for depth in [127, 128, 1_000, 60_000] {
            let error = client(arrays(depth)).nested().await.expect_err("it is too deep");
            assert!(error.kind() == ErrorKind::Decode && error.to_string().contains("`data[0][0]"), "{error}");
            client(enums(depth)).tree().await.expect_err("it is too deep");
        }
    }
}

/// Values that imitate serde's own texts.
fn imitations() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "PLANTED",
        "PLANTED, expected PLANTED",
        "missing field `PLANTED`",
        "invalid type: string \"PLANTED\", expected PLANTED",
        "unknown variant `PLANTED`, expected `PLANTED`",
        "PLANTED at line 1 column 2",
        "number out of range PLANTED",
        "EOF while parsing PLANTED",
        "\u{1}\n",
        "\"",
    ]);
    prop::collection::vec(part, 1..4).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn promise_14_no_value_is_ever_in_a_message(value in imitations(), field in 0..16_usize, key in any::<bool>()) {
        const FIELDS: [&str; 16] = [
            "id", "center", "corners", "pair", "tuple", "kind", "by_name", "labels", "by_number", "wrapped", "even", "big",
            "ratio", "flag", "unit", "letter",
        ];
        let text = serde_json::Value::from(value.as_str());
        let wrong = if key { format!("{{{text}:{text}}}") } else { text.to_string() };
        let body = format!(r#"{{"message":"x","data":{{"id":7,"{}":{wrong},"name":{text}}}}}"#, FIELDS[field]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        if let Err(error) = runtime.block_on(answering(200, body).shape()) {
            let mut shown = format!("{error} {error:?} {error:#?}");
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                shown.extend([cause.to_string(), format!("{cause:?}")]);
                source = cause.source();
            }
            prop_assert!(!shown.contains("PLANTED"), "{}", shown);
            prop_assert!(!shown.contains("meetbit_client::"), "{}", shown);
            prop_assert!(!error.to_string().chars().any(char::is_control), "{}", shown);
        }
    }

    /// An array of the right values in the right order is refused, at each depth.
    #[test]
    fn promise_14_arrays_for_objects_are_never_read(x in any::<i64>(), y in any::<i64>(), place in 0..6_usize) {
        let field = ["center", "wrapped", "boxed", "custom", "corners", "by_name"][place];
        let point = match field {
            "corners" => format!("[[{x},{y}]]"),
            "by_name" => format!(r#"{{"a":[{x},{y}]}}"#),
            _ => format!("[{x},{y}]"),
        };
        let body = format!(r#"{{"data":{{"id":7,"{field}":{point}}}}}"#);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let error = runtime.block_on(answering(200, body).shape()).unwrap_err();
        prop_assert!(error.to_string().contains("expected struct Point"), "{}", error);
    }
}
