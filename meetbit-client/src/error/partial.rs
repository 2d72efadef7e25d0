//! Reads JSON as far as it goes: a text that breaks off, that has a byte order mark, a lone surrogate, or a number that no
//! type can hold.

use crate::error::redact::{KEPT, Redactor};

/// Deeper values are not read.
const DEPTH: usize = 100;

/// One level of the path to a value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Element,
}

/// A value that is neither an array nor an object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Scalar<'a> {
    /// At most 8 KiB of a string. It is not whole if the string is longer or the text breaks off.
    Text { text: String, whole: bool },
    /// A number, a boolean or `null`, as it is written.
    Other(&'a str),
}

/// Calls `each` with the path and the value of each scalar. True if the text was read to its end.
pub(crate) fn scalars(text: &str, mut each: impl FnMut(&[Step], Scalar<'_>)) -> bool {
    let mut reader = Reader { text: text.strip_prefix('\u{feff}').unwrap_or(text), at: 0 };
    let read = reader.value(&mut Vec::new(), &mut each);
    reader.skip_blanks();
    read.is_some() && reader.peek().is_none()
}

/// The part of a reply's `data` that can be read.
#[derive(Clone, Debug, Default)]
pub(crate) struct PartialData {
    /// The field `id`, if it is a whole number in any spelling.
    pub(crate) id: Option<i64>,
    /// Names with dots, and texts. At most 8 KiB of them.
    pub(crate) fields: Vec<(String, String)>,
}

impl PartialData {
    /// Reads `data`, or the whole text if it has no envelope. Elements of arrays are left out.
    pub(crate) fn read(text: &str, is_raw: bool, redactor: Redactor<'_>) -> Self {
        let (mut found, mut left, mut is_clear) = (Self::default(), KEPT, true);
        scalars(text, |path, scalar| {
            let Some(path) = inside_data(path, is_raw) else { return };
            let value = match scalar {
                Scalar::Text { whole: true, text } => text,
                Scalar::Text { whole: false, .. } => return,
                Scalar::Other(text) => text.to_owned(),
            };
            if matches!(path, [Step::Key(key)] if key == "id") {
                let id = whole_number(&value);
                is_clear &= id.is_some() && found.id.is_none_or(|known| Some(known) == id);
                found.id = id.filter(|_| is_clear);
            }
            let room = left.saturating_sub(value.len() + 1); // + 1 bounds the number of empty fields
            let Some(name) = field_name(path, room) else { return };
            left -= name.len() + value.len() + 1;
            found.fields.push((name, redactor.shown(&value, KEPT)));
        });
        found
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, text)| &**text)
    }
}

/// The part of a path that is inside of `data`.
fn inside_data(path: &[Step], is_raw: bool) -> Option<&[Step]> {
    match path {
        _ if is_raw => Some(path),
        [Step::Key(data), inside @ ..] if data == "data" => Some(inside),
        _ => None,
    }
}

/// The name of a field, with dots. `None` if it has `room` bytes or more, or if the field is in an array.
fn field_name(path: &[Step], room: usize) -> Option<String> {
    let mut length = path.len().checked_sub(1)?;
    for step in path {
        let Step::Key(name) = step else { return None };
        length += name.len();
        if length >= room {
            return None;
        }
    }
    let mut joined = String::with_capacity(length);
    for (index, step) in path.iter().enumerate() {
        let Step::Key(name) = step else { return None };
        if index > 0 {
            joined.push('.');
        }
        joined.push_str(name);
    }
    Some(joined)
}

/// `7`, `7.0` and `"7"` are the same number.
fn whole_number(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.split_once('.').map_or(text, |(digits, zeros)| {
        if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') { digits } else { text }
    });
    digits.parse().ok()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// `None` ends the reading.
impl<'a> Reader<'a> {
    fn value(&mut self, path: &mut Vec<Step>, each: &mut impl FnMut(&[Step], Scalar<'_>)) -> Option<()> {
        self.skip_blanks();
        match self.peek()? {
            b'{' | b'[' if path.len() == DEPTH => None,
            b'{' => self.entries(path, each),
            b'[' => self.elements(path, each),
            b'"' => {
                let (text, ended) = self.string()?;
                each(path, Scalar::Text { whole: ended && text.len() < KEPT, text });
                ended.then_some(())
            }
            _ => {
                each(path, Scalar::Other(self.word()?));
                Some(())
            }
        }
    }

    fn entries(&mut self, path: &mut Vec<Step>, each: &mut impl FnMut(&[Step], Scalar<'_>)) -> Option<()> {
        self.at += 1;
        if self.take(b'}') {
            return Some(());
        }
        loop {
            self.skip_blanks();
            let (name, ended) = self.string()?;
            (ended && self.take(b':')).then_some(())?;
            path.push(Step::Key(name));
            self.value(path, each)?;
            path.pop();
            if !self.take(b',') {
                return self.take(b'}').then_some(());
            }
        }
    }

    fn elements(&mut self, path: &mut Vec<Step>, each: &mut impl FnMut(&[Step], Scalar<'_>)) -> Option<()> {
        self.at += 1;
        if self.take(b']') {
            return Some(());
        }
        path.push(Step::Element);
        loop {
            self.value(path, each)?;
            if !self.take(b',') {
                path.pop();
                return self.take(b']').then_some(());
            }
        }
    }

    /// A number or a name. One at the very end may have been cut, so it does not count.
    fn word(&mut self) -> Option<&'a str> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '-' | '.'))?;
        self.at += end;
        (end > 0).then_some(&rest[..end])
    }

    /// The start of a string, and whether it ends. `None` if there is no string here.
    fn string(&mut self) -> Option<(String, bool)> {
        (self.peek()? == b'"').then_some(())?;
        self.at += 1;
        let mut string = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(end) = rest.find(['"', '\\']) else {
                push(&mut string, rest);
                self.at = self.text.len();
                return Some((string, false));
            };
            push(&mut string, &rest[..end]);
            self.at += end + 1;
            if rest.as_bytes()[end] == b'"' {
                return Some((string, true));
            }
            match self.escape() {
                Some(c) => push(&mut string, c.encode_utf8(&mut [0; 4])),
                None => return Some((string, false)),
            }
        }
    }

    /// The character that is escaped. A backslash that escapes nothing is itself.
    fn escape(&mut self) -> Option<char> {
        let c = match self.peek()? {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                self.at += 1;
                return self.code_point();
            }
            byte @ (b'"' | b'\\' | b'/') => char::from(byte),
            _ => return Some('\\'),
        };
        self.at += 1;
        Some(c)
    }

    /// A lone surrogate is the replacement character.
    fn code_point(&mut self) -> Option<char> {
        let first = self.hexadecimal()?;
        if (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with("\\u") {
            let before = self.at;
            self.at += 2;
            let second = self.hexadecimal()?;
            if (0xdc00..0xe000).contains(&second) {
                return char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00));
            }
            self.at = before;
        }
        Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hexadecimal(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }
}

/// Appends to a string up to its largest length.
fn push(string: &mut String, text: &str) {
    let room = KEPT.saturating_sub(string.len());
    let mut end = text.len().min(room);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    string.push_str(&text[..end]);
}

#[cfg(test)]
mod tests {
    use super::{PartialData, Redactor, Scalar, Step, scalars};

    fn read(text: &str) -> (String, bool) {
        let mut found = String::new();
        let whole = scalars(text, |path, scalar| {
            for step in path {
                found += match step {
                    Step::Key(name) => name,
                    Step::Element => "-",
                };
                found.push('.');
            }
            let (mark, text) = match &scalar {
                Scalar::Text { text, whole: true } => ("=", &**text),
                Scalar::Text { text, whole: false } => ("~", &**text),
                Scalar::Other(text) => ("", *text),
            };
            found.extend([mark, text, " "]);
        });
        (found, whole)
    }

    #[test]
    fn promise_14_an_id_is_read_if_it_is_unambiguous() {
        let id = |text: &str| PartialData::read(text, false, Redactor::new("PLANTED-secret")).id;
        let table = [
            (r#"{"data":{"id":7,"name":"\ud800"}}"#, Some(7)),
            (r#"{"data":{"name":"x","id":"7"}}"#, Some(7)),
            (r#"{"data":{"id":7.0}}"#, Some(7)),
            (r#"{"data":{"id":-7,"a":[{"id":8}],"b":{"id":9}"#, Some(-7)),
            (r#"{"data":{"id":7,"id":7}}"#, Some(7)),
            (r#"{"data":{"id":7,"id":8}}"#, None),
            (r#"{"data":{"id":7,"id":8,"id":7}}"#, None),
            (r#"{"data":{"id":7.5}}"#, None),
            (r#"{"data":{"id":"7a"}}"#, None),
            (r#"{"data":{"id":99999999999999999999}}"#, None),
            (r#"{"data":{"id":7"#, None),
            (r#"{"data":{"id":"7"#, None),
            (r#"{"data":[{"id":7}]}"#, None),
            (r#"{"id":7}"#, None),
        ];
        for (text, expected) in table {
            assert_eq!(id(text), expected, "{text}");
        }
        let raw = PartialData::read(r#"{"id":7,"a":{"b":"c"}}"#, true, Redactor::new("PLANTED-secret"));
        assert_eq!((raw.id, raw.field("a.b"), raw.field("x")), (Some(7), Some("c"), None));
    }

    #[test]
    fn promise_13_the_fields_that_are_kept_are_bounded() {
        let entries = |entry: &str| format!(r#"{{"data":{{{}"id":7}}}}"#, entry.repeat(100_000));
        for entry in [r#""":"","#, r#""a":"","#, r#""":"a","#] {
            let read = PartialData::read(&entries(entry), false, Redactor::new("PLANTED-secret"));
            assert!(read.fields.len() <= super::KEPT, "{entry}: {} fields", read.fields.len());
            assert_eq!(read.id, Some(7), "the id is read although there is no room for a field");
        }
    }

    /// To join a name of 700 KB for each of 300,000 values would take minutes.
    #[test]
    fn promise_13_long_names_are_not_joined_for_each_value() {
        let open = format!(r#"{{"{}":"#, "k".repeat(8_000)).repeat(90);
        let text = format!(r#"{{"data":{{"a":1,"b":{open}{{{}"#, r#""":0,"#.repeat(300_000));
        let read = PartialData::read(&text, false, Redactor::new("PLANTED-secret"));
        assert_eq!(read.fields, [("a".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn promise_15_json_is_read_as_far_as_it_goes() {
        let table = [
            (r#"{"a":{"b":[1,"x",{"c":null}]},"d":true}"#, "a.b.-.1 a.b.-.=x a.b.-.c.null d.true ", true),
            ("\u{feff} {\"a\" : \"x\" } ", "a.=x ", true),
            (r#"{"a":"\ud800x\ud83d\ude00\n\/","b":1e999}"#, "a.=\u{fffd}x😀\n/ b.1e999 ", true),
            (r#"{"a":"\ud800A","b":"\ud800"}"#, "a.=\u{fffd}A b.=\u{fffd} ", true),
            (r#"{"a":"x\yz\'\"\\"}"#, r#"a.=x\yz\'"\ "#, true),
            (r#"{"a":12"#, "", false),
            (r#"{"a":12,"b":"xy"#, "a.12 b.~xy ", false),
            (r#"{"a":12,"b":"xy\u12"#, "a.12 b.~xy ", false),
            (r#"{"a":12,}"#, "a.12 ", false),
            (r#"["x"] y"#, "-.=x ", false),
            ("", "", false),
            ("<html>", "", false),
        ];
        for (text, expected, whole) in table {
            assert_eq!(read(text), (expected.to_owned(), whole), "{text}");
        }
        assert_eq!(read(&"[".repeat(100_000)).0, "", "the stack does not overflow");
    }
}
