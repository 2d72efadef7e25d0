//! What a permission may look like: `resource.verb.scope`.

use syn::LitStr;

use crate::diagnostics::Diagnostics;

/// Records what is wrong with a permission.
pub(crate) fn check(literal: &LitStr, diagnostics: &Diagnostics) {
    let text = literal.value();
    let parts: Vec<&str> = text.split('.').collect();
    let [resource, verb, scope] = parts[..] else {
        let text = match parts[..] {
            [resource, verb] if is_word(resource) && is_word(verb) => {
                format!("this permission lacks its scope; write `\"{text}.*\"`")
            }
            _ => String::from("a permission has three parts, `resource.verb.scope`, such as `\"customers.create.*\"`"),
        };
        return diagnostics.error_at(literal, text);
    };
    if let Some((part, role)) = [(resource, "resource"), (verb, "verb")].into_iter().find(|(part, _)| !is_word(part)) {
        let text = format!("the {role} of a permission is a snake_case word or `*`, not `{part:?}`");
        diagnostics.error_at(literal, text);
    } else if !is_word(scope) && !is_id(scope) {
        let text = format!("the scope of a permission is an id, a snake_case word or `*`, not `{scope:?}`");
        diagnostics.error_at(literal, text);
    }
}

/// Whether a text is a permission.
pub(crate) fn is_right(literal: &LitStr) -> bool {
    let found = Diagnostics::default();
    check(literal, &found);
    found.is_empty()
}

fn is_word(part: &str) -> bool {
    let is_snake = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    part == "*" || (part.starts_with(|first: char| first.is_ascii_lowercase()) && part.split('_').all(is_snake))
}

/// A number, or a name made of hexadecimal digits and hyphens such as a UUID.
fn is_id(part: &str) -> bool {
    !part.is_empty()
        && part.split('-').all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
