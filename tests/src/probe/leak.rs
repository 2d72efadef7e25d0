//! Finds a secret in a text, however it is spelled.

use std::fmt::Write;

use base64::{
    Engine,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};
use percent_encoding::percent_decode_str;

/// Asserts that a text does not hold the secret: as it is, percent-encoded, in base64 or hexadecimal, escaped for a
/// string or JSON, or as a list of bytes. The panic does not show the secret.
///
/// # Panics
///
/// If it does.
#[track_caller]
pub fn assert_absent(text: &str, secret: &str) {
    if let Some(form) = find(text, secret) {
        panic!("the secret stands {form} in a text of {} bytes", text.len());
    }
}

/// The first form in which the text holds the secret.
///
/// # Panics
///
/// If the secret is shorter than 8 bytes, because then it could stand there by chance.
#[must_use]
pub fn find(text: &str, secret: &str) -> Option<&'static str> {
    assert!(secret.len() >= 8, "plant a longer secret");
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    let form = text.replace('+', " ");
    let lower = text.to_lowercase();
    let json = serde_json::Value::from(secret).to_string();
    let escaped = format!("{secret:?}");
    let forms = [
        ("as it is", text.contains(secret)),
        ("percent-encoded", decoded.contains(secret)),
        ("form-encoded", percent_decode_str(&form).decode_utf8_lossy().contains(secret)),
        ("escaped", text.contains(inside(&escaped))),
        ("escaped for JSON", text.contains(inside(&json))),
        ("in base64", base64(secret).iter().any(|encoded| text.contains(encoded))),
        ("in hexadecimal", lower.contains(&hexadecimal(secret))),
        ("as bytes", text.contains(inside(&format!("{:?}", secret.as_bytes())))),
    ];
    forms.into_iter().find_map(|(form, found)| found.then_some(form))
}

/// Without the quotes or brackets.
fn inside(quoted: &str) -> &str {
    &quoted[1..quoted.len() - 1]
}

/// What is certain of the encoded text, whatever stands before and after the secret.
fn base64(secret: &str) -> Vec<String> {
    let shifted = |before: usize| {
        let bytes = [&b"\0\0"[..before], secret.as_bytes()].concat();
        let whole = &bytes[..bytes.len() - bytes.len() % 3];
        let uncertain = if before == 0 { 0 } else { before + 1 };
        [BASE64_STANDARD_NO_PAD.encode(whole), BASE64_URL_SAFE_NO_PAD.encode(whole)]
            .map(|text| text[uncertain..].into())
    };
    (0..3).flat_map(shifted).collect()
}

fn hexadecimal(secret: &str) -> String {
    secret.bytes().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a string cannot fail
        text
    })
}
