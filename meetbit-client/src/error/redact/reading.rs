//! What a place in a text can mean: the byte itself, or the character of an escape.

/// The longest run of backslashes, or of `25` behind a percent sign, that an escape can have behind its first character: JSON in
/// JSON doubles the backslashes, and 31 are five levels.
const MAX_RUN: usize = 31;

/// The largest number of `amp;` that HTML in HTML can have behind an ampersand.
const MAX_AMP: usize = 7;

/// The longest spelling of a character of the secret: `%25..2525XX`.
pub(super) const LONGEST: usize = 1 + 2 * MAX_RUN + 2;

/// The characters that a place in a text can mean.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    /// The byte itself.
    byte: u8,
    /// The number of times that an escape of the byte can be escaped again, each time in `nesting_width` further bytes.
    nesting: usize,
    nesting_width: usize,
    /// The character of an escape, and its end.
    escaped: Option<(u8, usize)>,
}

impl Reading {
    pub(super) fn at(text: &[u8], at: usize) -> Option<Self> {
        let (&byte, rest) = text.get(at..)?.split_first()?;
        let (mut nesting, mut nesting_width) = (0, 1);
        let escaped = match byte {
            b'+' => Some((b' ', at + 1)),
            b'%' => {
                // `%25` is a percent sign that is encoded again
                (nesting, nesting_width) =
                    (rest.chunks_exact(2).take(MAX_RUN).take_while(|two| *two == b"25").count(), 2);
                let digits = rest.get(2 * nesting..2 * nesting + 2);
                digits.and_then(hexadecimal).map(|character| (character, at + 3 + 2 * nesting))
            }
            b'\\' => {
                // JSON in JSON escapes again
                nesting = rest.iter().take(MAX_RUN).take_while(|byte| **byte == b'\\').count();
                json_escape(&rest[nesting..]).map(|(character, length)| (character, at + 1 + nesting + length))
            }
            b'&' => {
                // `&amp;` is an ampersand that is encoded again
                (nesting, nesting_width) =
                    (rest.chunks_exact(4).take(MAX_AMP).take_while(|four| *four == b"amp;").count(), 4);
                let name = &rest[4 * nesting..];
                let length = name.iter().take(10).position(|byte| *byte == b';');
                length.and_then(|length| Some((entity(&name[..length])?, at + 4 * nesting + length + 2)))
            }
            _ => None,
        };
        Some(Self { byte, nesting, nesting_width, escaped })
    }

    /// True if this can mean the wanted character.
    pub(super) fn is(&self, wanted: impl Fn(u8) -> bool) -> bool {
        wanted(self.byte) || self.escaped.is_some_and(|(character, _)| wanted(character))
    }

    /// Adds the ends of the wanted character, if this can mean it. `at` is the place in the text.
    pub(super) fn push_ends(&self, at: usize, wanted: impl Fn(u8) -> bool, ends: &mut Vec<usize>) {
        if wanted(self.byte) {
            ends.extend((0..=self.nesting).map(|nesting| at + 1 + nesting * self.nesting_width));
        }
        ends.extend(self.escaped.filter(|(character, _)| wanted(*character)).map(|(_, end)| end));
    }
}

/// True for a text that ends within an escape, or has ended.
pub(super) fn ends_within_escape(text: &[u8]) -> bool {
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
