//! Promise 22: only what `MeetBit` signed, lately and whole, is a webhook.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, path::Path, time::Duration};

use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::{SignedDuration, Timestamp};
use meetbit_client::webhook::{ErrorKind, Event, ID, SIGNATURE, Signer, TIMESTAMP, Verifier, Webhook};

const SECRET: &str = "hush";
const NOW: &str = "2024-08-22T01:04:05Z";
const BODY: &[u8] = br#"{"event":"events.created","data":{"id":7,"calendar_id":3}}"#;

/// A webhook signed by OpenSSL: see `data/vectors/webhooks/README.md`.
#[derive(Clone)]
struct Vector {
    name: String,
    secret: String,
    id: Vec<u8>,
    timestamp: Vec<u8>,
    body: Vec<u8>,
    signature: Vec<u8>,
}

impl Vector {
    fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/vectors/webhooks");
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let vectors: Vec<_> = entries.filter(|path| path.is_dir()).map(|path| Self::read(&path)).collect();
        assert_eq!(vectors.len(), 9, "a vector is missing or not counted");
        vectors
    }

    fn read(folder: &Path) -> Self {
        let part = |name| fs::read(folder.join(name)).unwrap();
        Self {
            name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
            secret: String::from_utf8(part("secret")).unwrap(),
            id: part("id"),
            timestamp: part("timestamp"),
            body: part("body"),
            signature: part("signature"),
        }
    }

    fn named(name: &str) -> Self {
        Self::all().into_iter().find(|vector| vector.name == name).unwrap()
    }

    /// `None` where no HTTP server would let such a header through.
    fn headers(&self) -> Option<HeaderMap> {
        [(ID, &self.id), (TIMESTAMP, &self.timestamp), (SIGNATURE, &self.signature)]
            .into_iter()
            .map(|(name, value)| Some((name.parse().ok()?, HeaderValue::from_bytes(value).ok()?)))
            .collect()
    }

    fn verify(&self) -> Result<Webhook, ErrorKind> {
        self.verify_with(&verifier_at(NOW, &self.secret))
    }

    fn verify_with(&self, verifier: &Verifier) -> Result<Webhook, ErrorKind> {
        let headers = self.headers().ok_or(ErrorKind::InvalidHeader)?;
        verifier.verify(&headers, &self.body).map_err(|error| error.kind())
    }
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn verifier_at(time: &str, secret: &str) -> Verifier {
    let now = at(time);
    Verifier::new(secret).unwrap().clock(move || now)
}

fn verifier() -> Verifier {
    verifier_at(NOW, SECRET)
}

fn headers() -> HeaderMap {
    signed("3f0e2f9b", NOW, BODY)
}

/// Rightly signed, whatever the parts are.
fn signed(id: &str, timestamp: &str, body: &[u8]) -> HeaderMap {
    headers_of(id, timestamp, &Signer::new(SECRET).unwrap().sign(id, timestamp, body))
}

fn headers_of(id: &str, timestamp: &str, signature: &str) -> HeaderMap {
    [(ID, id), (TIMESTAMP, timestamp), (SIGNATURE, signature)]
        .into_iter()
        .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()))
        .collect()
}

fn refusal(headers: &HeaderMap, body: &[u8]) -> ErrorKind {
    verifier().verify(headers, body).unwrap_err().kind()
}

#[test]
fn vectors_made_by_openssl_are_accepted() {
    for vector in Vector::all() {
        let expected = match vector.name.as_str() {
            "empty_body" | "body_beyond_utf8" => Err(ErrorKind::MalformedBody),
            _ => Ok(()),
        };
        assert_eq!(vector.verify().map(|_| ()), expected, "{}", vector.name);
    }
}

#[test]
fn vectors_made_by_openssl_are_what_the_signer_makes() {
    for vector in Vector::all() {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let made = Signer::new(vector.secret).unwrap().sign(&text(&vector.id), &text(&vector.timestamp), &vector.body);
        assert_eq!(made, text(&vector.signature), "{}", vector.name);
    }
}

#[test]
fn the_documented_sample_is_understood() {
    let webhook = Vector::named("documented_sample").verify().unwrap();

    assert_eq!(webhook.id, "3f0e2f9b-8d44-4a7d-9c2a-1f5b2e7d9a6c");
    assert_eq!(webhook.timestamp, at("2024-08-22T01:04:05Z"));
    assert!(matches!(webhook.event, Event::MeetingLinkScheduled(link) if link.id == 1234 && link.email.is_none()));
}

#[test]
fn the_timestamp_is_signed_as_it_is_written() {
    let written_otherwise =
        Vector { timestamp: b"2024-08-22T01:04:05.678901Z".to_vec(), ..Vector::named("fraction_and_offset") };

    assert_eq!(Vector::named("fraction_and_offset").verify().unwrap().timestamp, at("2024-08-22T01:04:05.678901Z"));
    assert_eq!(written_otherwise.verify(), Err(ErrorKind::SignatureMismatch));
}

#[test]
fn one_bit_changed_in_id_timestamp_or_body_is_refused() {
    let parts: [fn(&mut Vector) -> &mut Vec<u8>; 3] = [|v| &mut v.id, |v| &mut v.timestamp, |v| &mut v.body];
    for vector in Vector::all() {
        for part in parts {
            for bit in 0..8 * part(&mut vector.clone()).len() {
                let mut changed = vector.clone();
                part(&mut changed)[bit / 8] ^= 1 << (bit % 8);
                let kind = changed.verify().unwrap_err();
                assert!(
                    matches!(kind, ErrorKind::SignatureMismatch | ErrorKind::InvalidHeader),
                    "{} bit {bit}: {kind:?}",
                    vector.name
                );
            }
        }
    }
}

#[test]
fn one_bit_changed_in_the_signature_is_refused_unless_it_is_the_case_of_a_letter() {
    for vector in Vector::all() {
        for bit in 0..8 * vector.signature.len() {
            let mut changed = vector.clone();
            changed.signature[bit / 8] ^= 1 << (bit % 8);
            let other = !changed.signature.eq_ignore_ascii_case(&vector.signature);
            let refused = matches!(changed.verify(), Err(ErrorKind::SignatureMismatch | ErrorKind::InvalidHeader));
            assert_eq!(refused, other, "{} bit {bit}", vector.name);
        }
    }
}

#[test]
fn a_part_moved_over_a_dot_is_refused() {
    // All of these have the signed text of `a.2024-08-22T01:04:05.5Z.{..}`.
    let signature = signed("a", "2024-08-22T01:04:05.5Z", BODY).remove(SIGNATURE).unwrap();
    let moved: [(&str, &str, &[u8]); 3] = [
        ("a.2024-08-22T01:04:05", "5Z", BODY),
        ("a", "2024-08-22T01:04:05", &[b"5Z.", BODY].concat()),
        ("a", r#"2024-08-22T01:04:05.5Z.{"event":"events"#, &BODY[br#"{"event":"events."#.len()..]),
    ];
    for (id, timestamp, body) in moved {
        let headers = signed(id, timestamp, body);
        assert_eq!(headers[SIGNATURE], signature);
        assert_eq!(refusal(&headers, body), ErrorKind::InvalidHeader);
    }
}

#[test]
fn a_signature_may_be_upper_or_mixed_case() {
    let lower = headers()[SIGNATURE].to_str().unwrap().to_owned();
    let (front, back) = lower.split_at(32);
    for signature in [lower.to_uppercase(), front.to_uppercase() + back] {
        let mut headers = headers();
        headers.insert(SIGNATURE, signature.parse().unwrap());
        assert!(verifier().verify(&headers, BODY).is_ok(), "{signature}");
    }
}

#[test]
fn every_secret_of_a_rotation_is_good_and_no_other() {
    let verifier = verifier_at(NOW, "new").secret("old").unwrap();
    let signed_with = |secret| Signer::new(secret).unwrap().headers("a", at(NOW), BODY).unwrap();

    for (secret, good) in [("new", true), ("old", true), ("older", false), ("newold", false)] {
        assert_eq!(verifier.verify(&signed_with(secret), BODY).is_ok(), good, "{secret}");
    }
}

#[test]
fn a_secret_given_twice_is_good() {
    assert!(verifier().secret(SECRET).unwrap().verify(&headers(), BODY).is_ok());
}

#[test]
fn the_window_is_five_minutes_on_both_sides_to_the_nanosecond() {
    let edge = SignedDuration::from_mins(5);
    let beyond = edge + SignedDuration::from_nanos(1);
    let cases =
        [(edge, None), (beyond, Some(ErrorKind::Expired)), (-edge, None), (-beyond, Some(ErrorKind::FromTheFuture))];
    for (age, refused) in cases {
        let now = at(NOW) + age;
        let verifier = Verifier::new(SECRET).unwrap().clock(move || now);
        assert_eq!(verifier.verify(&headers(), BODY).err().map(|error| error.kind()), refused, "{age:?}");
    }
}

#[test]
fn the_window_can_be_set_from_nothing_to_everything() {
    let later = |window| verifier_at("2024-08-22T01:04:06Z", SECRET).window(window).verify(&headers(), BODY);

    assert_eq!(later(Duration::ZERO).unwrap_err().kind(), ErrorKind::Expired);
    assert!(later(Duration::from_secs(1)).is_ok());
    assert!(verifier().window(Duration::ZERO).verify(&headers(), BODY).is_ok());
    for end in [Timestamp::MIN, Timestamp::MAX] {
        let verifier = verifier().clock(move || end);
        assert!(verifier.verify(&headers(), BODY).is_err());
        assert!(verifier.window(Duration::MAX).verify(&headers(), BODY).is_ok());
    }
}

#[test]
fn the_clock_is_the_systems_unless_set() {
    let verifier = Verifier::new(SECRET).unwrap();
    let fresh = Signer::new(SECRET).unwrap().headers("a", Timestamp::now(), BODY).unwrap();

    assert!(verifier.verify(&fresh, BODY).is_ok());
    assert_eq!(verifier.verify(&headers(), BODY).unwrap_err().kind(), ErrorKind::Expired);
}

#[test]
fn the_signature_is_checked_before_age_and_body() {
    let mut headers = headers();
    headers.insert(TIMESTAMP, HeaderValue::from_static("yesterday"));

    assert_eq!(refusal(&headers, b"no json"), ErrorKind::SignatureMismatch);
}

#[test]
fn each_header_must_be_there_once() {
    for name in [ID, TIMESTAMP, SIGNATURE] {
        let mut missing = headers();
        let value = missing.remove(name).unwrap();
        assert_eq!(refusal(&missing, BODY), ErrorKind::MissingHeader, "{name}");

        let mut repeated = headers();
        repeated.append(name, value);
        assert_eq!(refusal(&repeated, BODY), ErrorKind::RepeatedHeader, "{name}");
    }
}

#[test]
fn a_megabyte_in_a_header_is_refused() {
    for name in [ID, TIMESTAMP, SIGNATURE] {
        let mut headers = headers();
        headers.insert(name, "a".repeat(1 << 20).parse().unwrap());
        assert_eq!(refusal(&headers, BODY), ErrorKind::InvalidHeader, "{name}");
    }
}

#[test]
fn a_header_beyond_visible_ascii_is_refused() {
    for name in [ID, TIMESTAMP, SIGNATURE] {
        for value in ["\u{e9}".as_bytes(), b"\xff", "٢٠٢٤-08-22T01:04:05Z".as_bytes(), &[0x80; 64]] {
            let mut headers = headers();
            headers.insert(name, HeaderValue::from_bytes(value).unwrap());
            assert_eq!(refusal(&headers, BODY), ErrorKind::InvalidHeader, "{name} {value:?}");
        }
    }
}

#[test]
fn a_signed_id_is_refused_only_if_empty_dotted_or_longer_than_256_bytes() {
    let longest = "a".repeat(256);
    let too_long = "a".repeat(257);
    let cases = [("", false), (".", false), ("a.b", false), (&too_long, false), (&longest, true), ("a b/c,d", true)];
    for (id, good) in cases {
        let refused = verifier().verify(&signed(id, NOW, BODY), BODY).err().map(|error| error.kind());
        assert_eq!(refused, (!good).then_some(ErrorKind::InvalidHeader), "{id}");
    }
}

#[test]
fn a_signature_that_is_not_64_hex_digits_is_refused() {
    let good = headers()[SIGNATURE].to_str().unwrap().to_owned();
    let cases = [
        String::new(),
        good[..62].to_owned(),
        good[..63].to_owned(),
        format!("{good}0"),
        format!("{good}00"),
        format!("sha256={good}"),
        format!("0x{}", &good[2..]),
        format!("{good}, {good}"),
        "g".repeat(64),
        " ".repeat(64),
    ];
    for signature in cases {
        let mut headers = headers();
        headers.insert(SIGNATURE, signature.parse().unwrap());
        assert_eq!(refusal(&headers, BODY), ErrorKind::InvalidHeader, "{signature}");
    }
}

#[test]
fn odd_timestamps_are_refused_even_if_signed() {
    let nines = "9".repeat(64);
    let too_long = format!("2024-08-22T01:04:05.{}Z", "0".repeat(45));
    let odd = [
        "",
        " ",
        "0",
        "-1",
        "now",
        "NaN",
        "1e999",
        "1724288645",
        "Z",
        "T",
        "P1D",
        ":::::",
        "----",
        "+",
        "%00",
        "\t",
        &nines,
        &too_long,
        "2024-08-22",
        "01:04:05Z",
        "2024-08-22T01:04:05",
        "2024-08-22T01:04:05 ",
        "2024-08-22T01:04:05Zjunk",
        "2024-08-22T01:04:05Z,2024-08-22T01:04:05Z",
        "2024-08-22T01:04:05[Europe/Berlin]",
        "2024-13-22T01:04:05Z",
        "2024-00-00T00:00:00Z",
        "2024-02-30T01:04:05Z",
        "2023-02-29T01:04:05Z",
        "2024-08-22T25:04:05Z",
        "2024-08-22T01:60:05Z",
        "2024-08-22T01:04:61Z",
        "2024-08-22T01:04:05+99:99",
        "2024-08-22T01:04:05.Z",
        "2024-08-22T01:04:05.0000000000Z",
        "24-08-22T01:04:05Z",
        "2024-W34-4T01:04:05Z",
        "2024-235T01:04:05Z",
        "Thu, 22 Aug 2024 01:04:05 GMT",
        "99999-08-22T01:04:05Z",
        "+999999-01-01T00:00:00Z",
        "-000000-01-01T00:00:00Z",
        "-999999-01-01T00:00:00Z",
    ];
    for timestamp in odd {
        assert_eq!(refusal(&signed("a", timestamp, BODY), BODY), ErrorKind::InvalidHeader, "{timestamp:?}");
    }
}

#[test]
fn a_timestamp_may_be_64_bytes_long_and_no_longer() {
    // RFC 9557 lets a zone follow the offset, which is the one way to make a valid timestamp this long.
    for (zone, good) in [(42, true), (43, false)] {
        let timestamp = format!("{NOW}[{}]", "a".repeat(zone));
        assert_eq!(verifier().verify(&signed("a", &timestamp, BODY), BODY).is_ok(), good, "{timestamp}");
    }
}

#[test]
fn timestamps_at_the_ends_of_time_are_out_of_the_window() {
    assert_eq!(refusal(&signed("a", "9999-12-30T22:00:00Z", BODY), BODY), ErrorKind::FromTheFuture);
    assert_eq!(refusal(&signed("a", "-009999-01-02T02:00:00Z", BODY), BODY), ErrorKind::Expired);
}

#[test]
fn a_signed_body_that_is_no_event_is_malformed() {
    let deep = "[".repeat(100_000);
    let bodies = [
        "",
        " ",
        "{",
        "null",
        "7",
        "\"events.created\"",
        "[]",
        "{}",
        r#"{"data":{"id":1}}"#,
        r#"{"event":null}"#,
        r#"{"event":7,"data":{}}"#,
        r#"["events.created",{"id":1}]"#,
        r#"{"event":"events.created"} {}"#,
        r#"{"event":"events.created","data":{"id":1}"#,
        "\u{feff}{}",
        &deep,
    ];
    for body in bodies {
        let kind = refusal(&signed("a", NOW, body.as_bytes()), body.as_bytes());
        assert_eq!(kind, ErrorKind::MalformedBody, "{body:.60}");
    }
}

#[test]
fn random_requests_are_refused_without_a_panic() {
    let mut random = fastrand::Rng::with_seed(22);
    for _ in 0..20_000 {
        let mut headers = HeaderMap::new();
        for name in [ID, TIMESTAMP, SIGNATURE] {
            for _ in 0..[1, 1, 1, 0, 2][random.usize(..5)] {
                let value = bytes(&mut random, 300);
                if let Ok(value) = HeaderValue::from_bytes(&value) {
                    headers.append(name, value);
                }
            }
        }
        let body = bytes(&mut random, 100);
        assert!(verifier().verify(&headers, &body).is_err());
    }
}

#[test]
fn random_timestamps_and_bodies_pass_the_signature_and_never_panic() {
    let mut random = fastrand::Rng::with_seed(23);
    let mut accepted = 0;
    for _ in 0..20_000 {
        let timestamp = String::from_utf8(mutated(&mut random, NOW.as_bytes(), b"0129TZ:.+-[] ")).unwrap();
        let body = mutated(&mut random, BODY, b"{}[]\",:\\0e\xff");
        match verifier().verify(&signed("a", &timestamp, &body), &body) {
            Ok(_) => accepted += 1,
            Err(error) => assert!(
                matches!(
                    error.kind(),
                    ErrorKind::InvalidHeader | ErrorKind::Expired | ErrorKind::FromTheFuture | ErrorKind::MalformedBody
                ),
                "{timestamp:?}: {error}"
            ),
        }
    }
    assert!((100..19_000).contains(&accepted), "{accepted} accepted: this tells little");
}

/// Mostly of the characters that matter, of any length up to `most`.
fn bytes(random: &mut fastrand::Rng, most: usize) -> Vec<u8> {
    const LIKELY: &[u8] = b"0123456789abcdefABCDEF.:-+TZ";
    let length = if random.bool() { random.usize(..=most) } else { 64 };
    let wild = random.bool();
    (0..length).map(|_| if wild { random.u8(..) } else { LIKELY[random.usize(..LIKELY.len())] }).collect()
}

/// Up to three bytes replaced, put in or taken out.
fn mutated(random: &mut fastrand::Rng, valid: &[u8], with: &[u8]) -> Vec<u8> {
    let mut bytes = valid.to_vec();
    for _ in 0..random.usize(..=3) {
        let (place, byte) = (random.usize(..bytes.len()), with[random.usize(..with.len())]);
        match random.u8(..3) {
            0 => bytes[place] = byte,
            1 => bytes.insert(place, byte),
            _ => drop(bytes.remove(place)),
        }
    }
    bytes
}

#[test]
fn errors_tell_the_status_to_answer_with() {
    let unsigned = [(SIGNATURE, "0".repeat(64))];
    let status = |change: &[(&'static str, String)], body: &[u8]| {
        let mut headers = headers();
        for (name, value) in change {
            headers.insert(*name, value.parse().unwrap());
        }
        verifier().verify(&headers, body).unwrap_err().status()
    };

    assert_eq!(status(&unsigned, BODY), StatusCode::UNAUTHORIZED);
    assert_eq!(status(&[(ID, String::from("a.b"))], BODY), StatusCode::BAD_REQUEST);
    assert_eq!(Verifier::new("").unwrap_err().status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[test]
fn promise_16_no_secret_header_or_body_stands_in_errors_or_debug() {
    let body = br#"{"event":["planted"],"planted":"planted"}"#;
    let signer = Signer::new("planted").unwrap();
    let verifier = verifier_at(NOW, "planted").secret("planted too").unwrap();
    let refuse = |id, timestamp, signature: Option<&str>| {
        let made = signer.sign(id, timestamp, body);
        let headers = headers_of(id, timestamp, signature.unwrap_or(&made));
        verifier.verify(&headers, body).unwrap_err()
    };
    let refused = [
        (Verifier::new(" planted ").unwrap_err(), ErrorKind::InvalidSecret),
        (refuse("planted.", NOW, None), ErrorKind::InvalidHeader),
        (refuse("planted", "planted", None), ErrorKind::InvalidHeader),
        (refuse("planted", NOW, Some("planted")), ErrorKind::InvalidHeader),
        (refuse("planted", NOW, Some(&"0".repeat(64))), ErrorKind::SignatureMismatch),
        (refuse("planted", NOW, None), ErrorKind::MalformedBody),
    ];

    for (error, kind) in refused {
        assert_eq!(error.kind(), kind);
        let shown = format!("{error} {error:?} {error:#?}");
        assert!(!shown.contains("planted"), "{shown}");
    }
    let shown = format!("{signer:?} {verifier:?} {verifier:#?}");
    assert!(!shown.contains("planted"), "{shown}");
}

#[test]
fn the_signer_refuses_an_id_that_no_verifier_takes() {
    let signer = Signer::new(SECRET).unwrap();
    for id in ["", "a.b", "a\nb", "\u{e9}", &"a".repeat(257)] {
        assert_eq!(signer.headers(id, at(NOW), BODY).unwrap_err().kind(), ErrorKind::InvalidHeader, "{id:?}");
    }
}
