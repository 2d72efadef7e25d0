//! Users.

use meetbit_client::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::socket::{get, patch, post, start, unlimited};

fn ada() -> Value {
    let day = json!([{"start": {"hour": 9, "minute": 0, "second": 0}, "end": {"hour": 24, "minute": 0, "second": 0}}]);
    json!({
        "department_id": 7, "first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com",
        "timezone": "Europe/London", "role": "Member",
        "work_hours": {
            "sunday": [], "monday": day, "tuesday": day, "wednesday": day, "thursday": day, "friday": day, "saturday": [],
        },
    })
}

fn ada_with(field: &str, value: Value) -> Value {
    let mut user = ada();
    user[field] = value;
    user
}

fn ids(data: &Value) -> Vec<i64> {
    data.as_array().unwrap().iter().map(|user| user["id"].as_i64().unwrap()).collect()
}

async fn listed(sandbox: &Sandbox, query: &str) -> Vec<i64> {
    ids(&get(sandbox, &format!("/users{query}")).await.data())
}

#[tokio::test]
async fn a_user_that_was_created_is_listed() {
    let sandbox = unlimited().await;
    let created = post(&sandbox, "/users", &ada()).await.data();
    assert_eq!((&created["id"], &created["status"], &created["deleted_at"]), (&json!(4), &json!(0), &Value::Null));
    assert_eq!(created["work_hours"], ada()["work_hours"]);
    let users = get(&sandbox, "/users").await.data();
    assert_eq!(ids(&users), [1, 2, 4]);
    assert_eq!(users[2], created);
}

#[tokio::test]
async fn a_user_can_be_updated_but_only_one_that_is_there() {
    let sandbox = unlimited().await;
    let updated = patch(&sandbox, "/users/1", &ada()).await.data();
    assert_eq!((&updated["id"], &updated["first_name"]), (&json!(1), &json!("Ada")));
    assert_ne!(updated["created_at"], updated["updated_at"]);
    assert_eq!(get(&sandbox, "/users?page_size=1").await.data()[0], updated);
    for unknown in ["/users/3", "/users/99", "/users/x"] {
        assert_eq!(patch(&sandbox, unknown, &ada()).await.text(), (404, "Resource object does not exist."));
    }
    assert_eq!(patch(&sandbox, "/users/1", &json!({})).await.errors().as_object().unwrap().len(), 7);
}

#[tokio::test]
async fn a_users_fields_are_required() {
    let sandbox = unlimited().await;
    let cases = [
        ("first_name", Value::Null, "first_name", "The first_name field is required."),
        ("department_id", json!("7"), "department_id", "The department_id field must be an integer."),
        ("department_id", json!(1.5), "department_id", "The department_id field must be an integer."),
        ("email", json!("ada"), "email", "The email field must be a valid email address."),
        ("timezone", json!("Europe London"), "timezone", "The timezone field must be a valid timezone."),
        ("role", json!(1), "role", "The role field must be a string."),
        ("work_hours", json!([]), "work_hours", "The work_hours field must be an array."),
    ];
    for (field, value, named, text) in cases {
        assert_eq!(post(&sandbox, "/users", &ada_with(field, value)).await.errors(), json!({named: [text]}));
    }
}

#[tokio::test]
async fn work_hours_are_checked_to_the_second() {
    let sandbox = unlimited().await;
    let mut user = ada();
    user["work_hours"]["friday"] = Value::Null;
    user["work_hours"]["monday"][0]["start"]["hour"] = json!("9");
    user["work_hours"]["tuesday"][0]["end"] = json!({"hour": 24, "minute": 0, "second": 1});
    user["work_hours"]["wednesday"][0]["end"] = json!({"hour": i64::MAX, "minute": i64::MAX, "second": -1});
    user["work_hours"]["thursday"] = json!([1]);
    let day = "must be between 0 and 24 hours.";
    let expected = json!({
        "work_hours.monday.0.start.hour": ["The work_hours.monday.0.start.hour field must be an integer."],
        "work_hours.tuesday.0.end": [format!("The work_hours.tuesday.0.end field {day}")],
        "work_hours.wednesday.0.end": [format!("The work_hours.wednesday.0.end field {day}")],
        "work_hours.thursday.0": ["The work_hours.thursday.0 field must be an array."],
        "work_hours.friday": ["The work_hours.friday field is required."],
    });
    assert_eq!(post(&sandbox, "/users", &user).await.errors(), expected);
}

#[tokio::test]
async fn activating_needs_a_permission_more() {
    let sandbox = start(Sandbox::builder().unlimited().permissions(["users.create.*"])).await;
    assert_eq!(post(&sandbox, "/users", &ada_with("activate", json!(true))).await.text(), (401, "Access denied."));
    assert_eq!(post(&sandbox, "/users", &ada_with("activate", json!(false))).await.status, 200);
    let sandbox = start(Sandbox::builder().unlimited().permissions(["users.create.*", "users.lock.*"])).await;
    let mut silent = ada_with("activate", json!(true));
    silent["is_silent"] = json!(true);
    assert_eq!(post(&sandbox, "/users", &silent).await.data()["status"], 1);
}

#[tokio::test]
async fn silence_needs_activation() {
    let sandbox = unlimited().await;
    let text = "The activate field must be accepted when is_silent is true.";
    assert_eq!(
        post(&sandbox, "/users", &ada_with("is_silent", json!(true))).await.errors(),
        json!({"activate": [text]})
    );
    let text = "The is_silent field must be true or false.";
    assert_eq!(post(&sandbox, "/users", &ada_with("is_silent", json!(1))).await.errors(), json!({"is_silent": [text]}));
}

#[tokio::test]
async fn lists_come_in_pages() {
    let sandbox = unlimited().await;
    for _ in 0..20 {
        post(&sandbox, "/users", &ada()).await;
    }
    assert_eq!(listed(&sandbox, "").await.len(), 15);
    assert_eq!(listed(&sandbox, "?page_number=2").await.len(), 7);
    assert_eq!(listed(&sandbox, "?page_size=2&page_number=2").await, [4, 5]);
    assert_eq!(listed(&sandbox, "?page_size=9223372036854775807&page_number=9223372036854775807").await, [0; 0]);
    assert_eq!(listed(&sandbox, "?page_size=100&with_trashed=true").await.len(), 23);
}

#[tokio::test]
async fn lists_can_be_ordered_and_filtered() {
    let sandbox = unlimited().await;
    assert_eq!(listed(&sandbox, "?order_by=first_name").await, [2, 1]);
    assert_eq!(listed(&sandbox, "?order_direction=desc&with_trashed=1").await, [3, 2, 1]);
    assert_eq!(listed(&sandbox, "?attribute=email&value=ALAN%40example.com").await, [2]);
    assert_eq!(listed(&sandbox, "?attribute=id&operator=%3E&value=1").await, [2]);
    assert_eq!(listed(&sandbox, "?attribute=last_name&operator=like&value=pp").await, [1]);
    assert_eq!(listed(&sandbox, "?operator=%3E&unknown=1").await, [1, 2]);
}

#[tokio::test]
async fn a_query_is_checked_too() {
    let sandbox = unlimited().await;
    let cases = [
        ("page_size=0", "page_size", "The page_size field must be at least 1."),
        ("page_size=", "page_size", "The page_size field must be an integer."),
        ("page_number=x", "page_number", "The page_number field must be an integer."),
        ("with_trashed=yes", "with_trashed", "The with_trashed field must be true or false."),
        ("order_by=shoe_size", "order_by", "The selected order_by is invalid."),
        ("attribute=shoe_size&value=1", "attribute", "The selected attribute is invalid."),
        ("attribute=id&operator=near&value=1", "operator", "The selected operator is invalid."),
    ];
    for (query, field, text) in cases {
        assert_eq!(get(&sandbox, &format!("/users?{query}")).await.errors(), json!({field: [text]}), "{query}");
    }
}
