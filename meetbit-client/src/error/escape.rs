//! Escapes foreign text for terminals and logs.

use std::fmt;

/// The start of a text, at most `max` bytes. Control characters other than line feeds and tabs are escaped, and so are
/// characters that change the direction of text.
pub(crate) fn truncate_escaped(text: &str, max: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(max));
    for c in text.chars() {
        let before = shown.len();
        if is_invisible(c) && !matches!(c, '\n' | '\t') {
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

/// Shows a text on one line: all control characters are escaped, and characters that separate lines or change the direction of
/// text.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.split_inclusive(is_invisible).try_for_each(|part| {
            let Some(last) = part.chars().next_back().filter(|c| is_invisible(*c)) else { return f.write_str(part) };
            f.write_str(&part[..part.len() - last.len_utf8()])?;
            match last {
                '\n' | '\r' | '\t' => last.escape_default().fmt(f),
                _ => last.escape_unicode().fmt(f),
            }
        })
    }
}

fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::{Escaped, truncate_escaped};

    #[test]
    fn promise_13_a_shown_text_is_bounded_and_escaped() {
        assert_eq!(truncate_escaped("a\u{1b}[31mb\r\n\u{202e}c", 99), "a\\u{1b}[31mb\\u{d}\n\\u{202e}c");
        assert_eq!(truncate_escaped("ää", 3), "ä");
        assert_eq!(truncate_escaped(&"\0".repeat(9000), 8192).len(), 8190);
    }

    #[test]
    fn promise_13_a_text_in_a_message_is_one_line() {
        let shown = Escaped("a\r\nb\tc\u{1b}d\u{2028}e\u{85}é").to_string();
        assert_eq!(shown, r"a\r\nb\tc\u{1b}d\u{2028}e\u{85}é");
        assert_eq!(Escaped("").to_string(), "");
    }
}
