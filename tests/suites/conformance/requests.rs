//! Every request body that the models can produce, against the document's schemas.

use std::cell::Cell;

use jsonschema::Validator;
use meetbit_client::conformance::request;
use meetbit_client::{
    Address, CalendarId, Call, CancelEvent, Client, Customers, ErrorKind, EventId, Events, NewCustomer,
    NewOnlineConference, NewOnlineConferenceAttendee, NewUser, OnlineConferenceId, OnlineConferenceUpdate,
    OnlineConferences, TimeOfDay, UserId, UserUpdate, Users, WorkHours, WorkHoursSpan,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::client::answered;
use crate::document::Document;

#[test]
fn every_customer_that_is_sent_fits_the_schema() {
    fits("POST", "/customers", customer(), Customers::create_customer);
}

#[test]
fn every_user_that_is_sent_fits_the_schema() {
    fits("POST", "/users", new_user(), Users::create_user);
}

#[test]
fn every_change_of_a_user_that_is_sent_fits_the_schema() {
    fits("PATCH", "/users/{user_id}", user_update(), |client, user| client.update_user(UserId(1), user));
}

#[test]
fn every_cancellation_that_is_sent_fits_the_schema() {
    fits(
        "POST",
        "/calendars/{calendar_id}/events/{event_id}/cancel",
        text().prop_map(CancelEvent::new),
        |client, cancel| client.cancel_event(CalendarId(1), EventId(1), cancel),
    );
}

#[test]
fn every_conference_that_is_sent_fits_the_schema() {
    fits("POST", "/online_conferences", conference(), OnlineConferences::create_online_conference);
}

#[test]
fn every_change_of_a_conference_that_is_sent_fits_the_schema() {
    let update = (text(), any::<bool>()).prop_map(|(title, is_public)| OnlineConferenceUpdate::new(title, is_public));
    fits("PATCH", "/online_conferences/{online_conference_id}", update, |client, update| {
        client.update_online_conference(OnlineConferenceId(1), update)
    });
}

/// The one place where the SDK departs from the document's letter: see `document::MEANT_NULLABLE`.
#[test]
fn to_the_letter_only_a_customer_without_address_does_not_fit() {
    let client = answered(&Value::Null);
    let document = Document::read();
    let validator = document.request_validator(&document.operation("POST", "/customers"));
    let without = body(&client.create_customer(&NewCustomer::new()));
    let errors: Vec<_> = validator.iter_errors(&without).map(|error| error.instance_path().to_string()).collect();
    assert_eq!(errors, ["/address"]);
    let with = body(&client.create_customer(&NewCustomer::new().address(Address::new())));
    assert!(validator.is_valid(&with));
}

/// The schemas refuse what the models cannot produce, so that the tests above can fail.
#[test]
fn a_body_with_a_mistake_does_not_fit() {
    let client = answered(&Value::Null);
    let document = Document::as_meant();
    let user = document.request_validator(&document.operation("PATCH", "/users/{user_id}"));
    let right = body(&client.update_user(UserId(1), &meetbit_tests::operations::user_update()));
    assert!(user.is_valid(&right));
    let changes: [fn(&mut Value); 7] = [
        |user| user["id"] = json!(1),
        |user| user["nickname"] = json!("Amazing Grace"),
        |user| user["email"] = json!("grace"),
        |user| user["first_name"] = Value::Null,
        |user| drop(user.as_object_mut().unwrap().remove("role")),
        |user| user["last_name"] = json!("x".repeat(256)),
        |user| user["work_hours"]["monday"][0]["start"]["millisecond"] = json!(0),
    ];
    for (i, change) in changes.into_iter().enumerate() {
        let mut wrong = right.clone();
        change(&mut wrong);
        assert!(!user.is_valid(&wrong), "change {i}: {wrong}");
    }
}

/// The bodies of each kind that the client's own conformance sees, which is slower than `jsonschema`.
const COMPARED: u32 = 64;

/// What is sent fits, as `jsonschema` and the client's own conformance see it; what does not fit is refused before it is sent.
fn fits<B, T>(method: &str, path: &str, bodies: impl Strategy<Value = B>, call: impl Fn(&Client, &B) -> Call<T>)
where
    B: std::fmt::Debug,
{
    let client = answered(&Value::Null);
    let (document, letter) = (Document::as_meant(), Document::read().0);
    let validator = document.request_validator(&document.operation(method, path));
    let (sent, refused) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(Config { cases: 512, failure_persistence: None, ..Config::default() });
    let result = runner.run(&bodies, |value| {
        let call = call(&client, &value);
        let counter = match call.request() {
            Ok(_) => {
                let mut body = body(&call);
                let is_plain = read_as_laravel_reads(&mut body);
                if sent.get() < COMPARED && is_plain && body == self::body(&call) {
                    let found = request(&letter, &call).differences();
                    assert_eq!(found, [""; 0], "{body}");
                }
                if read_as_laravel_reads(&mut body) {
                    assert_fits(&validator, &body);
                }
                &sent
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Validation);
                &refused
            }
        };
        counter.set(counter.get() + 1);
        Ok(())
    });
    result.unwrap();
    assert!(sent.get() > 50 && refused.get() > 10, "{} sent, {} refused", sent.get(), refused.get());
}

/// Trims all texts, as Laravel does before it validates. False if an e-mail address is one that the client leaves to the server:
/// Laravel reads a blank one as `null`, and blanks and comments inside it are legal in RFC 5322 but not in JSON schema.
fn read_as_laravel_reads(value: &mut Value) -> bool {
    match value {
        Value::String(text) => {
            *text = text.trim().to_owned();
            true
        }
        Value::Array(items) => items.iter_mut().all(read_as_laravel_reads),
        Value::Object(entries) => {
            let is_left = |text: &str| text.is_empty() || text.contains([' ', '(', '"']);
            let fits = |(name, value): (&String, &mut Value)| {
                read_as_laravel_reads(value) && !(name == "email" && value.as_str().is_some_and(is_left))
            };
            entries.iter_mut().all(fits)
        }
        _ => true,
    }
}

fn assert_fits(validator: &Validator, body: &Value) {
    let errors = validator.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path()));
    assert_eq!(errors.collect::<Vec<_>>(), [""; 0], "{body}");
}

fn body<T>(call: &Call<T>) -> Value {
    serde_json::from_slice(call.request().unwrap().body()).unwrap()
}

/// Texts of any characters, some just at the limit and some just beyond it.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => "\\PC{0,40}",
        4 => ".{0,40}",
        2 => Just("ü".repeat(255)),
        1 => Just("ü".repeat(256)),
    ]
}

fn email() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => "[a-z0-9+_-]{1,20}@[a-z0-9]{1,20}\\.[a-z]{2,6}",
        1 => "[a-z.]{1,10}@[a-z.]{0,6}".prop_filter("a dot may stand where the form forbids it", |text| !text.contains('.')),
        1 => "[a-z@ ]{0,12}",
        1 => Just(format!("{}@{}example", "a".repeat(64), format!("{}.", "x".repeat(62)).repeat(3))),
    ]
}

fn zone() -> impl Strategy<Value = String> {
    prop_oneof![12 => Just("Europe/London".to_owned()), 4 => Just("UTC".to_owned()), 1 => "[A-Z][a-z]{3}/[a-z]{9}"]
}

fn customer() -> impl Strategy<Value = NewCustomer> {
    let phone = prop_oneof![8 => "\\+[1-9][0-9]{1,14}", 1 => "[0-9]{3,9}"];
    (of(text()), of(text()), of(text()), of(email()), of(phone), of(address())).prop_map(
        |(first_name, middle_name, last_name, email, contact_number, address)| {
            let mut customer = NewCustomer::new();
            customer.first_name = first_name;
            customer.middle_name = middle_name;
            customer.last_name = last_name;
            customer.email = email;
            customer.contact_number = contact_number;
            customer.address = address;
            customer
        },
    )
}

fn address() -> impl Strategy<Value = Address> {
    (of(text()), of(text()), of(text()), of(text()), of(text()), of(text()), of(text()), of(text())).prop_map(
        |(line_1, line_2, city, region, region_code, country, country_code, postal_code)| {
            let mut address = Address::new();
            address.line_1 = line_1;
            address.line_2 = line_2;
            address.city = city;
            address.region = region;
            address.region_code = region_code;
            address.country = country;
            address.country_code = country_code;
            address.postal_code = postal_code;
            address
        },
    )
}

fn new_user() -> impl Strategy<Value = NewUser> {
    (user_update(), of(any::<bool>()), of(any::<bool>())).prop_map(|(given, activate, is_silent)| {
        let mut user = NewUser::new();
        user.department_id = given.department_id;
        user.first_name = given.first_name;
        user.last_name = given.last_name;
        user.email = given.email;
        user.timezone = given.timezone;
        user.work_hours = given.work_hours;
        user.role = given.role;
        user.activate = activate;
        user.is_silent = is_silent;
        user
    })
}

fn user_update() -> impl Strategy<Value = UserUpdate> {
    let names = (mostly(text()), mostly(text()), mostly(email()), mostly(text()));
    (mostly(any::<i64>()), names, mostly(zone()), mostly(work_hours())).prop_map(
        |(department_id, (first_name, last_name, email, role), timezone, work_hours)| {
            let mut user = UserUpdate::new();
            user.department_id = department_id.map(Into::into);
            user.first_name = first_name;
            user.last_name = last_name;
            user.email = email;
            user.timezone = timezone.map(Into::into);
            user.work_hours = work_hours;
            user.role = role;
            user
        },
    )
}

fn mostly<T: Clone + std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    proptest::option::weighted(0.97, value)
}

fn work_hours() -> impl Strategy<Value = WorkHours> {
    let day = || vec(span(), 0..3);
    (day(), day(), day(), day(), day(), day(), day()).prop_map(
        |(sunday, monday, tuesday, wednesday, thursday, friday, saturday)| {
            let hours = WorkHours::new().sunday(sunday).monday(monday).tuesday(tuesday).wednesday(wednesday);
            hours.thursday(thursday).friday(friday).saturday(saturday)
        },
    )
}

fn span() -> impl Strategy<Value = WorkHoursSpan> {
    (time(), time()).prop_map(|(start, end)| WorkHoursSpan::new(start, end))
}

fn time() -> impl Strategy<Value = TimeOfDay> {
    prop_oneof![
        60 => (0i64..24, 0i64..60, 0i64..60),
        8 => Just((24, 0, 0)),
        1 => (any::<i64>(), any::<i64>(), any::<i64>()),
    ]
    .prop_map(|(hour, minute, second)| {
        let mut time = TimeOfDay::END_OF_DAY;
        (time.hour, time.minute, time.second) = (hour, minute, second);
        time
    })
}

fn conference() -> impl Strategy<Value = NewOnlineConference> {
    let attendee = (text(), email()).prop_map(|(name, email)| NewOnlineConferenceAttendee::new(name, email));
    let ids = (mostly(any::<i64>()), of(any::<i64>()));
    (ids, mostly(text()), mostly(text()), mostly(any::<bool>()), vec(attendee, 0..7)).prop_map(
        |((account, event), public_id, title, is_public, attendees)| {
            let mut conference = NewOnlineConference::new().online_conference_attendees(attendees);
            conference.online_conference_account_id = account.map(Into::into);
            conference.backer_event_id = event.map(Into::into);
            conference.public_id = public_id;
            conference.title = title;
            conference.is_public = is_public;
            conference
        },
    )
}
