//! The client's files import only what their room allows, and no two files import each other, directly or through others.
#![allow(clippy::unwrap_used, reason = "a source that cannot be read is a broken test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::{Item, UseTree};

/// Each room, and the rooms that it may import. A room is a file of `src` with the folder of its name. `lib` is the crate root,
/// from which only rooms that are written as a user would write them import.
const ROOMS: [(&str, &[&str]); 14] = [
    ("permission", &[]),
    ("endpoint", &["permission"]),
    ("error", &["endpoint"]),
    ("request", &["error", "endpoint", "permission"]),
    ("response", &["error", "endpoint", "permission"]),
    ("rate_limit", &["response", "error"]),
    ("transport", &["request", "response", "rate_limit", "error"]),
    ("client", &["transport", "request", "response", "rate_limit", "error", "endpoint", "permission"]),
    ("journal", &["client", "transport", "response", "rate_limit", "error"]),
    ("resources", &["lib"]),
    ("conformance", &["lib", "response"]),
    ("webhook", &["resources"]),
    ("sandbox", &["lib", "webhook", "transport"]),
    ("private", &["client", "request", "endpoint"]),
];

#[test]
fn a_room_imports_only_what_it_may() {
    for (file, imports) in imports() {
        let room = file.split("::").next().unwrap();
        let allowed = ROOMS.iter().find(|(name, _)| *name == room);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("`{file}` is in no room"));
        for import in imports {
            let other = import.split("::").next().unwrap();
            assert!(other == room || allowed.contains(&other), "`{file}` must not import `{import}`");
        }
    }
}

#[test]
fn no_files_import_each_other() {
    let mut imports = imports();
    while let Some(file) = imports.keys().find(|file| imports[*file].is_empty()).cloned() {
        imports.remove(&file);
        for others in imports.values_mut() {
            others.remove(&file);
            others.remove("lib");
        }
    }
    assert!(imports.is_empty(), "there is a circle among {imports:#?}");
}

/// Each file, such as `client::call`, with the files that its `use` items name, apart from those of its tests.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("meetbit-client/src");
    let sources = sources(&root, "");
    assert!(sources.len() > 80, "{} sources", sources.len());
    let names: BTreeSet<&String> = sources.keys().collect();
    let imports = sources.iter().map(|(name, path)| {
        let file = syn::parse_file(&fs::read_to_string(path).unwrap()).unwrap();
        let mut paths = Vec::new();
        for item in file.items {
            if let Item::Use(item) = item {
                leaves(&item.tree, String::new(), &mut paths);
            }
        }
        let found = paths.iter().filter_map(|path| file_of(path, name, &names)).filter(|found| found != name);
        (name.clone(), found.collect())
    });
    imports.collect()
}

/// The file that a path of the crate names: the longest that it begins with, else the crate root.
fn file_of(path: &str, importer: &str, names: &BTreeSet<&String>) -> Option<String> {
    let above = importer.rsplit_once("::").map_or("", |(above, _)| above);
    let path = match path.split_once("::")? {
        ("crate" | "meetbit_client", rest) => rest.to_owned(),
        ("self", rest) => format!("{importer}::{rest}"),
        ("super", rest) => format!("{above}::{rest}"),
        _ => return None,
    };
    let is_start = |name: &String| path == *name || path.starts_with(&format!("{name}::"));
    let longest = names.iter().filter(|name| is_start(name)).max_by_key(|name| name.len());
    Some(longest.map_or("lib".to_owned(), |name| (**name).clone()))
}

fn leaves(tree: &UseTree, prefix: String, paths: &mut Vec<String>) {
    match tree {
        UseTree::Path(path) => leaves(&path.tree, format!("{prefix}{}::", path.ident), paths),
        UseTree::Name(name) => paths.push(format!("{prefix}{}", name.ident)),
        UseTree::Rename(name) => paths.push(format!("{prefix}{}", name.ident)),
        UseTree::Glob(_) => paths.push(prefix),
        UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, prefix.clone(), paths)),
    }
}

/// The files below a folder by their module names, without `lib.rs` and the tests.
fn sources(folder: &Path, prefix: &str) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = format!("{prefix}{}", path.file_stem().unwrap().to_str().unwrap());
        if ["lib", "tests", "simulation"].iter().any(|skipped| name.rsplit("::").next() == Some(skipped)) {
            continue;
        }
        if path.is_dir() {
            found.extend(sources(&path, &format!("{name}::")));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.insert(name, path);
        }
    }
    found
}
