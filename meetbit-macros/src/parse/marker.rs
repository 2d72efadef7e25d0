//! The markers on an argument: `#[query]`, `#[header("X-Name")]`, `#[body]`, `#[form]`.

use proc_macro2::{TokenStream, TokenTree};
use syn::parse::ParseStream;
use syn::{Attribute, Ident, LitStr, Meta, Result, Token};

use crate::cfg::Conditional;
use crate::diagnostics::{Diagnostics, Message, error_at, message};
use crate::parse::parsed::Parsed;
use crate::suggest::nearest;

const MARKERS: [&str; 4] = ["query", "header", "body", "form"];

/// Built-in attributes that are allowed on arguments. `path` is built in too, but is not allowed there.
const BUILT_IN: [&str; 9] = ["cfg", "cfg_attr", "allow", "warn", "deny", "forbid", "expect", "doc", "rustfmt"];

/// Headers that the client sets itself, beside those that begin with `proxy-`. The client rejects the same ones in
/// `Call::header`; the tests of both read `tests/data/reserved_headers.txt`.
const RESERVED: [&str; 13] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-access-key-id",
    "x-access-key-secret",
];

/// Where a marked argument goes.
pub(crate) enum Marker {
    /// A query parameter, named after the argument unless another name is given.
    Query(Option<LitStr>),
    /// A header. The name is valid, not reserved and in lower case.
    Header(String),
    /// The body as JSON.
    Body,
    /// The body as a form.
    Form,
    /// The body as bytes, with its media type.
    Bytes(LitStr),
}

/// Takes the markers out of an argument's attributes. A valid one comes back with its attribute.
pub(crate) fn take_marker(
    attributes: &mut Vec<Attribute>,
    diagnostics: &Diagnostics,
) -> Parsed<(Marker, Box<Attribute>)> {
    let (known, others): (Vec<_>, Vec<_>) = take_if(attributes, is_marker).into_iter().partition(is_known);
    for other in &others {
        Marker::parse(other, diagnostics); // it only reports them
    }
    let mut found = if others.is_empty() || !known.is_empty() { Parsed::Absent } else { Parsed::Invalid };
    for attribute in known {
        let marker = Marker::parse(&attribute, diagnostics);
        found = match (found, marker) {
            (Parsed::Absent, Some(marker)) => Parsed::Valid((marker, Box::new(attribute))),
            (Parsed::Absent, None) => Parsed::Invalid,
            (earlier, _) => {
                diagnostics.error_at(&attribute, message!("an argument takes one marker; remove this one"));
                earlier
            }
        };
    }
    found
}

/// Whether the content of an attribute begins with the name of a marker.
pub(crate) fn begins_with_marker(content: &TokenStream) -> bool {
    let first = content.clone().into_iter().next();
    matches!(first, Some(TokenTree::Ident(name)) if MARKERS.iter().any(|marker| name == marker))
}

fn is_marker(attribute: &Attribute) -> bool {
    match attribute.path().get_ident() {
        Some(name) if name == "cfg_attr" => hidden(attribute).is_some(),
        Some(name) => !BUILT_IN.contains(&name.to_string().as_str()),
        None => hidden(attribute).is_some(),
    }
}

/// Whether an attribute has the name of a marker.
fn is_known(attribute: &Attribute) -> bool {
    MARKERS.iter().any(|name| attribute.path().is_ident(name))
}

/// The marker that an attribute contains in a `#[cfg_attr]` or qualifies with a path.
fn hidden(attribute: &Attribute) -> Option<String> {
    let all = Conditional::all([attribute]);
    let last = all.iter().filter_map(|conditional| conditional.meta.path().segments.last());
    let mut names = last.map(|segment| segment.ident.to_string());
    names.find(|name| MARKERS.contains(&name.as_str()))
}

impl Marker {
    fn parse(attribute: &Attribute, diagnostics: &Diagnostics) -> Option<Self> {
        let name = attribute.path().get_ident().map(Ident::to_string).unwrap_or_default();
        let parsed = match name.as_str() {
            "query" => query(attribute),
            "header" => header(attribute),
            "body" => body(attribute),
            "form" => form(attribute),
            _ => Err(error_at(attribute, unknown(&name, hidden(attribute)))),
        };
        parsed.map_err(|error| diagnostics.push(error)).ok()
    }
}

fn unknown(name: &str, hidden: Option<String>) -> Message {
    if let Some(marker) = hidden {
        return message!("a marker cannot have a path or a condition; write `#[{marker}]`");
    }
    if name == "path" {
        return message!("an argument that is named in the path needs no marker; remove `#[path]`");
    }
    match nearest(&name.to_lowercase(), MARKERS) {
        Some(marker) => message!("`#[{name}]` is not a marker; write `#[{marker}]`"),
        None => message!(
            "`#[{name}]` is not a marker; the markers are `#[query]`, `#[header(\"X-Name\")]`, `#[body]` and `#[form]`"
        ),
    }
}

fn query(attribute: &Attribute) -> Result<Marker> {
    if let Meta::Path(_) = attribute.meta {
        return Ok(Marker::Query(None));
    }
    let name: LitStr = attribute.parse_args().map_err(|_| {
        let text = message!("write `#[query]`, or `#[query(\"name\")]` for a name that differs from the argument's");
        error_at(attribute, text)
    })?;
    if name.value().is_empty() {
        return Err(error_at(
            name,
            message!("the name of a query parameter cannot be empty; write `#[query]` for the argument's name"),
        ));
    }
    Ok(Marker::Query(Some(name)))
}

fn header(attribute: &Attribute) -> Result<Marker> {
    let literal: LitStr = attribute.parse_args().map_err(|_| {
        error_at(attribute, message!("`#[header]` needs the name of the header: `#[header(\"X-Name\")]`"))
    })?;
    let name = literal.value().to_ascii_lowercase();
    if !is_token(&name) {
        let text =
            message!("the name of a header consists of letters, digits and hyphens; write `{:?}`", as_token(&literal));
        return Err(error_at(literal, text));
    }
    if is_reserved(&name) {
        let text = message!("the client sets `{}` itself; remove this argument", literal.value());
        return Err(error_at(literal, text));
    }
    Ok(Marker::Header(name))
}

/// The name that the author probably meant: `X-Trace` for `X Trace`.
fn as_token(literal: &LitStr) -> String {
    let text = literal.value();
    let words: Vec<&str> =
        text.split(|symbol: char| !symbol.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "X-Name".to_owned() } else { words.join("-") }
}

fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || name.starts_with("proxy-")
}

fn body(attribute: &Attribute) -> Result<Marker> {
    if let Meta::Path(_) = attribute.meta {
        return Ok(Marker::Body);
    }
    let raw = |input: ParseStream| {
        let name: Ident = input.parse()?;
        input.parse::<Token![=]>()?;
        let media_type: LitStr = input.parse()?;
        Ok((name == "raw").then_some(media_type))
    };
    let media_type = attribute.parse_args_with(raw).ok().flatten().ok_or_else(|| {
        let text =
            message!("write `#[body]` for JSON, or `#[body(raw = \"text/csv\")]` for bytes with their media type");
        error_at(attribute, text)
    })?;
    if media_type.value().contains('\n') {
        return Err(error_at(media_type, message!("a media type is one line; remove the line break")));
    }
    if !is_media_type(&media_type.value()) {
        let text = message!("a media type has a type and a subtype: `#[body(raw = \"text/csv\")]`");
        return Err(error_at(media_type, text));
    }
    Ok(Marker::Bytes(media_type))
}

fn form(attribute: &Attribute) -> Result<Marker> {
    if let Meta::Path(_) = attribute.meta {
        return Ok(Marker::Form);
    }
    Err(error_at(attribute, message!("a form takes its names from the argument's fields; write `#[form]`")))
}

fn is_media_type(text: &str) -> bool {
    let mut parts = text.split(';');
    let is_parameter = |part: &str| {
        let part = part.trim_matches([' ', '\t']); // all that a header accepts around it
        part.split_once('=').is_some_and(|(name, value)| is_token(name) && is_visible(value))
    };
    let kind = parts.next().and_then(|kind| kind.split_once('/'));
    kind.is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
        && !text.contains('*')
        && parts.all(is_parameter)
}

fn is_visible(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether a text is a `token` of RFC 9110.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn take_if(attributes: &mut Vec<Attribute>, is_taken: fn(&Attribute) -> bool) -> Vec<Attribute> {
    let (taken, kept) = attributes.drain(..).partition(is_taken); // `Vec::extract_if` is newer than the MSRV
    *attributes = kept;
    taken
}

#[cfg(test)]
mod tests {
    use super::is_reserved;

    #[test]
    fn a_reserved_header_is_what_the_table_says() {
        let table = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/reserved_headers.txt"));
        let mut rows = 0;
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let (sign, name) = line.split_once(' ').unwrap();
            assert_eq!(is_reserved(&name.trim_matches('"').to_ascii_lowercase()), sign == "-", "{line}");
            rows += 1;
        }
        assert!(rows > 25, "{rows}");
    }
}
