//! The grammar of a permission: `resource.verb.scope`. `Permission::from_str` of `meetbit-client` has the same; the
//! tests of both read `tests/data/permissions.txt`.

use syn::LitStr;

use crate::diagnostics::{Diagnostics, message};

/// Records what is wrong with a permission.
pub(crate) fn check(literal: &LitStr, diagnostics: &Diagnostics) {
    let text = literal.value();
    let parts: Vec<&str> = text.split('.').collect();
    let [resource, verb, scope] = parts[..] else {
        let text = match parts[..] {
            [resource, verb] if is_part(resource) && is_part(verb) => {
                message!("this permission lacks its scope; write `\"{text}.*\"`")
            }
            _ => message!("a permission has three parts, `resource.verb.scope`, such as `\"customers.create.*\"`"),
        };
        return diagnostics.error_at(literal, text);
    };
    let parts = [(resource, "resource"), (verb, "verb"), (scope, "scope")];
    if let Some((part, role)) = parts.into_iter().find(|(part, _)| !is_part(part)) {
        let text = message!("the {role} of a permission is a snake_case word, an id or `*`, not `{part:?}`");
        diagnostics.error_at(literal, text);
    }
}

/// Whether a text is a permission.
pub(crate) fn is_valid(text: &str) -> bool {
    text.split('.').count() == 3 && text.split('.').all(is_part)
}

fn is_part(part: &str) -> bool {
    part == "*" || is_word(part) || is_id(part)
}

/// A word in `snake_case`.
fn is_word(part: &str) -> bool {
    let is_group =
        |group: &str| !group.is_empty() && group.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    part.starts_with(|first: char| first.is_ascii_lowercase()) && part.split('_').all(is_group)
}

/// A number, or hexadecimal digits in groups such as a UUID.
fn is_id(part: &str) -> bool {
    part.split('-').all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;

    use super::*;

    #[test]
    fn a_permission_is_what_the_table_accepts() {
        let table = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/permissions.txt"));
        let mut rows = 0;
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let (sign, text) = line.split_once(' ').unwrap();
            let text = text.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
            let diagnostics = Diagnostics::default();
            check(&LitStr::new(text, Span::call_site()), &diagnostics);
            assert_eq!((diagnostics.is_empty(), is_valid(text)), (sign == "+", sign == "+"), "{line}");
            rows += 1;
        }
        assert!(rows > 40, "{rows}");
    }
}
