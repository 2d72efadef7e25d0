//! Makes foreign text safe to show: bounded, escaped for terminals, and without the secret.

use std::borrow::Cow;
use std::fmt;

use http::{HeaderMap, HeaderValue};

/// The longest text of a reply that an error keeps, in bytes.
pub(crate) const KEPT: usize = 8 * 1024;

/// The longest run of backslashes, or of `25` behind a percent sign, that an escape can have behind its first character: JSON in
/// JSON doubles the backslashes, and 31 are five levels.
const MAX_RUN: usize = 31;

/// The largest number of `amp;` that HTML in HTML can have behind an ampersand.
const MAX_AMP: usize = 7;

/// The longest spelling of a character of the secret: `%25..2525XX`.
const LONGEST: usize = 1 + 2 * MAX_RUN + 2;

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
        let mut work = Work::new(text);
        let (mut redacted, mut kept, mut at) = (String::new(), 0, 0);
        while at < text.len() {
            let meaning = Meaning::at(text.as_bytes(), at);
            let mut begun = spellings.iter().filter(|spelling| meaning.is_some_and(|it| it.begins(spelling)));
            let mut end = begun.find_map(|spelling| spelling.end(text.as_bytes(), at, &mut work));
            if work.is_used_up() && text.is_char_boundary(at) {
                end = Some(text.len());
            }
            if let Some(end) = end {
                redacted = redacted + &text[kept..at] + REDACTED;
                (kept, at) = (end, end);
            } else {
                at += 1;
            }
        }
        if kept == 0 { Cow::Borrowed(text) } else { Cow::Owned(redacted + &text[kept..]) }
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

/// The work that may still be spent on a text: the number of places that are compared with a character of the secret.
struct Work(usize);

impl Work {
    fn new(text: &str) -> Self {
        Self(16 * text.len() + 64 * 1024)
    }

    fn add(&mut self, places: usize) {
        self.0 = self.0.saturating_sub(places);
    }

    fn is_used_up(&self) -> bool {
        self.0 == 0
    }
}

/// A secret as an echo may spell it.
///
/// Each character can be escaped: for JSON (`\/`, `\u003C`), HTML (`&lt;`, `&#60;`), a URL (`%3C`) or a form (`+`). The whole can be
/// in another case, in base64 or hexadecimal. A text may break off within the secret.
struct Spelling<'a> {
    bytes: Cow<'a, [u8]>,
    equals: fn(u8, u8) -> bool,
    /// The number of bytes that are redacted at the end of a text, although the rest is missing.
    prefix: usize,
}

impl<'a> Spelling<'a> {
    /// The spellings that a text of this length can contain.
    fn all(secret: &'a str, length: usize) -> Vec<Self> {
        const PREFIX: usize = 8;
        let bytes = secret.as_bytes();
        if bytes.len() < PREFIX {
            return vec![Self { bytes: bytes.into(), equals: |a, b| a == b, prefix: usize::MAX }];
        }
        let mut spellings =
            vec![Self { bytes: bytes.into(), equals: |a, b| a.eq_ignore_ascii_case(&b), prefix: PREFIX }];
        if length >= bytes.len() {
            let hexadecimal = bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect();
            spellings.push(Self { bytes: hexadecimal, equals: |a, b| a.eq_ignore_ascii_case(&b), prefix: 2 * PREFIX });
            spellings.extend((0..3).map(|before| Self {
                bytes: base64(bytes, before).into(),
                equals: |a, b| url_safe(a) == url_safe(b),
                prefix: PREFIX.div_ceil(3) * 4,
            }));
        }
        spellings
    }

    /// The end of the secret in a text, if it begins at `at`. `None` if the work is used up before.
    fn end(&self, text: &[u8], at: usize, work: &mut Work) -> Option<usize> {
        let (mut ends, mut next) = (vec![at], Vec::new());
        for (matched, &byte) in self.bytes.iter().enumerate() {
            for &at in &ends {
                if let Some(meaning) = Meaning::at(text, at) {
                    meaning.add_ends(at, |character| (self.equals)(character, byte), &mut next);
                }
            }
            work.add(ends.len() + next.len());
            if next.is_empty() {
                return self.broken_off(text, matched, ends.into_iter().max()?);
            }
            if work.is_used_up() {
                return None;
            }
            if next.len() > 1 {
                next.sort_unstable();
                next.dedup();
            }
            std::mem::swap(&mut ends, &mut next);
            next.clear();
        }
        ends.into_iter().max()
    }

    /// The end of the first `matched` bytes of the secret, if they are enough: half of it, or less at the end of a text.
    fn broken_off(&self, text: &[u8], matched: usize, end: usize) -> Option<usize> {
        let rest = &text[end..];
        if matched < self.prefix {
            None
        } else if is_rest_of_escape(rest) {
            Some(text.len())
        } else {
            let is_end = matches!(rest.first(), Some(b'"' | b'\'' | b'<' | b'\\'));
            (is_end || 2 * matched >= self.bytes.len()).then_some(end)
        }
    }
}

/// True for a text that ends within an escape, or has ended.
fn is_rest_of_escape(text: &[u8]) -> bool {
    match text {
        [] => true,
        [b'%', rest @ ..] => rest.len() < 2,
        [b'\\', rest @ ..] => rest.len() < 5 && !rest.contains(&b'"'),
        [b'&', rest @ ..] => {
            let mut name = rest;
            while let Some(inside) = name.strip_prefix(b"amp;") {
                name = inside;
            }
            name.len() < 7 && !name.contains(&b';')
        }
        _ => false,
    }
}

/// The characters that a place in a text can mean.
#[derive(Clone, Copy)]
struct Meaning {
    /// The byte itself.
    byte: u8,
    /// The number of times that an escape of the byte can be escaped again, each time in `width` further bytes.
    repeats: usize,
    width: usize,
    /// The character of an escape, and its end.
    escaped: Option<(u8, usize)>,
}

impl Meaning {
    fn at(text: &[u8], at: usize) -> Option<Self> {
        let (&byte, rest) = text.get(at..)?.split_first()?;
        let (mut repeats, mut width) = (0, 1);
        let escaped = match byte {
            b'+' => Some((b' ', at + 1)),
            b'%' => {
                // `%25` is a percent sign that is encoded again
                (repeats, width) = (rest.chunks_exact(2).take(MAX_RUN).take_while(|two| *two == b"25").count(), 2);
                let digits = rest.get(2 * repeats..2 * repeats + 2);
                digits.and_then(hexadecimal).map(|character| (character, at + 3 + 2 * repeats))
            }
            b'\\' => {
                // JSON in JSON escapes again
                repeats = rest.iter().take(MAX_RUN).take_while(|byte| **byte == b'\\').count();
                json_escape(&rest[repeats..]).map(|(character, length)| (character, at + 1 + repeats + length))
            }
            b'&' => {
                // `&amp;` is an ampersand that is encoded again
                (repeats, width) = (rest.chunks_exact(4).take(MAX_AMP).take_while(|four| *four == b"amp;").count(), 4);
                let name = &rest[4 * repeats..];
                let length = name.iter().take(10).position(|byte| *byte == b';');
                length.and_then(|length| Some((entity(&name[..length])?, at + 4 * repeats + length + 2)))
            }
            _ => None,
        };
        Some(Self { byte, repeats, width, escaped })
    }

    /// True if the secret in this spelling can begin here.
    fn begins(&self, spelling: &Spelling<'_>) -> bool {
        spelling.bytes.first().is_some_and(|first| {
            (spelling.equals)(self.byte, *first) || self.escaped.is_some_and(|(it, _)| (spelling.equals)(it, *first))
        })
    }

    /// Adds the ends of the wanted character, if this can mean it. `at` is the place in the text.
    fn add_ends(&self, at: usize, wanted: impl Fn(u8) -> bool, ends: &mut Vec<usize>) {
        if wanted(self.byte) {
            ends.extend((0..=self.repeats).map(|repeats| at + 1 + repeats * self.width));
        }
        ends.extend(self.escaped.filter(|(character, _)| wanted(*character)).map(|(_, end)| end));
    }
}

/// The character and the length of an escape behind its backslash.
fn json_escape(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [b'u', b'0', b'0', digits @ ..] => Some((hexadecimal(digits.get(..2)?)?, 5)),
        [character, ..] if character.is_ascii_punctuation() => Some((*character, 1)),
        _ => None,
    }
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// The character of an HTML entity, if it is ASCII.
fn entity(name: &[u8]) -> Option<u8> {
    let name = std::str::from_utf8(name).ok()?;
    if let Some(number) = name.strip_prefix('#') {
        return match number.strip_prefix(['x', 'X']) {
            Some(digits) => u8::from_str_radix(digits, 16).ok(),
            None => number.parse().ok(),
        };
    }
    Some(match name {
        "amp" => b'&',
        "lt" => b'<',
        "gt" => b'>',
        "quot" => b'"',
        "apos" => b'\'',
        "num" => b'#',
        "ast" => b'*',
        "sol" => b'/',
        "bsol" => b'\\',
        "plus" => b'+',
        "equals" => b'=',
        "lowbar" => b'_',
        "period" => b'.',
        "comma" => b',',
        "colon" => b':',
        "semi" => b';',
        "excl" => b'!',
        "quest" => b'?',
        "commat" => b'@',
        "dollar" => b'$',
        "percnt" => b'%',
        "lpar" => b'(',
        "rpar" => b')',
        "lbrack" | "lsqb" => b'[',
        "rbrack" | "rsqb" => b']',
        "lbrace" | "lcub" => b'{',
        "rbrace" | "rcub" => b'}',
        "vert" | "verbar" => b'|',
        "Hat" => b'^',
        "grave" => b'`',
        _ => return None,
    })
}

/// The base64 of these bytes behind `before` others, as far as the bytes around them do not change it.
fn base64(bytes: &[u8], before: usize) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| usize::from(byte >> bit & 1)));
    let bits: Vec<_> = bits.skip([0, 4, 2][before]).collect();
    bits.chunks_exact(6).map(|six| ALPHABET[six.iter().fold(0, |sum, bit| 2 * sum + bit)]).collect()
}

/// The two alphabets of base64 differ in two characters.
fn url_safe(byte: u8) -> u8 {
    match byte {
        b'+' => b'-',
        b'/' => b'_',
        other => other,
    }
}

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
    use std::borrow::Cow;

    use super::{Escaped, Redactor, truncate_escaped};

    const SECRET: &str = r#"PLANTED</"\& s3cret+%#*"#;

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
