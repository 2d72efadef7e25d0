//! Finds the path of an error in a JSON text, because `serde_json` gives only line and column.

use std::fmt::Write;

use crate::response::fault;

/// A path names no more levels than this. `serde_json` skips a value of any depth, so a server could make the path as long as
/// its reply.
const MAX_STEPS: usize = 128;

/// A place in a JSON text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// As in `data.attendees[2].email`; empty at the top level. It ends with `..` if the value is nested deeper than that.
    pub(crate) path: String,
    /// The kind of the value: `a string`, `null` and so on.
    pub(crate) found: &'static str,
}

/// The path of the value that ends at, or encloses, the given line and column (both from 1, in bytes).
pub(crate) fn find(text: &str, line: usize, column: usize) -> String {
    let line_start = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>();
    let end = (line_start + column).min(text.len());
    let mut walk = Walk { steps: Vec::new(), deeper: 0, key: None };
    walk.run(&text.as_bytes()[..end]);
    walk.path()
}

/// Finds the value inside of valid JSON that these steps lead to: which entry of an object, which element of an array.
pub(crate) fn resolve(text: &str, steps: impl Iterator<Item = fault::Step>) -> Position {
    let (bytes, mut at, mut path) = (text.as_bytes(), value_start(text.as_bytes(), 0), String::new());
    for step in steps {
        let is_object = bytes.get(at) == Some(&b'{');
        let (number, is_shown) = match step {
            fault::Step::Number(number) => (number, true),
            fault::Step::Entry(number) => (number, false),
        };
        at = (0..number).fold(value_start(bytes, at + 1), |at, _| value_start(bytes, entry_end(bytes, at) + 1));
        if is_object {
            let end = string_end(bytes, at + 1);
            let key = bytes.get(at + 1..end.saturating_sub(1)).filter(|_| is_shown);
            push_key(&mut path, key.map_or("*", key_name));
            at = value_start(bytes, value_start(bytes, end) + 1);
        } else {
            push_index(&mut path, number);
        }
    }
    Position { path, found: bytes.get(at).and_then(|byte| begins(*byte)).unwrap_or("nothing") }
}

/// The index of the first byte that is not a blank.
fn value_start(bytes: &[u8], at: usize) -> usize {
    let blanks = bytes.iter().skip(at).take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    at + blanks.count()
}

/// The index of the comma or bracket behind an entry or element.
fn entry_end(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at + 1);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b',' | b'}' | b']' if depth == 0 => break,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    at
}

enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

struct Walk<'a> {
    /// The outermost levels, at most [`MAX_STEPS`].
    steps: Vec<Step<'a>>,
    /// The number of open levels inside of them.
    deeper: usize,
    key: Option<&'a str>,
}

/// The kind of value that begins with a byte. `None` for a blank.
fn begins(byte: u8) -> Option<&'static str> {
    Some(match byte {
        b' ' | b'\t' | b'\r' | b'\n' => return None,
        b'{' => "an object",
        b'[' => "an array",
        b'"' => "a string",
        b'-' | b'0'..=b'9' => "a number",
        b't' | b'f' => "a boolean",
        b'n' => "null",
        _ => "nothing",
    })
}

impl<'a> Walk<'a> {
    fn run(&mut self, bytes: &'a [u8]) {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            match byte {
                b'{' => self.open(Step::Key("")),
                b'[' => self.open(Step::Index(0)),
                b'}' | b']' => self.close(),
                b':' => self.enter_key(),
                b',' => self.next(),
                b'"' => {
                    let start = at;
                    at = string_end(bytes, at);
                    self.key = Some(key_name(&bytes[start..at.saturating_sub(1).max(start)]));
                }
                _ => {} // of numbers, booleans and `null`, nothing is shown
            }
        }
    }

    fn open(&mut self, step: Step<'a>) {
        if self.steps.len() < MAX_STEPS {
            self.steps.push(step);
        } else {
            self.deeper += 1;
        }
    }

    fn close(&mut self) {
        if self.deeper == 0 {
            self.steps.pop();
        }
        self.deeper = self.deeper.saturating_sub(1);
    }

    fn enter_key(&mut self) {
        let key = self.key.take();
        if let (Some(Step::Key(name)), Some(key)) = (self.innermost(), key) {
            *name = key;
        }
    }

    fn next(&mut self) {
        match self.innermost() {
            Some(Step::Index(index)) => *index += 1,
            Some(Step::Key(name)) => *name = "",
            None => {}
        }
    }

    /// The innermost open level, if the path names it.
    fn innermost(&mut self) -> Option<&mut Step<'a>> {
        self.steps.last_mut().filter(|_| self.deeper == 0)
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.steps {
            match step {
                Step::Key("") => {}
                Step::Key(name) => push_key(&mut path, name),
                Step::Index(index) => push_index(&mut path, *index),
            }
        }
        if self.deeper > 0 {
            path.push_str("..");
        }
        path
    }
}

fn push_key(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}

fn push_index(path: &mut String, index: usize) {
    let _ = write!(path, "[{index}]"); // a `String` takes any text
}

/// The index behind the closing quote.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = bytes.get(at) {
        at += if byte == b'\\' { 2 } else { 1 };
        if byte == b'"' {
            break;
        }
    }
    at.min(bytes.len())
}

/// Field names are shown; a key that looks like data (a map by e-mail address, say) is not.
fn key_name(bytes: &[u8]) -> &str {
    let is_name = bytes.len() <= 64 && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
    std::str::from_utf8(bytes).ok().filter(|_| is_name).unwrap_or("*")
}

#[cfg(test)]
mod tests {
    use super::{Position, find, resolve};
    use crate::response::fault::Step::{Entry, Number};

    fn path_at(text: &str, mark: &str) -> String {
        find(text, 1, text.find(mark).unwrap() + mark.len())
    }

    #[test]
    fn a_path_names_keys_and_indices() {
        let text = r#"{"message":"a, \"b\" {","data":[{"id":1,"tags":["x","y"]},{"id":"two","last":null}]}"#;
        assert_eq!(path_at(text, r#""two""#), "data[1].id");
        assert_eq!(path_at(text, r#""y""#), "data[0].tags[1]");
        assert_eq!(path_at(text, "null"), "data[1].last");
        assert_eq!(path_at(text, "null}"), "data[1]");
        assert_eq!(path_at(text, r#" {""#), "message");
        assert_eq!(find(text, 1, 1), "");
    }

    #[test]
    fn lines_are_counted_and_ends_are_safe() {
        let text = "{\n \"data\": {\n  \"id\": true\n }\n}";
        assert_eq!(find(text, 3, 12), "data.id");
        assert_eq!(find(text, 99, 99), "");
        assert_eq!(find("", 1, 1), "");
        assert_eq!(find("\"\\", 1, 2), "");
    }

    #[test]
    fn promise_14_a_path_has_a_bounded_number_of_levels() {
        let text = "[".repeat(8 << 20);
        assert_eq!(find(&text, 1, text.len()), "[0]".repeat(128) + "..");
        let text = format!("{}[2,{{\"a\":[1,{{\"b\":3}}]}},4]", "[".repeat(127));
        assert_eq!(path_at(&text, "4"), "[0]".repeat(127) + "[2]", "deeper levels that are closed do not count");
        assert_eq!(path_at(&text, "3"), "[0]".repeat(127) + "[1]..");
    }

    #[test]
    fn steps_lead_to_a_value() {
        let text = r#" {"message":"a, \"b\" {}]","data":[{"id":1,"tags":["x","y"]}, {"id": "two","last" : null}]}"#;
        let at = |steps: &[usize]| resolve(text, steps.iter().map(|number| Number(*number)));
        let position = |path: &str, found| Position { path: path.to_owned(), found };
        assert_eq!(at(&[]), position("", "an object"));
        assert_eq!(at(&[0]), position("message", "a string"));
        assert_eq!(at(&[1, 0, 0]), position("data[0].id", "a number"));
        assert_eq!(at(&[1, 0, 1, 1]), position("data[0].tags[1]", "a string"));
        assert_eq!(at(&[1, 1, 1]), position("data[1].last", "null"));
        assert_eq!(at(&[9, 9, 9]).found, "nothing", "it does not panic");
        assert_eq!(resolve("", [Number(0), Number(1)].into_iter()).found, "nothing");
        let text = r#"{"ada@example.com": {"id": 7}}"#;
        assert_eq!(resolve(text, [Number(0), Number(0)].into_iter()).path, "*.id");
        assert_eq!(resolve(text, [Number(0), Entry(0)].into_iter()).path, "*.*");
    }

    #[test]
    fn promise_14_keys_that_are_data_are_not_shown() {
        assert_eq!(path_at(r#"{"ada@example.com": {"id": 7}}"#, "7"), "*.id");
    }
}
