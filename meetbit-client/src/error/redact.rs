//! Removes the secret from foreign text.

mod reading;
mod spelling;

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue};

use crate::error::escape::truncate_escaped;
use crate::error::redact::reading::{LONGEST, Reading};
use crate::error::redact::spelling::{Budget, Spelling};

/// The longest text of a reply that an error keeps, in bytes.
pub(crate) const KEPT: usize = 8 * 1024;

/// Replaces the secret in a text.
const REDACTED: &str = "[redacted]";

/// Removes one secret from texts of the server, in every spelling that [`Spelling`] knows.
#[derive(Clone, Copy)]
pub(crate) struct Redactor<'a> {
    secret: &'a str,
}

impl<'a> Redactor<'a> {
    pub(crate) fn new(secret: &'a str) -> Self {
        Self { secret }
    }

    /// The text without the secret.
    ///
    /// The work is linear in the length of the text. If a text costs more, because nearly each character of it may begin the
    /// secret in several spellings, the rest of it is replaced without being compared.
    pub(crate) fn redacted(self, text: &str) -> Cow<'_, str> {
        let spellings = Spelling::all(self.secret, text.len());
        let mut budget = Budget::new(text);
        let (mut redacted, mut copied_to, mut at) = (String::new(), 0, 0);
        while at < text.len() {
            let reading = Reading::at(text.as_bytes(), at);
            let mut begun = spellings.iter().filter(|spelling| {
                reading.is_some_and(|reading| reading.is(|character| spelling.begins_with(character)))
            });
            let mut end = begun.find_map(|spelling| spelling.end(text.as_bytes(), at, &mut budget));
            if budget.is_spent() && text.is_char_boundary(at) {
                end = Some(text.len());
            }
            if let Some(end) = end {
                redacted = redacted + &text[copied_to..at] + REDACTED;
                (copied_to, at) = (end, end);
            } else {
                at += 1;
            }
        }
        if copied_to == 0 { Cow::Borrowed(text) } else { Cow::Owned(redacted + &text[copied_to..]) }
    }

    /// The start of the text, redacted and escaped, at most `max` bytes.
    pub(crate) fn shown(self, text: &str, max: usize) -> String {
        let start = start(text, max + LONGEST * self.secret.len());
        truncate_escaped(&self.redacted(start), max)
    }

    /// A short text for a message, after a colon. An empty text and a page of HTML give nothing, because they do not help.
    pub(crate) fn after_colon(self, text: &str) -> String {
        let text = text.trim();
        if text.is_empty() || text.starts_with('<') { String::new() } else { format!(": {}", self.shown(text, 200)) }
    }

    /// Marks values that have the secret as sensitive, so that `Debug` does not show them.
    pub(crate) fn mark(self, headers: &mut HeaderMap) {
        let values = headers.values_mut().filter(|value| self.is_in(value.as_bytes()));
        values.for_each(|value| value.set_sensitive(true));
    }

    fn is_in(self, bytes: &[u8]) -> bool {
        matches!(self.redacted(&String::from_utf8_lossy(bytes)), Cow::Owned(_))
    }

    /// The headers without the secret. A value that has it is replaced.
    pub(crate) fn headers(self, headers: &HeaderMap) -> HeaderMap {
        let names = headers.iter().filter(|(name, _)| !self.is_in(name.as_str().as_bytes()));
        let fields = names.map(|(name, value)| {
            let mut value = value.clone();
            if self.is_in(value.as_bytes()) {
                value = HeaderValue::from_static(REDACTED);
                value.set_sensitive(true);
            }
            (name.clone(), value)
        });
        fields.collect()
    }
}

/// The start of a text, at most `max` bytes.
fn start(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::Redactor;

    const SECRET: &str = r#"PLANTED</"\& s3cret+%#*"#;

    #[test]
    fn promise_16_the_secret_is_redacted_however_it_is_spelled() {
        let spellings = [
            SECRET.to_owned(),
            SECRET.to_uppercase(),
            SECRET.to_lowercase(),
            r#"PLANTED<\/\"\\& s3cret+%#*"#.to_owned(),
            r"PLANTED\u003C\/\u0022\\\u0026 s3cret+%#*".to_owned(),
            r#"PLANTED\u003c\\\/\\\"\\\\& s3cret+%#*"#.to_owned(),
            r"PLANTED&lt;/&quot;\&amp; s3cret+%#*".to_owned(),
            r"PLANTED&#60;&#x2F;&#034;&bsol;&#x26;&#32;s3cret&plus;&percnt;&num;&ast;".to_owned(),
            r"PLANTED&amp;lt;/&amp;quot;\&amp;amp; s3cret+%#*".to_owned(),
            r"PLANTED&amp;amp;#60;/&amp;amp;#034;&amp;amp;bsol;&amp;amp;amp; s3cret+%#*".to_owned(),
            "PLANTED%3C%2F%22%5C%26%20s3cret%2B%25%23%2A".to_owned(),
            "PLANTED%3c%2f%22%5c%26+s3cret%2b%25%23*".to_owned(),
            "PLANTED%253C%252F%2522%255C%2526%2520s3cret%252B%2525%2523%252A".to_owned(),
            "UExBTlRFRDwvIlwmIHMzY3JldCslIyo=".to_owned(),
            "eFBMQU5URUQ8LyJcJiBzM2NyZXQrJSMqeQ==".to_owned(),
            "aWQ6UExBTlRFRDwvIlwmIHMzY3JldCslIyo=".to_owned(),
            "504c414e5445443c2f225c2620733363726574 2b25232a".replace(' ', ""),
        ];
        for spelling in spellings {
            for (before, after) in [("", ""), ("the key ", " is wrong"), ("\"", "\"}"), ("é", "é")] {
                let text = format!("{before}{spelling}{after}");
                let shown = Redactor::new(SECRET).redacted(&text).to_lowercase();
                assert!(shown.contains("[redacted]"), "{text} became {shown}");
                for part in ["planted", "s3cret", "ntrfrdwvi", "qu5urqu8l", "733363"] {
                    assert!(!shown.contains(part), "{text} became {shown}");
                }
            }
        }
    }

    #[test]
    fn promise_16_every_sign_can_be_named_as_in_html() {
        let secret = "a|b(c)d[e]f{g}h^i`j!m?n=o:p;q$r'";
        for spelling in [
            "a&vert;b&lpar;c&rpar;d&lbrack;e&rsqb;f&lbrace;g&rcub;h&Hat;i&grave;j&excl;m&quest;n&equals;o&colon;p&semi;q$r'",
            "a&verbar;b(c)d&lsqb;e&rbrack;f&lcub;g&rbrace;h^i&#96;j&excl;m?n=o:p;q&dollar;r&apos;",
        ] {
            assert_eq!(Redactor::new(secret).redacted(spelling), "[redacted]");
        }
    }

    #[test]
    fn promise_16_a_secret_that_breaks_off_is_redacted_as_well() {
        let shown = |text: &str| Redactor::new(SECRET).redacted(text).into_owned();
        for end in 8..SECRET.len() {
            assert_eq!(shown(&format!("x {}", &SECRET[..end])), "x [redacted]", "{end}");
        }
        assert_eq!(shown("x PLANTED&l"), "x PLANTED&l", "seven characters may be a word");
        assert_eq!(shown(r"x planted\u003c\u00"), "x [redacted]");
        assert_eq!(shown("x PLANTED%3C%2"), "x [redacted]");
        assert_eq!(shown("x PLANTED&amp;lt;&amp;amp;bso"), "x [redacted]");
        assert_eq!(shown("x PLANTED</ and more"), "x PLANTED</ and more", "less than half of it");
        assert_eq!(shown(r#"{"a":"PLANTED<"}"#), r#"{"a":"[redacted]"}"#);
        assert_eq!(shown(r#"PLANTED</"\& s and more"#), "[redacted] and more");
    }

    #[test]
    fn promise_16_other_texts_stay_as_they_are() {
        for text in
            ["", "Customer created.", "100 % of a+b &amp; \\u003c", "PLANTED", "é%", "%", "&", "\\", "PLANTEX</", "\\u"]
        {
            assert!(matches!(Redactor::new(SECRET).redacted(text), Cow::Borrowed(_)), "{text}");
        }
        assert_eq!(Redactor::new("short").redacted("a short SHORT shor"), "a [redacted] SHORT shor");
        assert_eq!(Redactor::new(r"\\\\\\\\\\").redacted(r"\\\\\"), r"\\\\\");
    }

    /// Without a bound, each run of 100 KB takes minutes.
    #[test]
    fn promise_13_the_work_is_linear_in_a_run_of_escapes() {
        for text in ["\\".repeat(100_000), format!("%{}", "25".repeat(50_000)), format!("&{}", "amp;".repeat(50_000))] {
            assert!(matches!(Redactor::new(SECRET).redacted(&text), Cow::Borrowed(_)), "the text has no secret");
            for secret in [r"\tail-of-it", r"\\\\\\\\\\\\tail-of-it", "%%%%%%%%tail-of-it", "&&&&&&&&tail-of-it"] {
                let redacted = Redactor::new(secret).redacted(&text);
                assert!(redacted.len() <= text.len(), "{secret}");
            }
        }
    }

    #[test]
    fn promise_16_the_rest_of_a_text_that_is_too_much_work_is_redacted() {
        let secret = r"\\\\\\\\\\\\\\\\tail-of-it";
        let text = format!("é {}é {secret}", "\\".repeat(100_000));
        let redacted = Redactor::new(secret).redacted(&text);
        assert!(redacted.starts_with("é ") && redacted.ends_with("[redacted]"), "{}", redacted.len());
        assert!(!redacted.contains("tail"));
    }

    #[test]
    fn promise_16_five_levels_of_json_in_json_are_read() {
        let text = format!(r#"PLANTED<\u002f{}"{}& s3cret+%#*"#, "\\".repeat(31), "\\".repeat(32));
        assert_eq!(Redactor::new(SECRET).redacted(&text), "[redacted]");
    }
}
