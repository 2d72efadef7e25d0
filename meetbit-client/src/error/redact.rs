//! Makes foreign text safe to show: bounded, escaped for terminals, and without the secret.

use std::borrow::Cow;
use std::fmt;

use http::{HeaderMap, HeaderValue};

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
    pub(crate) fn redacted(self, text: &str) -> Cow<'_, str> {
        let spellings = Spelling::all(self.secret, text.len());
        let (mut redacted, mut kept, mut at) = (String::new(), 0, 0);
        while at < text.len() {
            let end = spellings.iter().find_map(|spelling| spelling.end(text.as_bytes(), at));
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
        // No spelling of a character of the secret is longer than 16 bytes.
        let start = start(text, max + 16 * self.secret.len());
        truncate_escaped(&self.redacted(start), max)
    }

    /// A short text for a message, after a colon. An empty text and a page of HTML give nothing, because they do not help.
    pub(crate) fn after_colon(self, text: &str) -> String {
        let text = text.trim();
        if text.is_empty() || text.starts_with('<') { String::new() } else { format!(": {}", self.shown(text, 200)) }
    }

    /// The headers without the secret. A value that has it is replaced.
    pub(crate) fn headers(self, headers: &HeaderMap) -> HeaderMap {
        let has_secret = |bytes: &[u8]| matches!(self.redacted(&String::from_utf8_lossy(bytes)), Cow::Owned(_));
        let names = headers.iter().filter(|(name, _)| !has_secret(name.as_str().as_bytes()));
        let fields = names.map(|(name, value)| {
            let mut value = value.clone();
            if has_secret(value.as_bytes()) {
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

/// A secret as an echo may spell it.
///
/// Each character can be escaped: for JSON (`\/`, `\u003C`), HTML (`&lt;`, `&#60;`), a URL (`%3C`) or a form (`+`). The whole can be
/// in another case, in base64 or hexadecimal. A text may end within the secret.
struct Spelling<'a> {
    bytes: Cow<'a, [u8]>,
    equals: fn(u8, u8) -> bool,
    /// So many bytes at the end of a text are redacted, although the rest is missing.
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

    /// The end of the secret in a text, if it begins at `at`.
    fn end(&self, text: &[u8], at: usize) -> Option<usize> {
        let first = *self.bytes.first()?;
        let here = *text.get(at)?;
        if !(self.equals)(here, first) && !matches!(here, b'\\' | b'%' | b'&' | b'+') {
            return None;
        }
        let mut ends = vec![at];
        for (matched, &byte) in self.bytes.iter().enumerate() {
            let mut next = Vec::new();
            for &at in &ends {
                each_character(text, at, |character, end| {
                    if (self.equals)(character, byte) && !next.contains(&end) {
                        next.push(end);
                    }
                });
            }
            if next.is_empty() {
                let broken_off = matched >= self.prefix && ends.iter().any(|&at| is_rest_of_escape(&text[at..]));
                return broken_off.then_some(text.len());
            }
            ends = next;
        }
        ends.into_iter().max()
    }
}

/// True for a text that ends within an escape, or has ended.
fn is_rest_of_escape(text: &[u8]) -> bool {
    match text {
        [] => true,
        [b'%', rest @ ..] => rest.len() < 2,
        [b'\\', rest @ ..] => rest.len() < 5 && !rest.contains(&b'"'),
        [b'&', rest @ ..] => rest.len() < 6 && !rest.contains(&b';'),
        _ => false,
    }
}

/// Calls `each` with every character that the text can mean at `at`, and its end: the byte itself, and what an escape stands for.
fn each_character(text: &[u8], at: usize, mut each: impl FnMut(u8, usize)) {
    let Some((&byte, rest)) = text.get(at..).and_then(<[u8]>::split_first) else { return };
    each(byte, at + 1);
    match byte {
        b'+' => each(b' ', at + 1),
        b'%' => {
            // `%25` is a percent sign that is encoded again
            let percents = rest.chunks(2).take_while(|two| *two == b"25").count();
            for skipped in 0..=percents {
                let digits = rest.get(2 * skipped..2 * skipped + 2);
                if let Some(character) = digits.and_then(hexadecimal) {
                    each(character, at + 3 + 2 * skipped);
                }
            }
        }
        b'\\' => {
            // JSON in JSON escapes again
            let more = rest.iter().take_while(|byte| **byte == b'\\').count();
            (1..=more).for_each(|more| each(b'\\', at + 1 + more));
            match rest.get(more) {
                Some(b'u') => {
                    let digits = rest.get(more + 1..more + 5).filter(|digits| digits.starts_with(b"00"));
                    if let Some(character) = digits.and_then(|digits| hexadecimal(&digits[2..])) {
                        each(character, at + more + 6);
                    }
                }
                Some(&character) if character.is_ascii_punctuation() => each(character, at + more + 2),
                _ => {}
            }
        }
        b'&' => {
            let Some(length) = rest.iter().take(10).position(|byte| *byte == b';') else { return };
            if let Some(character) = entity(&rest[..length]) {
                each(character, at + length + 2);
            }
        }
        _ => {}
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
        _ => return None,
    })
}

/// What base64 makes of these bytes behind so many others, as far as the bytes around them do not change it.
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
    #[test]
    fn promise_13_a_shown_text_is_bounded_and_escaped() {
        assert_eq!(super::truncate_escaped("a\u{1b}[31mb\r\n\u{202e}c", 99), "a\\u{1b}[31mb\\u{d}\n\\u{202e}c");
        assert_eq!(super::truncate_escaped("ää", 3), "ä");
        assert_eq!(super::truncate_escaped(&"\0".repeat(9000), 8192).len(), 8190);
    }
}
