//! What is shown of foreign text.

/// How much of an error's body is kept, in bytes.
pub(crate) const KEPT: usize = 8 * 1024;

/// The start of a text, harmless for a terminal: at most `max` bytes, control characters escaped.
pub(crate) fn of(text: &str, max: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(max));
    for c in text.chars() {
        let before = shown.len();
        let invisible = c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if invisible {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
        if shown.len() > max {
            shown.truncate(before);
            break;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    #[test]
    fn promise_13_an_excerpt_is_bounded_and_escaped() {
        assert_eq!(super::of("a\u{1b}[31mb\r\n\u{202e}c", 99), "a\\u{1b}[31mb\\u{d}\n\\u{202e}c");
        assert_eq!(super::of("ää", 3), "ä");
        assert_eq!(super::of(&"\0".repeat(9000), 8192).len(), 8190);
    }
}
