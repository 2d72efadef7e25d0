//! Rightly signed webhooks with JSON that most readers refuse: none is lost, and nothing in them is changed.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use jiff::Timestamp;
use meetbit_client::webhook::{CalendarEvent, ErrorKind, Event, Signer, Verifier, Webhook};
use meetbit_client::{CalendarId, EventId};

const SECRET: &str = "hush";

fn verify(body: &str) -> Result<Webhook, ErrorKind> {
    let headers = Signer::new(SECRET).unwrap().headers("3f0e2f9b", Timestamp::now(), body.as_bytes()).unwrap();
    Verifier::new(SECRET).unwrap().verify(&headers, body.as_bytes()).map_err(|error| error.kind())
}

fn event(body: &str) -> Event {
    verify(body).unwrap_or_else(|kind| panic!("{kind:?}: {}", &body[..body.len().min(200)])).event
}

fn created(body: &str) -> CalendarEvent {
    match event(body) {
        Event::EventCreated(event) => event,
        other => panic!("{other:?}"),
    }
}

fn unknown(body: &str) -> (String, String) {
    match event(body) {
        Event::Unknown { event, data } => (event, data.text().to_owned()),
        other => panic!("{other:?}"),
    }
}

fn nested(depth: usize) -> String {
    format!("{}1{}", "[".repeat(depth), "]".repeat(depth))
}

/// Values that `serde_json::Value` refuses or changes.
fn odd_values() -> Vec<String> {
    let plain = [
        "1e999",
        "-1e999",
        "18446744073709551616",
        "-9223372036854775809",
        "123456789012345678901234567890",
        "0.1000000000000000055511151231257827",
        "1E400",
        r#""\ud800""#,
        r#""\udc00\ud800""#,
        r#""\ud800x""#,
        r#""\u0000""#,
        "1.0",
        "-0",
        r#"{"a":1,"a":2}"#,
        r#"{"\ud800":1}"#,
    ];
    let deep = [127, 128, 130, 10_000].map(nested);
    let objects = format!("{}1{}", r#"{"a":"#.repeat(130), "}".repeat(130));
    plain.into_iter().map(String::from).chain(deep).chain([objects]).collect()
}

#[test]
fn odd_attributes_that_are_not_known_do_not_matter() {
    for value in odd_values() {
        for data in
            [format!(r#"{{"x":{value},"id":8,"calendar_id":3}}"#), format!(r#"{{"id":8,"calendar_id":3,"x":{value}}}"#)]
        {
            let event = created(&format!(r#"{{"event":"events.created","data":{data}}}"#));
            assert_eq!((event.id, event.calendar_id), (EventId(8), Some(CalendarId(3))));
        }
    }
}

#[test]
fn odd_members_beside_event_and_data_do_not_matter() {
    for value in odd_values() {
        let event = created(&format!(r#"{{"x":{value},"event":"events.created","id":{value},"data":{{"id":8}}}}"#));
        assert_eq!(event.id, EventId(8));
    }
    assert_eq!(created(r#"{"\ud800":1,"event":"events.created","data":{"id":8}}"#).id, EventId(8));
}

#[test]
fn the_data_of_an_unknown_type_is_kept_to_the_byte() {
    for value in odd_values() {
        for data in [value.clone(), format!(r#"{{ "b" : {value} , "a":1.50 }}"#), format!("[\n{value},\t{value} ]")] {
            let body = format!(r#"{{"event":"rooms.painted","data": {data} }}"#);
            assert_eq!(unknown(&body), ("rooms.painted".into(), data));
        }
    }
}

#[test]
fn a_known_attribute_that_cannot_be_read_makes_the_event_unknown_and_is_kept() {
    for data in [
        r#"{"id":1e999}"#,
        r#"{"id":9223372036854775808}"#,
        r#"{"id":8,"calendar_id":"\ud800"}"#,
        r#"{"id":8.0}"#,
        "[8,3]",
    ] {
        let body = format!(r#"{{"event":"events.created","data":{data}}}"#);
        assert_eq!(unknown(&body), ("events.created".into(), data.into()));
    }
    let data = r#"{"id":1,"name":"\ud800"}"#;
    let body = format!(r#"{{"event":"meeting_links.scheduled","data":{data}}}"#);
    assert_eq!(unknown(&body), ("meeting_links.scheduled".into(), data.into()));
}

#[test]
fn a_byte_order_mark_is_passed_over_once_and_only_in_front() {
    let body = r#"{"event":"events.created","data":{"id":8}}"#;
    assert_eq!(created(&format!("\u{feff}{body}")).id, EventId(8));
    assert_eq!(verify(&format!("\u{feff}\u{feff}{body}")), Err(ErrorKind::MalformedBody));
    assert_eq!(verify(&format!(" \u{feff}{body}")), Err(ErrorKind::MalformedBody));
    assert_eq!(verify("\u{feff}"), Err(ErrorKind::MalformedBody));
}

#[test]
fn the_last_of_several_values_counts() {
    assert_eq!(created(r#"{"event":"x","event":"events.created","data":1,"data":{"id":7,"id":8}}"#).id, EventId(8));
}

#[test]
fn a_type_that_is_no_text_of_unicode_is_kept_as_it_is_written() {
    let (event, data) = unknown(r#"{"event":"rooms.\ud800","data":{"id":8}}"#);
    assert_eq!((&*event, &*data), (r"rooms.\ud800", r#"{"id":8}"#));
    assert_eq!(created(r#"{"event":"events\u002ecreated","data":{"id":8}}"#).id, EventId(8));
}

#[test]
fn what_is_no_json_object_with_a_text_event_is_still_malformed() {
    for body in [
        "",
        "null",
        r#"["events.created",{"id":8}]"#,
        r#"{"data":{"id":8}}"#,
        r#"{"event":null,"data":{"id":8}}"#,
        r#"{"event":7}"#,
        r#"{"event":["events.created"]}"#,
        r#"{"event":"events.created","data":{"id":8}"#,
        r#"{"event":"events.created","data":{"id":8}} x"#,
        r#"{"event":"events.created","data":{"id":01}}"#,
        r#"{"event":"events.created","data":{"id":8,}}"#,
        r#"{"event":"events.created","data":"\x"}"#,
        r#"{"event":"events.created","data":"\ud80"}"#,
    ] {
        assert_eq!(verify(body), Err(ErrorKind::MalformedBody), "{body}");
    }
}

#[test]
fn odd_webhooks_survive_a_queue_to_the_byte() {
    for value in odd_values() {
        let data = format!(r#"{{"b": {value}, "a":1.50}}"#);
        let webhook = verify(&format!(r#"{{"event":"rooms.painted","data":{data}}}"#)).unwrap();
        let queued = serde_json::to_string(&webhook).unwrap();
        assert!(queued.ends_with(&format!(r#""event":"rooms.painted","data":{data}}}"#)));
        assert_eq!(serde_json::from_str::<Webhook>(&queued).unwrap(), webhook);
        assert_eq!(serde_json::from_slice::<Webhook>(queued.as_bytes()).unwrap(), webhook);
    }
}

#[test]
fn a_queued_webhook_without_a_readable_id_or_time_is_an_error() {
    let queued = |id, timestamp| format!(r#"{{"id":{id},"timestamp":{timestamp},"event":"x","data":1}}"#);
    let good = serde_json::from_str::<Webhook>(&queued(r#""a""#, r#""2024-08-22T01:04:05Z""#)).unwrap();
    assert_eq!((&*good.id, good.event.name()), ("a", "x"));
    for bad in [queued("7", r#""2024-08-22T01:04:05Z""#), queued(r#""a""#, "7"), r#"{"event":"x","data":1}"#.into()] {
        assert!(serde_json::from_str::<Webhook>(&bad).is_err(), "{bad}");
    }
}
