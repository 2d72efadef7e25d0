//! Create Customer.

use serde_json::{Value, json};

use crate::socket::{Socket, keys, post, unlimited};

fn nobody() -> Value {
    json!({
        "first_name": null, "middle_name": null, "last_name": null,
        "email": null, "contact_number": null, "address": null,
    })
}

fn nobody_but(field: &str, value: Value) -> Value {
    let mut customer = nobody();
    customer[field] = value;
    customer
}

#[tokio::test]
async fn a_full_customer_is_created() {
    let sandbox = unlimited().await;
    let sent = json!({
        "first_name": "Ada", "middle_name": " ", "last_name": "Lovelace",
        "email": "ada@example.com", "contact_number": "+447700900123",
        "address": {"line_1": "12 St James's Square", "city": "London", "country_code": null},
    });
    let answer = post(&sandbox, "/customers", &sent).await;
    assert_eq!(answer.json()["message"], "Customer created.");
    let mut data = answer.data();
    for time in ["created_at", "updated_at"] {
        let time = data[time].take();
        let form: String =
            time.as_str().unwrap().chars().map(|sign| if sign.is_ascii_digit() { '0' } else { sign }).collect();
        assert_eq!(form, "0000-00-00T00:00:00.000000Z");
    }
    let expected = json!({
        "id": 1, "name": "Ada Lovelace", "created_at": null, "updated_at": null, "deleted_at": null,
        "first_name": "Ada", "middle_name": " ", "last_name": "Lovelace",
        "email": "ada@example.com", "contact_number": "+447700900123",
        "address": {
            "line_1": "12 St James's Square", "line_2": null, "city": "London", "region": null,
            "region_code": null, "country": null, "country_code": null, "postal_code": null,
        },
    });
    assert_eq!(data, expected);
}

#[tokio::test]
async fn a_customer_may_be_all_null_and_gets_the_next_id() {
    let sandbox = unlimited().await;
    for id in 1..=2 {
        let data = post(&sandbox, "/customers", &nobody()).await.data();
        assert_eq!((&data["id"], &data["name"], &data["address"]), (&json!(id), &json!(""), &Value::Null));
    }
}

#[tokio::test]
async fn an_empty_address_is_kept_as_an_address() {
    let sandbox = unlimited().await;
    let data = post(&sandbox, "/customers", &nobody_but("address", json!({}))).await.data();
    assert!(data["address"].is_object());
}

#[tokio::test]
async fn every_field_that_is_missing_is_named() {
    let sandbox = unlimited().await;
    let answer = post(&sandbox, "/customers", &json!({})).await;
    let fields = ["first_name", "middle_name", "last_name", "email", "contact_number", "address"];
    let expected: serde_json::Map<_, _> =
        fields.iter().map(|field| ((*field).into(), json!([format!("The {field} field must be present.")]))).collect();
    assert_eq!(answer.errors(), Value::Object(expected));
    assert_eq!(answer.json()["message"], "The first_name field must be present. (and 5 more errors)");
    assert!(answer.body.starts_with(
        r#"{"message":"The first_name field must be present. (and 5 more errors)","errors":{"first_name":"#
    ));
}

#[tokio::test]
async fn the_message_is_the_first_text_and_the_number_of_the_others() {
    let sandbox = unlimited().await;
    let one = post(&sandbox, "/customers", &nobody_but("email", json!("x"))).await;
    assert_eq!(one.json()["message"], "The email field must be a valid email address.");
    let mut customer = nobody_but("email", json!("x"));
    customer["first_name"] = json!(1);
    let two = post(&sandbox, "/customers", &customer).await;
    assert_eq!(two.json()["message"], "The first_name field must be a string. (and 1 more error)");
}

#[tokio::test]
async fn each_wrong_value_has_its_text() {
    let sandbox = unlimited().await;
    let cases = [
        ("first_name", json!(5), "The first_name field must be a string."),
        ("middle_name", json!("x".repeat(256)), "The middle_name field must not be greater than 255 characters."),
        ("last_name", json!(["x"]), "The last_name field must be a string."),
        ("email", json!("ada"), "The email field must be a valid email address."),
        ("email", json!(""), "The email field must be a valid email address."),
        ("contact_number", json!("12345"), "The contact_number field format is invalid."),
        ("contact_number", json!(12345), "The contact_number field must be a string."),
        ("address", json!("12 St James's Square"), "The address field must be an array."),
        ("address", json!([]), "The address field must be an array."),
    ];
    for (field, value, text) in cases {
        let answer = post(&sandbox, "/customers", &nobody_but(field, value)).await;
        assert_eq!(answer.errors(), json!({field: [text]}));
    }
}

#[tokio::test]
async fn a_field_of_the_address_is_named_with_a_dot() {
    let sandbox = unlimited().await;
    let address = json!({"line_1": 1, "city": "x".repeat(256), "unknown": 1});
    let answer = post(&sandbox, "/customers", &nobody_but("address", address)).await;
    let expected = json!({
        "address.line_1": ["The address.line_1 field must be a string."],
        "address.city": ["The address.city field must not be greater than 255 characters."],
    });
    assert_eq!(answer.errors(), expected);
}

#[tokio::test]
async fn a_field_can_have_two_errors() {
    let sandbox = unlimited().await;
    let answer = post(&sandbox, "/customers", &nobody_but("email", json!("x".repeat(256)))).await;
    assert_eq!(answer.errors()["email"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn length_counts_characters_not_bytes() {
    let sandbox = unlimited().await;
    assert_eq!(post(&sandbox, "/customers", &nobody_but("first_name", json!("ü".repeat(255)))).await.status, 200);
    assert_eq!(post(&sandbox, "/customers", &nobody_but("first_name", json!("ü".repeat(256)))).await.status, 400);
}

#[tokio::test]
async fn read_only_and_unknown_fields_are_ignored() {
    let sandbox = unlimited().await;
    let mut customer = nobody_but("id", json!(99));
    customer["name"] = json!("Someone");
    customer["deleted_at"] = json!("2024-01-01T00:00:00Z");
    let data = post(&sandbox, "/customers", &customer).await.data();
    assert_eq!((&data["id"], &data["name"], &data["deleted_at"]), (&json!(1), &json!(""), &Value::Null));
}

#[tokio::test]
async fn what_is_not_a_json_object_is_refused_in_the_shape_of_a_validation() {
    let sandbox = unlimited().await;
    let cases: [(&[u8], &str, &str); 5] = [
        (b"{\"first_name\":", "application/json", "The request body must be valid JSON."),
        (b"{} {}", "application/json", "The request body must be valid JSON."),
        (b"{\"a\":\"\xff\"}", "application/json", "The request body must be valid JSON."),
        (b"[]", "application/json; charset=utf-8", "The request body must be a JSON object."),
        (b"first_name=Ada", "application/x-www-form-urlencoded", "The request body must be sent as application/json."),
    ];
    for (body, content_type, text) in cases {
        let mut socket = Socket::connect(&sandbox).await;
        let (keys, length) = (keys(&sandbox), body.len());
        let head = format!(
            "POST /api/public/v2.0/customers HTTP/1.1\r\n{keys}Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
        );
        socket.send([head.as_bytes(), body].concat()).await;
        let answer = socket.answer().await;
        assert_eq!(answer.json(), json!({"message": text, "errors": {"body": [text]}}));
    }
}
