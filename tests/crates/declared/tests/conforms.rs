//! The declarations agree with the document, and one change to the document at a time is one difference.
#![deny(warnings)]

use declared::library::{
    Book, BookType, Books, CreateLoan, FindReply, GetReaders, Happening, ListBooks, Loan, Loans, NewBook,
    NewBookAuthor, PublishItem, PublishKind, Reader, Readers, UpdateBook,
};
use meetbit_client::conformance::{Conformance, assert_conforms, reply, request};
use meetbit_client::jiff::Timestamp;
use meetbit_client::jiff::civil::date;
use meetbit_client::{Client, Credentials, Endpoint};
use serde_json::{Value, json};

fn document() -> Value {
    serde_saphyr::from_str(include_str!("../library.yaml")).unwrap()
}

fn endpoint(name: &str) -> &'static Endpoint {
    let all = [<dyn Books>::ENDPOINTS, <dyn Loans>::ENDPOINTS, <dyn Readers>::ENDPOINTS].concat();
    all.into_iter().find(|endpoint| endpoint.name() == name).unwrap()
}

/// What level 1, the replies and the calls find.
fn differences(document: &Value) -> Vec<String> {
    let catalogues = [<dyn Books>::ENDPOINTS, <dyn Loans>::ENDPOINTS, <dyn Readers>::ENDPOINTS];
    assert_eq!(catalogues.concat().len(), 17);
    let mut all = vec![
        assert_conforms(document, catalogues),
        reply::<Vec<Book>>(document, endpoint("list_books")),
        reply::<Book>(document, endpoint("update_book")),
        reply::<FindReply>(document, endpoint("find_in_book")),
        reply::<Vec<Loan>>(document, endpoint("list_loans")),
        reply::<Reader>(document, endpoint("reader_by_name")),
        reply::<Vec<Happening>>(document, endpoint("poll_events")),
    ];
    all.extend(calls(document));
    let mut found: Vec<_> = all.into_iter().flat_map(Conformance::differences).collect();
    // A name that only the declaration has is the same difference for level 1 and for a call.
    found.dedup();
    found
}

#[allow(deprecated)]
fn calls(document: &Value) -> Vec<Conformance> {
    let client = Client::builder("example.com").credentials(Credentials::new("id", "secret")).build().unwrap();
    let author = NewBookAuthor { name: "Ada".to_owned(), born: Some(date(1815, 12, 10)) };
    let book = NewBook {
        title: "Notes".to_owned(),
        r#type: BookType::Essay,
        authors: vec![author],
        price: None,
        shelf: None,
        secret_note: None,
        notes: None,
    };
    let list = ListBooks {
        page: Some(1),
        page_size: Some(100),
        tags: Some(vec!["a".into(), "b".into()]),
        ..ListBooks::default()
    };
    let loan = CreateLoan { book: 7, until: date(2030, 1, 31) };
    let readers = GetReaders { a: 1, b: 0.5, c: date(2030, 1, 31), d: "d".to_owned() };
    let item = PublishItem { r#async: true, n2nd: None };
    let update = UpdateBook { title: Some("Notes".to_owned()), price: Some(2.5) };
    let uuid = "123e4567-e89b-12d3-a456-426614174000";
    vec![
        request(document, &client.list_books(Timestamp::UNIX_EPOCH, &list)),
        request(document, &client.create_book(Some(true), &book)),
        request(document, &client.get_book(7)),
        request(document, &client.update_book(7, &update)),
        request(document, &client.find_in_book(7, &BookType::Novel, "line", Some(true))),
        request(document, &client.list_loans(Some(7), Some(false), Some("1,2"), uuid)),
        request(document, &client.create_loan(Some(&loan))),
        request(document, &client.return_loan(7)),
        request(document, &client.get_readers(&readers)),
        request(document, &client.publish(&PublishKind::Open, &[item])),
    ]
}

#[test]
fn the_declarations_agree_with_the_document() {
    assert_eq!(differences(&document()), [""; 0]);
}

/// Where the document is changed, to what, and the one difference.
#[test]
fn each_of_thirty_changes_is_reported_once_with_pointer_and_method() {
    let changes = [
        ("/paths/~1shelves", json!({"get":{}}), "#/paths/~1shelves/get: GET /shelves is not declared"),
        (
            "/paths/~1readers/head",
            json!(null),
            "#/paths/~1readers: `has_readers`: HEAD /readers is not in the document",
        ),
        (
            "/paths/~1books/get/parameters/0",
            json!(null),
            "#/paths/~1books/get: `list_books`: the query parameter `page` is not in the document",
        ),
        (
            "/paths/~1books/get/parameters/1/schema/maximum",
            json!(99),
            "#/paths/~1books/get/parameters/1/schema/maximum: `list_books`: the query parameter `pageSize` is 100, and maximum is 99 in the document",
        ),
        (
            "/paths/~1books/get/parameters/4/schema/type",
            json!("string"),
            "#/paths/~1books/get/parameters/4/schema: `list_books`: the query parameter `tags` is sent 2 times but is not a list",
        ),
        (
            "/paths/~1books/get/parameters/5/required",
            json!(false),
            "#/paths/~1books/get/parameters/5: `list_books`: the query parameter `since` is optional in the document, and required here",
        ),
        (
            "/paths/~1books/get/description",
            json!("Needs the permission `books.list.*`."),
            "#/paths/~1books/get/description: `list_books`: the permissions are `books.list.*` in the document, and `books.read.*` here",
        ),
        (
            "/paths/~1books/get/parameters/-",
            json!({"in":"query","name":"author","required":true,"schema":{}}),
            "#/paths/~1books/get/parameters/6: `list_books`: the query parameter `author` is required, and not sent",
        ),
        (
            "/paths/~1books/post/parameters/0/required",
            json!(true),
            "#/paths/~1books/post/parameters/0: `create_book`: the header `x-dry-run` is required in the document, and optional here",
        ),
        (
            "/paths/~1books/post/parameters/0/schema/type",
            json!("integer"),
            "#/paths/~1books/post/parameters/0/schema: `create_book`: the header `X-Dry-Run` is a string, but the document says `integer`",
        ),
        (
            "/paths/~1books/post/requestBody",
            json!(null),
            "#/paths/~1books/post: `create_book`: the document has no body",
        ),
        (
            "/paths/~1books/post/x-permissions/-",
            json!("books.publish.*"),
            "#/paths/~1books/post/x-permissions: `create_book`: the permissions are `books.create.*`, `books.publish.*` in the document, and `books.create.*` here",
        ),
        (
            "/paths/~1books~1{bookId}/get/deprecated",
            json!(true),
            "#/paths/~1books~1{bookId}/get: `get_book`: the operation is deprecated in the document, and not here",
        ),
        (
            "/paths/~1books~1{bookId}/get/requestBody",
            json!({"content":{"application/json":{}}}),
            "#/paths/~1books~1{bookId}/get/requestBody: `get_book`: the body is not declared",
        ),
        (
            "/paths/~1books~1{bookId}/patch/requestBody/content/application~1merge-patch+json/schema/properties/title/maxLength",
            json!(4),
            "#/paths/~1books~1{bookId}/patch/requestBody/content/application~1merge-patch+json/schema/properties/title/maxLength: `update_book`: `title` of the body has 5 characters, more than 4",
        ),
        (
            "/paths/~1books~1{bookId}/patch/requestBody/content/application~1merge-patch+json/schema/properties/price",
            json!(null),
            "#/paths/~1books~1{bookId}/patch/requestBody/content/application~1merge-patch+json/schema: `update_book`: `price` of the body is not in the document",
        ),
        (
            "/paths/~1books~1{bookId}/patch/requestBody/content/application~1merge-patch+json/schema/required",
            json!(["id"]),
            "#/paths/~1books~1{bookId}/patch/requestBody/content/application~1merge-patch+json/schema/required: `update_book`: the body lacks `id`, which is required",
        ),
        (
            "/paths/~1books~1{bookId}~1cover/put/requestBody/content",
            json!({"image/jpeg":{}}),
            "#/paths/~1books~1{bookId}~1cover/put/requestBody/content: `store_cover`: the body is `image/jpeg` in the document, and `image/png` here",
        ),
        (
            "/components/responses/Found/content/application~1json/schema/properties/data/properties/line/type",
            json!("string"),
            "#/components/responses/Found/content/application~1json/schema/properties/data/properties/line: `find_in_book`: the fullest reply cannot be read: a string at `data.line`, expected u64 (\"abab\")",
        ),
        (
            "/components/responses/Found/content/application~1json/schema/properties/data/required",
            json!(["line"]),
            "#/components/responses/Found/content/application~1json/schema/properties/data/properties/context: `find_in_book`: the smallest reply cannot be read: the field `context` is missing at `data`",
        ),
        (
            "/components/responses/Found/content/application~1json/schema/properties/data/properties/context/nullable",
            json!(true),
            "#/components/responses/Found/content/application~1json/schema/properties/data/properties/context: `find_in_book`: the reply with most nulls cannot be read: null at `data.context`, expected struct FindReplyContext (null)",
        ),
        (
            "/paths/~1loans/get/parameters/0/schema/properties/reader",
            json!(null),
            "#/paths/~1loans/get: `list_loans`: the query parameter `filter[reader]` is not in the document",
        ),
        (
            "/paths/~1loans/get/parameters/2/schema/format",
            json!("email"),
            "#/paths/~1loans/get/parameters/2/schema/format: `list_loans`: the header `X-Request-Id` is \"123e4567-e89b-12d3-a456-426614174000\", which is not of the format `email`",
        ),
        (
            "/paths/~1loans/get/parameters/3/required",
            json!(true),
            "#/paths/~1loans/get/parameters/3: `list_loans`: the cookie `session` is required, and none is sent",
        ),
        (
            "/paths/~1loans~1{loan-id}~1return/post/deprecated",
            json!(null),
            "#/paths/~1loans~1{loan-id}~1return/post: `return_loan`: the operation is deprecated here, and not in the document",
        ),
        (
            "/paths/~1readers/get/parameters/3/schema/minLength",
            json!(2),
            "#/paths/~1readers/get/parameters/3/schema/minLength: `get_readers`: the query parameter `d` has 1 characters, fewer than 2",
        ),
        (
            "/components/schemas/Lent/required",
            json!(["type"]),
            "#/paths/~1events/get/responses/200/content/application~1json/schema/items: `poll_events`: the smallest reply cannot be read: an object at `[0]` does not fit `Vec<Happening>`",
        ),
        (
            "/paths/~1events~1{kind}/post/requestBody/content/application~1json/schema/maxItems",
            json!(0),
            "#/paths/~1events~1{kind}/post/requestBody/content/application~1json/schema/maxItems: `publish`: the body has 1 items, more than 0",
        ),
        (
            "/components/schemas/Reader/properties/name/type",
            json!("integer"),
            "#/components/schemas/Reader/properties/name: `reader_by_name`: the fullest reply cannot be read: a number at `data.name`, expected a string (1)",
        ),
        (
            "/paths/~1loans/post/requestBody/required",
            json!(true),
            "#/paths/~1loans/post/requestBody: `create_loan`: the body is required in the document, and optional here",
        ),
    ];
    assert_eq!(changes.len(), 30);
    for (pointer, value, expected) in changes {
        assert_eq!(differences(&changed(pointer, &value)), [expected], "{pointer}");
    }
}

/// The document with another value at a pointer: `null` removes it, `-` appends.
fn changed(pointer: &str, value: &Value) -> Value {
    let mut document = document();
    let (owner, key) = pointer.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/");
    match document.pointer_mut(owner).unwrap_or_else(|| panic!("{pointer}")) {
        Value::Array(items) if key == "-" => items.push(value.clone()),
        Value::Array(items) if value.is_null() => drop(items.remove(key.parse().unwrap())),
        owner if value.is_null() => drop(owner.as_object_mut().unwrap().remove(&key).unwrap()),
        owner => owner[&key] = value.clone(),
    }
    document
}
