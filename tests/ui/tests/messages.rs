//! What holds for all compile-fail cases together: each message has a case, and each mistake gives one message.
#![allow(clippy::unwrap_used, reason = "a source that cannot be read is a broken test")]

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::LitStr;

#[test]
fn every_message_has_a_case() {
    let answers: Vec<String> = files(&cases(), "stderr").iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let errors: Vec<&str> =
        answers.iter().flat_map(|answer| answer.lines()).filter_map(|line| line.strip_prefix("error: ")).collect();
    let messages: Vec<LitStr> = sources().into_iter().flat_map(|(_, source)| messages(source)).collect();
    assert!(messages.len() > 80, "the source is not read right: {} messages", messages.len());
    let missing: Vec<String> = messages
        .iter()
        .map(LitStr::value)
        .filter(|message| !errors.iter().any(|error| shows(error, message)))
        .collect();
    assert!(missing.is_empty(), "no case shows {missing:#?}");
}

/// Errors come from `message!` alone: `diagnostics.rs` is the only file that makes a `syn::Error`.
#[test]
fn every_message_is_made_by_one_macro() {
    for (file, source) in sources() {
        let tokens = flat(source);
        let words: Vec<String> = tokens.iter().map(ToString::to_string).collect();
        let makes_an_error =
            words.windows(4).any(|part| part[..3] == ["Error", ":", ":"] && part[3].starts_with("new"))
                || words.windows(2).any(|pair| pair == [".", "error"]);
        assert_eq!(makes_an_error, file.ends_with("diagnostics.rs"), "{}", file.display());
    }
}

/// Cases with more than one message, and how many.
const SEVERAL: [(&str, usize); 12] = [
    ("argument/not_marked_beside_a_placeholder_without_argument", 2),
    ("argument/several_not_in_the_path", 2),
    ("placeholder/misspelt_beside_one_without_argument", 2),
    ("placeholder/misspelt_in_a_wrong_path", 2),
    ("placeholder/several_misspelt", 2),
    ("placeholder/several_without_argument", 2),
    ("several/broken_methods_of_a_broken_trait", 4),
    ("several/mistakes_in_one_method", 14),
    ("several/three_broken_methods_in_use", 4),
    ("trait/attribute_of_a_method", 2), // rustc's, and that the method has no endpoint
    ("trait/endpoint_misspelt", 2),
    ("trait/endpoint_with_a_body_and_without_self", 2),
];

#[test]
fn a_mistake_gives_one_error_and_nothing_else() {
    let answers = files(&cases(), "stderr");
    assert!(answers.len() >= 300, "{}", answers.len());
    for file in answers {
        let name = file.strip_prefix(cases()).unwrap().with_extension("");
        let messages =
            SEVERAL.iter().find(|(several, _)| Path::new(several) == name).map_or(1, |(_, messages)| *messages);
        let answer = fs::read_to_string(&file).unwrap();
        assert_eq!(answer.lines().filter(|line| line.starts_with("error")).count(), messages, "{}", name.display());
        assert!(!answer.lines().any(|line| line.starts_with("warning")), "{}", name.display());
    }
}

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

/// The sources of `meetbit-macros` without its tests.
fn sources() -> Vec<(PathBuf, TokenStream)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../meetbit-macros/src");
    let files = files(&root, "rs").into_iter().filter(|file| !file.starts_with(root.join("tests")));
    let read = |file: PathBuf| {
        let source = fs::read_to_string(&file).unwrap().parse().unwrap();
        (file, source)
    };
    files.map(read).collect()
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|other| other == extension) {
            found.push(path);
        }
    }
    found
}

/// The texts given to `message!`.
fn messages(source: TokenStream) -> Vec<LitStr> {
    let tokens: Vec<TokenTree> = source.into_iter().collect();
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        let is_message =
            index >= 2 && tokens[index - 2].to_string() == "message" && tokens[index - 1].to_string() == "!";
        match group.stream().into_iter().next() {
            Some(text) if is_message => found.push(syn::parse2(text.into()).unwrap()),
            _ => found.extend(messages(group.stream())),
        }
    }
    found
}

fn flat(tokens: TokenStream) -> Vec<TokenTree> {
    let inside = |token: TokenTree| match token {
        TokenTree::Group(group) => flat(group.stream()),
        token => vec![token],
    };
    tokens.into_iter().flat_map(inside).collect()
}

/// Whether an error is a message with its placeholders filled.
fn shows(error: &str, message: &str) -> bool {
    let error = error.strip_prefix("unexpected end of input, ").unwrap_or(error); // syn adds it
    let parts = fixed_parts(message);
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return false };
    let mut rest = error;
    for part in &parts {
        let Some(position) = rest.find(part.as_str()) else { return false };
        rest = &rest[position + part.len()..];
    }
    error.starts_with(first.as_str()) && error.ends_with(last.as_str())
}

/// The text between the placeholders of a format string.
fn fixed_parts(format: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut characters = format.chars().peekable();
    while let Some(character) = characters.next() {
        if matches!(character, '{' | '}') && characters.next_if_eq(&character).is_none() {
            characters.by_ref().find(|character| *character == '}');
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(character);
        }
    }
    parts
}

#[test]
fn a_message_is_found_by_its_fixed_parts() {
    assert_eq!(fixed_parts("`{{{name}}}` is {a:?} or {}"), ["`{", "}` is ", " or ", ""]);
    assert!(shows("`{id}` is \"x\" or 7", "`{{{name}}}` is {a:?} or {}"));
    assert!(!shows("not `{id}` is \"x\" or 7", "`{{{name}}}` is {a:?} or {}"));
    assert!(!shows("a longer text", "a longer"));
}
