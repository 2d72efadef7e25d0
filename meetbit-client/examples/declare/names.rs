//! Names of Rust from names and texts of the document.

/// Keywords, which need `r#`.
const KEYWORDS: [&str; 48] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else", "enum",
    "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move",
    "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Keywords that cannot have `r#`.
const RESERVED: [&str; 5] = ["self", "super", "crate", "Self", "_"];

/// `createNote` and `Create Note` as `create_note`.
pub(crate) fn snake(text: &str) -> String {
    words(text).join("_")
}

/// `create_note` as `CreateNote`.
pub(crate) fn pascal(text: &str) -> String {
    let capital = |word: &String| word[..1].to_uppercase() + &word[1..];
    let name: String = words(text).iter().map(capital).collect();
    if name.is_empty() { "Empty".to_owned() } else { not_a_digit(&name, "V") }
}

/// A name of a field, an argument or a method.
pub(crate) fn ident(text: &str) -> String {
    let name = not_a_digit(&snake(text), "n");
    match &*name {
        "" => "value".to_owned(),
        name if KEYWORDS.contains(&name) => format!("r#{name}"),
        name if RESERVED.contains(&name) => format!("{name}_"),
        _ => name,
    }
}

/// The name that an identifier has on the wire.
pub(crate) fn unraw(ident: &str) -> &str {
    ident.strip_prefix("r#").unwrap_or(ident)
}

/// Whether it can be the name of a type.
pub(crate) fn is_type(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_uppercase()) && text.chars().all(|c| c.is_ascii_alphanumeric())
}

/// `Notes` as `Note`, `Categories` as `Category`.
pub(crate) fn singular(name: &str) -> String {
    match name.strip_suffix("ies") {
        Some(start) => format!("{start}y"),
        None if name.ends_with("ss") => format!("{name}Item"),
        None => name.strip_suffix('s').map_or_else(|| format!("{name}Item"), str::to_owned),
    }
}

fn not_a_digit(name: &str, start: &str) -> String {
    if name.starts_with(|first: char| first.is_ascii_digit()) { format!("{start}{name}") } else { name.to_owned() }
}

/// The words of a text in lower case. A word ends before a capital letter that follows or precedes a small one.
fn words(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let mut words = vec![String::new()];
    for (i, c) in characters.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| characters[i]);
        let after = characters.get(i + 1);
        let begins = c.is_uppercase()
            && (before.is_some_and(|before| before.is_lowercase() || before.is_ascii_digit())
                || (before.is_some_and(char::is_uppercase) && after.is_some_and(|after| after.is_lowercase())));
        if begins || !c.is_ascii_alphanumeric() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_ascii_alphanumeric()) {
            word.push(c.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
