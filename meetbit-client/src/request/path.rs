//! The path of a request: a template whose placeholders are filled with one encoded segment each.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All but RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Appends the template's text up to its next placeholder, then `value` as that placeholder's segment, and gives what is
/// left of the template.
pub(crate) fn fill<'t>(
    path: &mut String,
    template: &'t str,
    value: Result<String, fmt::Error>,
) -> Result<&'t str, String> {
    let (text, rest) = template.split_once('{').unwrap_or((template, ""));
    let (name, rest) = rest.split_once('}').unwrap_or((rest, ""));
    let segment = value.map_err(|_| "cannot be written as text").and_then(check);
    let segment = segment.map_err(|why| format!("the path argument `{name}` {why}"))?;
    path.push_str(text);
    path.extend(utf8_percent_encode(&segment, ENCODED));
    Ok(rest)
}

/// Checks a template that the macro has not seen: its segments by the macro's rules, but any name in a placeholder.
///
/// # Errors
/// The reason why it cannot be used.
pub(crate) fn check_template(template: &str) -> Result<(), String> {
    let Some(rest) = template.strip_prefix('/') else {
        return Err(format!("the path `{}` does not begin with a slash", template.escape_debug()));
    };
    if rest.is_empty() {
        return Ok(());
    }
    let refuse = |why: &str| format!("the path `{}` {why}", template.escape_debug());
    let mut names = Vec::new();
    for segment in rest.split('/') {
        if let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            if name.is_empty() || name.contains(['{', '}']) || names.contains(&name) {
                return Err(refuse("has a placeholder without a name of its own"));
            }
            names.push(name);
            continue;
        }
        check_segment(segment).map_err(refuse)?;
    }
    Ok(())
}

fn check_segment(segment: &str) -> Result<(), &'static str> {
    match segment {
        "" => Err("has an empty segment"),
        "." | ".." => Err("has the segment `.` or `..`, which would name another path"),
        _ if segment.contains('?') => Err("has a query; use `.query(..)`"),
        _ if segment.contains('%') => Err("has a percent-encoding; pass that segment to `.path(..)`"),
        _ if segment.contains(['{', '}']) => Err("has braces that are not a whole segment"),
        _ if segment.chars().all(is_legal) => Ok(()),
        _ => Err("has a character that is not allowed in a path; pass that segment to `.path(..)`"),
    }
}

/// True if RFC 3986 allows a character in a path segment without encoding.
fn is_legal(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@".contains(character)
}

/// The most layers of percent-encoding that the check decodes. A value with more is refused, because decoding it could take
/// unbounded time.
const MOST_ENCODINGS: usize = 8;

/// Refuses what would reach another endpoint, however often something on the way decodes it.
fn check(segment: String) -> Result<String, &'static str> {
    let mut text = Cow::Borrowed(&*segment);
    for _ in 0..=MOST_ENCODINGS {
        match &*text {
            "" => return Err("is empty"),
            "." | ".." => return Err("is `.` or `..`, which would name another path"),
            plain if plain.chars().any(char::is_control) => return Err("has a control character"),
            plain => {
                let decoded = percent_decode_str(plain).decode_utf8_lossy().into_owned();
                if decoded == plain {
                    return Ok(segment);
                }
                text = Cow::Owned(decoded);
            }
        }
    }
    Err("is percent-encoded many times over")
}

#[cfg(test)]
mod tests {
    use super::{check_template, fill};

    fn filled(value: &str) -> Result<String, String> {
        let mut path = String::from("/v2");
        let rest = fill(&mut path, "/users/{user_id}/tags", Ok(value.to_owned()))?;
        Ok(path + rest)
    }

    #[test]
    fn promise_21_a_value_is_one_encoded_segment() {
        assert_eq!(filled("a/b?c#d e%ü\\;").unwrap(), "/v2/users/a%2Fb%3Fc%23d%20e%25%C3%BC%5C%3B/tags");
        assert_eq!(filled("-._~").unwrap(), "/v2/users/-._~/tags");
    }

    #[test]
    fn promise_21_dot_segments_in_any_spelling_are_refused() {
        for value in ["", ".", "..", "%2e", "%2E%2e", ".%2e", "%252e%252e", "%25252E"] {
            let error = filled(value).unwrap_err();
            assert!(error.starts_with("the path argument `user_id` is "), "{value}: {error}");
        }
        assert!(filled("...").is_ok());
        assert!(filled("a.b").is_ok());
    }

    #[test]
    fn promise_21_a_value_that_is_encoded_many_times_is_refused_at_once() {
        let nested = |times| format!("%{}41", "25".repeat(times));
        assert!(filled(&nested(7)).is_ok());
        assert!(filled(&nested(8)).unwrap_err().ends_with("is percent-encoded many times over"));
        assert!(filled(&nested(100_000)).is_err());
    }

    #[test]
    fn promise_21_control_characters_are_refused_in_any_spelling() {
        for value in ["a\nb", "\0", "a%0d%0ab", "\u{7f}", "%2500"] {
            assert_eq!(filled(value).unwrap_err(), "the path argument `user_id` has a control character");
        }
    }

    #[test]
    fn promise_21_different_values_make_different_paths() {
        let values = ["a b", "a+b", "a%20b", "a%2520b", "a/b", "a%2Fb", "ä", "a\u{308}"];
        let paths: std::collections::BTreeSet<_> = values.iter().map(|value| filled(value).unwrap()).collect();
        assert_eq!(paths.len(), values.len());
    }

    #[test]
    fn promise_21_a_template_that_could_name_another_path_is_refused() {
        for template in ["/", "/notes", "/notes/{id}", "/a/{b}/{c}/d", "/.well-known/a:b@c", "/..."] {
            assert_eq!(check_template(template), Ok(()), "{template}");
        }
        for template in [
            "",
            "notes",
            "https://evil.example/",
            "//evil.example",
            "/a//b",
            "/a/",
            "/.",
            "/a/../b",
            "/%2e%2e/a",
            "/a%2Fb",
            "/a?b",
            "/a#b",
            "/a b",
            "/a\\b",
            "/a\nb",
            "/ü",
            "/a{b}",
            "/{}",
            "/{a/b}",
            "/{a}/{a}",
            "/{a",
        ] {
            assert!(check_template(template).is_err(), "{template}");
        }
    }
}
