//! What holds for all compile-fail cases together: a message each, and a case for each message.
#![allow(clippy::unwrap_used, reason = "a source that cannot be read is a broken test")]

use std::fs;
use std::path::Path;

#[test]
fn every_message_has_a_case() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let answers = files(&root.join("compile-fail"), "stderr").join("\n");
    let lines: Vec<&str> = answers.lines().filter(|line| line.starts_with("error: ")).collect();
    let messages: Vec<String> =
        files(&root.join("../meetbit-macros/src"), "rs").iter().flat_map(|text| messages(text)).collect();
    assert!(messages.len() > 50, "the source is not read right: {messages:#?}");
    let missing: Vec<&String> =
        messages.iter().filter(|message| !lines.iter().any(|line| shows(line, message))).collect();
    assert!(missing.is_empty(), "no case shows {missing:#?}");
}

/// Cases with more than one mistake, and how many.
const SEVERAL: [(&str, usize); 10] = [
    ("api_endpoint_with_a_body_and_without_self", 2),
    ("argument_not_marked_beside_a_placeholder_without_argument", 2),
    ("arguments_not_in_the_path", 2),
    ("broken_methods_of_a_broken_trait", 4),
    ("placeholder_misspelt_beside_a_hopeless_one", 2),
    ("placeholder_misspelt_in_a_wrong_path", 2),
    ("placeholders_misspelt", 2),
    ("placeholders_without_argument", 2),
    ("several_mistakes_in_one_method", 14),
    ("three_broken_methods_in_use", 4),
];

#[test]
fn a_mistake_gives_one_error_and_nothing_else() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("compile-fail");
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let cases: Vec<_> = entries.filter(|path| path.extension().is_some_and(|found| found == "stderr")).collect();
    assert!(cases.len() >= 150, "{}", cases.len());
    for case in cases {
        let name = case.file_stem().unwrap().to_str().unwrap();
        let mistakes = SEVERAL.iter().find(|(several, _)| *several == name).map_or(1, |(_, mistakes)| *mistakes);
        let answer = fs::read_to_string(&case).unwrap();
        assert_eq!(answer.lines().filter(|line| line.starts_with("error")).count(), mistakes, "{name}");
        assert!(!answer.lines().any(|line| line.starts_with("warning")), "{name}");
    }
}

fn files(directory: &Path, extension: &str) -> Vec<String> {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let chosen = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
    chosen.map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// The string literals of a source that read like a sentence, tests left out.
fn messages(source: &str) -> Vec<String> {
    let is_test_file = source.contains("#![allow(clippy::unwrap_used");
    let code = source.split("#[cfg(test)]\nmod tests").next().filter(|_| !is_test_file).unwrap_or_default();
    let is_comment = |line: &str| line.starts_with("//") || line.starts_with("let doc = ");
    let code: Vec<&str> = code.lines().filter(|line| !is_comment(line.trim_start())).collect();
    let mut rest = code.join("\n").replace("'\"'", "");
    let mut found = Vec::new();
    while let Some(start) = rest.find('"') {
        let end =
            (start + 1..rest.len()).find(|&end| rest[end..].starts_with('"') && !rest[..end].ends_with('\\')).unwrap();
        let literal = rest[start + 1..end].replace("\\\"", "\"");
        rest = rest.split_off(end + 1);
        if literal.matches(' ').count() > 3 {
            found.push(literal);
        }
    }
    found
}

/// Whether the fixed parts of a message stand in a line, in their order.
fn shows(line: &str, message: &str) -> bool {
    let message = message.replace("{{{", "{").replace("}}}", "}").replace("{{", "\u{1}").replace("}}", "\u{2}");
    let parts = message.split('{').map(|part| part.split_once('}').map_or(part, |(_, fixed)| fixed));
    let mut rest = line;
    for part in parts {
        let part = part.replace('\u{1}', "{").replace('\u{2}', "}");
        let Some(position) = rest.find(&part) else { return false };
        rest = &rest[position + part.len()..];
    }
    true
}
