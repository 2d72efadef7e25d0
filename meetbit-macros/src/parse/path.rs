//! The path template of an endpoint.

use syn::ext::IdentExt;
use syn::parse::Parser;
use syn::{Ident, LitStr};

use crate::diagnostics::{Diagnostics, Message, message};

/// A path such as `/customers/{customer_id}`.
pub(crate) struct Template {
    pub(crate) literal: LitStr,
    pub(crate) placeholders: Vec<String>,
    /// Whether the template is valid. Placeholders are also read from an invalid one, as far as they can be recognised.
    pub(crate) is_sound: bool,
    /// Whether all of its placeholders were recognised.
    pub(crate) is_complete: bool,
}

impl Template {
    pub(crate) fn parse(literal: LitStr, diagnostics: &Diagnostics) -> Self {
        let text = literal.value();
        let mut reader =
            Reader { literal: &literal, placeholders: Vec::new(), is_sound: true, is_complete: true, diagnostics };
        reader.read(&text);
        let Reader { placeholders, is_sound, is_complete, .. } = reader;
        Self { literal, placeholders, is_sound, is_complete }
    }

    /// The path without the names of its placeholders, because these do not distinguish two endpoints.
    pub(crate) fn shape(&self) -> String {
        let text = self.literal.value();
        let shape = |segment: &str| if segment.starts_with('{') { "{}" } else { segment }.to_owned();
        text.split('/').map(shape).collect::<Vec<_>>().join("/")
    }
}

struct Reader<'a> {
    literal: &'a LitStr,
    placeholders: Vec<String>,
    is_sound: bool,
    is_complete: bool,
    diagnostics: &'a Diagnostics,
}

impl Reader<'_> {
    fn read(&mut self, text: &str) {
        if let Some(rest) = text.split_once("://").map(|(_, rest)| rest).or_else(|| text.strip_prefix("//")) {
            let path = rest.find('/').map_or("/", |slash| &rest[slash..]);
            self.reject(message!("a path is relative to the client's base URL; write `\"{path}\"`"));
            return self.segments(until_query(path).0);
        }
        let (path, rest) = until_query(text);
        if path.is_empty() {
            self.reject(message!("a path cannot be empty; begin it with `/`"));
        } else if !path.starts_with('/') {
            self.reject(message!("a path begins with a slash; write `\"/{path}\"`"));
        }
        self.segments(if rest.is_empty() { path } else { path.trim_end_matches('/') });
        self.is_complete &= !rest.contains('{');
        let path = filled(path);
        if rest.starts_with('?') {
            self.reject(message!("a path has no query; write `\"{path}\"` and an argument marked `#[query]`"));
        } else if rest.starts_with('#') {
            self.reject(message!("a path has no fragment, because a fragment is never sent; write `\"{path}\"`"));
        }
    }

    fn segments(&mut self, path: &str) {
        let rest = path.strip_prefix('/').unwrap_or(path);
        if rest.is_empty() {
            return;
        }
        if rest.split('/').any(str::is_empty) {
            self.reject(message!("a path cannot contain an empty segment; write `\"{}\"`", filled(path)));
        }
        for segment in rest.split('/') {
            self.segment(segment);
        }
    }

    fn segment(&mut self, segment: &str) {
        if segment == "." || segment == ".." {
            return self.reject(message!("`{segment}` is not a segment; write the path that it resolves to"));
        }
        if let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            if !name.contains(['{', '}']) {
                return self.placeholder(name);
            }
        }
        if let Some(name) = foreign_placeholder(segment) {
            self.placeholders.push(name.to_owned());
            return self.reject(message!("`{segment}` is not a placeholder; write `{{{name}}}`"));
        }
        if segment.contains(['{', '}']) {
            return self.braces(segment);
        }
        if segment.contains('%') {
            return self.reject(message!("a path cannot contain percent-encodings; pass this segment as an argument"));
        }
        if let Some(character) = segment.chars().find(|&character| !is_legal(character)) {
            let character = character.escape_debug();
            self.reject(message!("`{character}` is not allowed in a path; pass this segment as an argument"));
        }
    }

    fn placeholder(&mut self, text: &str) {
        let whole = whole_name(text);
        let name = whole.as_deref().unwrap_or_else(|| first_name(text));
        if name.is_empty() {
            self.is_complete = false;
            return self.reject(message!("a placeholder names an argument; write `{{id}}` for the argument `id`"));
        }
        if name != text && text.is_ascii() {
            self.reject(message!("`{{{text}}}` is not a placeholder; write `{{{name}}}`"));
        }
        if self.placeholders.iter().any(|placeholder| placeholder == name) {
            return self.reject(message!("`{{{name}}}` occurs twice in the path; give each its own argument"));
        }
        self.placeholders.push(name.to_owned());
    }

    fn braces(&mut self, segment: &str) {
        let opened: Vec<&str> = segment.split('{').skip(1).collect();
        let is_paired = !segment.starts_with('}')
            && segment.matches('}').count() == opened.len()
            && opened.iter().all(|rest| rest.contains('}'));
        self.is_complete &= is_paired;
        if is_paired {
            let names = opened.into_iter().map(first_name).filter(|name| !name.is_empty());
            let before = self.placeholders.len();
            self.placeholders.extend(names.map(str::to_owned));
            self.is_complete &= self.placeholders.len() == before + segment.matches('{').count();
            self.reject(message!(
                "a placeholder is a whole segment; split `{segment}` or pass all of it as one argument"
            ));
        } else {
            let name = match first_name(segment) {
                "" => "id",
                name => name,
            };
            self.reject(message!("the braces in `{segment}` are not paired; write `{{{name}}}`"));
        }
    }

    fn reject(&mut self, message: Message) {
        self.is_sound = false;
        self.diagnostics.error_at(self.literal, message);
    }
}

/// The path without its empty segments.
fn filled(path: &str) -> String {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    format!("/{}", segments.join("/"))
}

fn until_query(text: &str) -> (&str, &str) {
    let mut is_inside = false;
    let end = text.find(|character| {
        is_inside = character == '{' || (is_inside && !matches!(character, '}' | '/'));
        !is_inside && matches!(character, '?' | '#')
    });
    text.split_at(end.unwrap_or(text.len()))
}

/// The name in a placeholder in the syntax of other libraries: `:id`, `<id>`.
fn foreign_placeholder(segment: &str) -> Option<&str> {
    let angled = || segment.strip_prefix('<')?.strip_suffix('>');
    segment.strip_prefix(':').or_else(angled).filter(|name| !name.is_empty() && name.chars().all(is_name))
}

/// The text as a name, if all of it is one: a Rust identifier in the spelling of rustc, or one in kebab-case.
fn whole_name(text: &str) -> Option<String> {
    let name = if text.is_ascii() { text.replace('-', "_") } else { text.to_owned() };
    let is_plain = !name.starts_with("r#") && !name.contains(char::is_whitespace);
    let name = Ident::parse_any.parse_str(&name).ok().filter(|_| is_plain)?.to_string();
    (!first_name(&name).is_empty() || !name.is_ascii()).then_some(name)
}

/// The first name in a text.
fn first_name(text: &str) -> &str {
    let text = text.trim_start_matches("r#").trim_start_matches(|character| !is_name(character));
    let name = &text[..text.find(|character| !is_name(character)).unwrap_or(text.len())];
    if ["_", "self", "Self", "super", "crate"].contains(&name) || name.starts_with(|first: char| first.is_ascii_digit())
    {
        ""
    } else {
        name
    }
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Whether RFC 3986 allows a character in a path segment without encoding.
fn is_legal(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@".contains(character)
}
