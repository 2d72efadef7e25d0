//! Every message in the macros' source has a case that shows it.
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
