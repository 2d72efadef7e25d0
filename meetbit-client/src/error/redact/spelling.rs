//! The secret as an echo may spell it as a whole.

use std::borrow::Cow;

use crate::error::redact::reading::{Reading, ends_within_escape};

/// The work that may still be spent on a text: the number of places that are compared with a character of the secret.
pub(super) struct Budget(usize);

impl Budget {
    pub(super) fn new(text: &str) -> Self {
        Self(16 * text.len() + 64 * 1024)
    }

    pub(super) fn spend(&mut self, places: usize) {
        self.0 = self.0.saturating_sub(places);
    }

    pub(super) fn is_spent(&self) -> bool {
        self.0 == 0
    }
}

/// A secret as an echo may spell it.
///
/// Each character can be escaped: for JSON (`\/`, `\u003C`), HTML (`&lt;`, `&#60;`), a URL (`%3C`) or a form (`+`). The whole can be
/// in another case, in base64 or hexadecimal. A text may break off within the secret.
pub(super) struct Spelling<'a> {
    bytes: Cow<'a, [u8]>,
    equals: fn(u8, u8) -> bool,
    /// The number of bytes that are redacted at the end of a text, although the rest is missing.
    min_match: usize,
}

impl<'a> Spelling<'a> {
    /// The spellings that a text of this length can contain.
    pub(super) fn all(secret: &'a str, length: usize) -> Vec<Self> {
        const MIN_MATCH: usize = 8;
        let bytes = secret.as_bytes();
        if bytes.len() < MIN_MATCH {
            return vec![Self { bytes: bytes.into(), equals: |a, b| a == b, min_match: usize::MAX }];
        }
        let mut spellings =
            vec![Self { bytes: bytes.into(), equals: |a, b| a.eq_ignore_ascii_case(&b), min_match: MIN_MATCH }];
        if length >= bytes.len() {
            let hexadecimal = bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect();
            spellings.push(Self {
                bytes: hexadecimal,
                equals: |a, b| a.eq_ignore_ascii_case(&b),
                min_match: 2 * MIN_MATCH,
            });
            spellings.extend((0..3).map(|before| Self {
                bytes: base64(bytes, before).into(),
                equals: |a, b| url_safe(a) == url_safe(b),
                min_match: MIN_MATCH.div_ceil(3) * 4,
            }));
        }
        spellings
    }

    /// True if the secret in this spelling begins with the character.
    pub(super) fn begins_with(&self, character: u8) -> bool {
        self.bytes.first().is_some_and(|first| (self.equals)(character, *first))
    }

    /// The end of the secret in a text, if it begins at `at`. `None` if the budget is spent before.
    pub(super) fn end(&self, text: &[u8], at: usize, budget: &mut Budget) -> Option<usize> {
        let (mut ends, mut next) = (vec![at], Vec::new());
        for (matched, &byte) in self.bytes.iter().enumerate() {
            for &at in &ends {
                if let Some(reading) = Reading::at(text, at) {
                    reading.push_ends(at, |character| (self.equals)(character, byte), &mut next);
                }
            }
            budget.spend(ends.len() + next.len());
            if next.is_empty() {
                return self.cut_off_end(text, matched, ends.into_iter().max()?);
            }
            if budget.is_spent() {
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

    /// The end of the first `matched` bytes of the secret, if they are enough: half of it, or fewer where a text, a string or an
    /// element ends.
    fn cut_off_end(&self, text: &[u8], matched: usize, end: usize) -> Option<usize> {
        let rest = &text[end..];
        if matched < self.min_match {
            None
        } else if ends_within_escape(rest) {
            Some(text.len())
        } else {
            let is_end = matches!(rest.first(), Some(b'"' | b'\'' | b'<' | b'\\'));
            (is_end || 2 * matched >= self.bytes.len()).then_some(end)
        }
    }
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
