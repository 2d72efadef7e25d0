//! Snippets fit into the width that docs.rs shows on a small screen.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::fs;
use std::path::{Path, PathBuf};

const WIDTH: usize = 80;

#[test]
fn no_line_of_a_snippet_is_wider_than_80_columns() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = vec![root.join("README.md")];
    sources(&root.join("meetbit-client/src"), &mut files);
    files.push(root.join("meetbit-macros/src/lib.rs"));
    let wide: Vec<String> = files.iter().flat_map(|file| wide_lines(file)).collect();
    assert!(wide.is_empty(), "{}", wide.join("\n"));
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "md") {
            found.push(path);
        }
    }
}

/// The lines between two fences that are shown and too wide.
fn wide_lines(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    let is_source = file.extension().is_some_and(|extension| extension == "rs");
    let (mut wide, mut is_inside) = (Vec::new(), false);
    for (index, line) in text.lines().enumerate() {
        let Some(shown) = (if is_source { documentation(line) } else { Some(line) }) else { continue };
        if shown.trim_start().starts_with("```") {
            is_inside = !is_inside;
        } else if is_inside && !shown.starts_with("# ") && shown.chars().count() > WIDTH {
            wide.push(format!("{}:{}: {} columns", file.display(), index + 1, shown.chars().count()));
        }
    }
    wide
}

/// The text of a line of documentation.
fn documentation(line: &str) -> Option<&str> {
    let comment = line.trim_start();
    let text = comment.strip_prefix("///").or_else(|| comment.strip_prefix("//!"))?;
    Some(text.strip_prefix(' ').unwrap_or(text))
}
