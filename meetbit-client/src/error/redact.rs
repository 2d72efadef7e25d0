//! Makes foreign text safe to show: bounded, escaped for terminals, and without the secret.

use std::borrow::Cow;

/// The longest text of a reply that an error keeps, in bytes.
pub(crate) const KEPT: usize = 8 * 1024;

/// Replaces the secret in a text.
const REDACTED: &str = "[redacted]";

/// Removes one secret from texts of the server.
#[derive(Clone, Copy)]
pub(crate) struct Redactor<'a> {
    secret: &'a str,
}

impl<'a> Redactor<'a> {
    pub(crate) fn new(secret: &'a str) -> Self {
        Self { secret }
    }

    /// The text without the secret.
    pub(crate) fn redacted(self, text: &str) -> Cow<'_, str> {
        let quoted = serde_json::Value::from(self.secret).to_string();
        let spellings =
            [self.secret, &quoted[1..quoted.len() - 1]].into_iter().filter(|spelling| text.contains(spelling));
        spellings.fold(Cow::Borrowed(text), |text, spelling| text.replace(spelling, REDACTED).into())
    }

    /// The start of the text, redacted and escaped, at most `max` bytes.
    pub(crate) fn shown(self, text: &str, max: usize) -> String {
        truncate_escaped(&self.redacted(text), max)
    }

    /// A short text for a message, after a colon. An empty text and a page of HTML give nothing, because they do not help.
    pub(crate) fn after_colon(self, text: &str) -> String {
        let text = text.trim();
        if text.is_empty() || text.starts_with('<') { String::new() } else { format!(": {}", self.shown(text, 200)) }
    }
}

/// The start of a text, at most `max` bytes. Control characters and characters that change the direction of text are escaped.
pub(crate) fn truncate_escaped(text: &str, max: usize) -> String {
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
    fn promise_13_a_shown_text_is_bounded_and_escaped() {
        assert_eq!(super::truncate_escaped("a\u{1b}[31mb\r\n\u{202e}c", 99), "a\\u{1b}[31mb\\u{d}\n\\u{202e}c");
        assert_eq!(super::truncate_escaped("ää", 3), "ä");
        assert_eq!(super::truncate_escaped(&"\0".repeat(9000), 8192).len(), 8190);
    }
}
